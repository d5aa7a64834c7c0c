"""The settings as a form, made from the mapping's own `Settings`."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from klaviyo_mapping import SettingError, Settings
from klaviyo_mapping.settings import READERS


@dataclass(frozen=True, slots=True)
class Help:
    """A setting in plain words. `example` stands in an empty field."""

    label: str
    text: str
    example: str = ""


HELP: Mapping[str, Help] = {
    "confirm_optin": Help(
        "Ask people before they join a list",
        "On: the list's own opt-in process asks them. Off: they are on the list at once, without"
        " consent on record.",
    ),
    "enforce_email": Help(
        "Only people with an e-mail address",
        "On: a message without an address is dropped, and nobody appears twice. Off: the user id or"
        " the telephone number will do.",
    ),
    "list_id": Help(
        "List to join",
        "Identified people with an address join this list. A message can name another one.",
        "Y6nRLr",
    ),
    "fallback_on_anonymous_id": Help(
        "Take anonymous visitors too",
        "On: without a user id, the anonymous id counts. This makes many profiles.",
    ),
    "send_placed_order_as_order_completed": Help(
        "Call orders “Order Completed”",
        "Off: they are called “Placed Order”, as Klaviyo's shops do.",
    ),
    "default_country": Help(
        "Country of telephone numbers",
        "For numbers that name none: two letters.",
        "US",
    ),
}
"""By setting. One that is not here appears in the form all the same, under its own name."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form. `default` and `running` are texts, as in an environment variable."""

    variable: str
    label: str
    text: str
    example: str
    is_switch: bool
    default: str
    running: str


def form(variables: Mapping[str, str]) -> list[Input]:
    """Every setting, with what it is in these environment variables."""
    inputs = []
    for setting in fields(Settings):
        default = _default(setting)
        is_switch = isinstance(default, bool)
        default_text = str(default).lower() if is_switch else _as_text(default)
        running = variables.get(setting.name.upper(), "").strip() or default_text
        if is_switch:
            running = str(READERS[setting.name](setting.name.upper(), running)).lower()
        told = HELP.get(setting.name, Help(setting.name.replace("_", " ").capitalize(), ""))
        inputs.append(
            Input(
                setting.name.upper(),
                told.label,
                told.text,
                told.example,
                is_switch,
                default_text,
                running,
            )
        )
    return inputs


def read(texts: Mapping[str, str]) -> Settings | dict[str, str]:
    """The settings of a filled-in form, or what is wrong with each field that cannot be read."""
    wrong = {}
    for name in READERS:
        try:
            Settings.from_environment({name.upper(): texts.get(name.upper(), "")})
        except SettingError as error:
            wrong[name.upper()] = str(error).removeprefix(f"{name.upper()}: ")
    return wrong or Settings.from_environment(texts)


def _as_text(default: Any) -> str:
    return str(default) if isinstance(default, str | int | float) else ""


def _default(setting: "Field[Any]") -> Any:
    return setting.default if setting.default is not MISSING else None
