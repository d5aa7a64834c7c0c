"""The settings as a form, made from the mapping's own `Settings`."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from handler.aws.environment import rules_text
from klaviyo_mapping import SettingError, Settings
from klaviyo_mapping.settings.settings import READERS


@dataclass(frozen=True, slots=True)
class Help:
    """A setting in plain words. `example` stands in an empty field."""

    label: str
    text: str
    example: str = ""


HELP: Mapping[str, Help] = {
    "confirm_optin": Help(
        "Ask people before they join a list",
        "On: the list's own opt-in process asks them. Off: they join the list at once, without"
        " recorded consent.",
    ),
    "enforce_email": Help(
        "Only people with an e-mail address",
        "On: a message without an address is dropped, and nobody appears twice. Off: the user id or"
        " the phone number is enough.",
    ),
    "list_id": Help(
        "List to join",
        "Identified people with an address join this list. A message can name another one.",
        "Y6nRLr",
    ),
    "fallback_on_anonymous_id": Help(
        "Include anonymous visitors",
        "On: without a user id, the anonymous id is used. This creates many profiles.",
    ),
    "send_placed_order_as_order_completed": Help(
        "Call orders “Order Completed”",
        "Off: they are called “Placed Order”, as Klaviyo's shops do.",
    ),
    "default_country": Help(
        "Country of phone numbers",
        "For messages that name no country: two letters.",
        "US",
    ),
    "audience_lists": Help(
        "Lists of Engage audiences",
        "Who enters an audience joins its list, who exits leaves it. Write auto for lists of the"
        " audiences' names, or which list is whose.",
        '{"repeat_buyers": "WmB7kT"}',
    ),
    "consent_events": Help(
        "Take consent from two events",
        "On: the next two events subscribe and unsubscribe their person.",
    ),
    "subscribe_event": Help("Event that subscribes", "Its name, in any spelling."),
    "unsubscribe_event": Help("Event that unsubscribes", "Its name, in any spelling."),
    "forward_deletions": Help(
        "Forward deletions",
        "On: a delete message deletes the person in Klaviyo, for good.",
    ),
    "order_property_names": Help(
        "Property names of orders",
        "classic: as the old destination wrote them. klaviyo: as Klaviyo's guide does.",
    ),
    "ecommerce_metrics": Help(
        "Names of e-commerce events",
        "klaviyo: as Klaviyo's own flows expect them, with the properties that those read.",
    ),
    "keep_user_id": Help(
        "Property that keeps the user id",
        "While only the e-mail address names people.",
        "user_id",
    ),
    "send_anonymous_id": Help(
        "Send the anonymous id with events",
        "On: events carry it beside their other identifiers; with anonymous visitors, in place of"
        " an external id.",
    ),
    "forward_aliases": Help(
        "Forward aliases",
        "On: an alias merges the profile of the previous id into that of the user id, for good.",
    ),
    "forward_types": Help(
        "Further types of messages",
        "Pages and screens become events, groups custom properties of their members.",
        "group, page, screen",
    ),
    "list_opt_in": Help(
        "Opt-in process of created lists",
        "For lists that are created for audiences. account: as the account has it by default.",
    ),
    "consent_source": Help(
        "Source of consents",
        "Where a consent was given, for messages that do not say.",
    ),
    "send_context": Help(
        "Send the context's locale and IP address",
        "On: they fill the profile where no trait does. Both are personal data.",
    ),
    "rules": Help(
        "Rules",
        "Filters and renames in TOML, as in src/rules.example.toml. Deployed, they are a file.",
        '[events]\ndeny = ["Debug *"]',
    ),
}
"""By setting. A setting that is not here appears in the form under its own name."""


class Kind(StrEnum):
    """How a setting is entered."""

    SWITCH = "switch"
    CHOICE = "choice"
    TEXT = "text"
    LINES = "lines"


LINES = frozenset({"rules"})
"""Settings whose text has several lines."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form. `default` and `running` are texts, as in an environment variable;
    `choices` are those of a choice."""

    variable: str
    label: str
    text: str
    example: str
    kind: Kind
    choices: tuple[str, ...]
    default: str
    running: str


def form(variables: Mapping[str, str]) -> list[Input]:
    """Every setting, with what it is in these environment variables.

    Raises `SettingError` when the rules' file cannot be read.
    """
    inputs = []
    for setting in fields(Settings):
        variable = setting.name.upper()
        default = _default(setting)
        kind, choices = _kind(setting)
        default_text = str(default).lower() if kind is Kind.SWITCH else _as_text(default)
        running = rules_text(variables) if setting.name == "rules" else variables.get(variable, "")
        running = running.strip() or default_text
        if kind in (Kind.SWITCH, Kind.CHOICE):
            running = str(READERS[setting.name](variable, running)).lower()
        told = HELP.get(setting.name, Help(setting.name.replace("_", " ").capitalize(), ""))
        inputs.append(
            Input(
                variable,
                told.label,
                told.text,
                told.example,
                kind,
                choices,
                default_text,
                running,
            )
        )
    return inputs


def read(texts: Mapping[str, str]) -> Settings | dict[str, str]:
    """The settings of a filled-in form, or what is wrong with each field that cannot be read."""
    wrong = {}
    for name in READERS:
        text = texts.get(name.upper(), "").strip()
        try:
            if text:
                READERS[name](name.upper(), text)
        except SettingError as error:
            wrong[error.name] = _without_name(error)
    if wrong:
        return wrong
    try:
        return Settings.from_environment(texts)
    except SettingError as error:
        return {error.name: _without_name(error)}


def _without_name(error: SettingError) -> str:
    return str(error).removeprefix(f"{error.name}: ")


def _kind(setting: "Field[Any]") -> tuple[Kind, tuple[str, ...]]:
    if setting.type is bool:
        return Kind.SWITCH, ()
    if get_origin(setting.type) is Literal:
        return Kind.CHOICE, get_args(setting.type)
    return (Kind.LINES if setting.name in LINES else Kind.TEXT), ()


def _as_text(default: Any) -> str:
    return str(default) if isinstance(default, str | int | float) else ""


def _default(setting: "Field[Any]") -> Any:
    return setting.default if setting.default is not MISSING else None
