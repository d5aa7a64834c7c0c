"""The settings as a form, made from the mapping's own declarations."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handler.aws.environment import rules_text
from klaviyo_mapping import SettingError, Settings
from klaviyo_mapping.settings.declaration import Declared, declared


class Kind(StrEnum):
    """How a setting is entered."""

    SWITCH = "switch"
    CHOICE = "choice"
    TEXT = "text"
    LINES = "lines"


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
    """Every setting, with its value in these environment variables.

    Raises `SettingError` if the rules' file cannot be read.
    """
    inputs = []
    for each in declared(Settings):
        kind = _kind(each)
        running = (
            rules_text(variables) if each.name == "rules" else variables.get(each.variable, "")
        )
        running = running.strip() or each.default_text
        if kind in (Kind.SWITCH, Kind.CHOICE):
            running = str(each.read(each.variable, running)).lower()
        inputs.append(
            Input(
                each.variable,
                each.setting.label,
                each.setting.help,
                each.setting.example,
                kind,
                each.choices,
                each.default_text,
                running,
            )
        )
    return inputs


def read(texts: Mapping[str, str]) -> Settings | dict[str, str]:
    """The settings of a filled-in form, or the problem of each field that cannot be read."""
    wrong = {}
    for each in declared(Settings):
        text = texts.get(each.variable, "").strip()
        try:
            if text:
                each.read(each.variable, text)
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


def _kind(each: Declared) -> Kind:
    if each.is_switch:
        return Kind.SWITCH
    if each.choices:
        return Kind.CHOICE
    return Kind.LINES if "\n" in each.setting.example else Kind.TEXT
