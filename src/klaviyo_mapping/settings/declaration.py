"""One declaration of a setting, in the annotation of its field.

`Settings` and `handler.aws.environment.Environment` declare settings. The command line's options
and the console's form are made from the declarations. template.yaml and docs/settings.md are
checked against them (tests/test_settings_everywhere.py).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})

Reader = Callable[[str, str], Any]
"""Gets the variable's name and its text, without white space around it. Raises `SettingError`."""

Origin = Literal["parameter", "resource", "local"]
"""Who sets the variable: a parameter of the template, a resource of the template, or, on a
developer's machine only, the developer."""


class SettingError(ValueError):
    """A setting that cannot be read as its type; the message names it and what it takes.

    `where` is the place within it, of a setting that has places.
    """

    def __init__(self, name: str, expected: str, where: str = "") -> None:
        super().__init__(f"{name}: {where}{': ' if where else ''}expected {expected}")
        self.name = name


class Setting(msgspec.Struct, frozen=True):
    """The second argument of a field's `Annotated`.

    `label` and `help` are for people: the console's form, the command line and the template show
    them. `example` is a value in an empty field. A switch or a choice needs no reader.
    """

    label: str
    help: str
    read: Reader | None = None
    example: str = ""
    origin: Origin = "parameter"


class Declared(msgspec.Struct, frozen=True):
    """A declared setting, with what follows from its field's name, type and default.

    `choices` is empty unless the value is one of a few words; a switch has none.
    """

    name: str
    setting: Setting
    is_switch: bool
    choices: tuple[str, ...]
    read: Reader
    default: Any

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.name.upper()

    @property
    def parameter(self) -> str:
        """The template's parameter."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is MISSING

    @property
    def default_text(self) -> str:
        """The default as the variable's text; empty when there is none."""
        if self.is_required or self.default is None or self.default == ():
            return ""
        return str(self.default).lower() if self.is_switch else str(self.default)


def declared(owner: type) -> Iterator[Declared]:
    """The settings that the fields of this dataclass declare, in its order."""
    for each in fields(owner):
        if get_origin(each.type) is not Annotated:
            continue
        kind, setting = get_args(each.type)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        is_switch = kind is bool
        read = setting.read or (_boolean if is_switch else _one_of(choices))
        yield Declared(each.name, setting, is_switch, choices, read, each.default)


def read_declared(owner: type, variables: Mapping[str, str]) -> dict[str, Any]:
    """The declared fields whose variable is set, read; the others have their defaults.

    An absent or blank variable means the default. Raises `SettingError` when a value cannot be read
    as its type, or is absent and required.
    """
    chosen = {}
    for each in declared(owner):
        text = variables.get(each.variable, "").strip()
        if text or each.is_required:
            chosen[each.name] = each.read(each.variable, text)
    return chosen


def _boolean(variable: str, text: str) -> bool:
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise SettingError(variable, "true or false")


def _one_of(words: tuple[str, ...]) -> Reader:
    def read(variable: str, text: str) -> str:
        if text.lower() not in words:
            raise SettingError(variable, " or ".join(words))
        return text.lower()

    return read
