"""The settings of the old destination, read from environment variables."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})


class SettingError(ValueError):
    """A setting that cannot be read as its type; the message names it and what it takes."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: expected {expected}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Settings:
    """How messages are mapped. Field names are the settings' names; defaults are the old page's."""

    confirm_optin: bool = True
    enforce_email: bool = True
    list_id: str | None = None
    fallback_on_anonymous_id: bool = False
    send_placed_order_as_order_completed: bool = True
    default_country: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read each setting from the variable of its name in capitals.

        A variable that is absent or blank means the default. Raises `SettingError` when a value
        cannot be read as its type.
        """
        chosen: dict[str, Any] = {}
        for setting in fields(cls):
            variable = setting.name.upper()
            text = environment.get(variable, "").strip()
            if text:
                chosen[setting.name] = READERS[setting.name](variable, text)
        return cls(**chosen)


def _boolean(variable: str, text: str) -> bool:
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise SettingError(variable, "true or false")


def _list_id(variable: str, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise SettingError(variable, "a Klaviyo list id such as Y6nRLr (letters and digits)")
    return text


def _country(variable: str, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", text):
        raise SettingError(variable, "a two-letter country code (ISO 3166 alpha-2) such as US")
    return text.upper()


READERS: dict[str, Callable[[str, str], Any]] = {
    "confirm_optin": _boolean,
    "enforce_email": _boolean,
    "list_id": _list_id,
    "fallback_on_anonymous_id": _boolean,
    "send_placed_order_as_order_completed": _boolean,
    "default_country": _country,
}
