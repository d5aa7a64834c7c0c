"""The settings, read from environment variables: the old destination's, then those beyond it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.message import FORWARDABLE, LONGEST_EVENT_NAME
from klaviyo_mapping.settings.countries import alpha2_of_code
from klaviyo_mapping.settings.rules import Rules

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})

LIST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

LONGEST_SOURCE = 100
"""Klaviyo states no limit for the source of a consent; this is for people to read."""


class SettingError(ValueError):
    """A setting that cannot be read as its type; the message names it and what it takes.

    `where` is the place within it, of a setting that has places.
    """

    def __init__(self, name: str, expected: str, where: str = "") -> None:
        super().__init__(f"{name}: {where}{': ' if where else ''}expected {expected}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Settings:
    """How messages are mapped. Field names are the settings' names.

    The first six are the old page's, with its defaults. The others add to it, and are off.
    `audience_lists` has the Klaviyo list of each Engage audience by the audience's key, or is
    `auto`: the list named after the key. `forward_types` has those of `FORWARDABLE` that are taken,
    in that order.
    """

    confirm_optin: bool = True
    enforce_email: bool = True
    list_id: str | None = None
    fallback_on_anonymous_id: bool = False
    send_placed_order_as_order_completed: bool = True
    default_country: str | None = None
    audience_lists: Mapping[str, str] | Literal["auto"] | None = None
    consent_events: bool = False
    subscribe_event: str = "User Subscribed"
    unsubscribe_event: str = "User Unsubscribed"
    forward_deletions: bool = False
    order_property_names: Literal["classic", "klaviyo"] = "classic"
    ecommerce_metrics: Literal["segment", "klaviyo"] = "segment"
    keep_user_id: str | None = None
    send_anonymous_id: bool = False
    forward_aliases: bool = False
    forward_types: tuple[str, ...] = ()
    list_opt_in: Literal["account", "single", "double"] = "account"
    consent_source: str = "Segment"
    send_context: bool = False
    rules: Rules | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read each setting from the variable of its name in capitals.

        A variable that is absent or blank means the default. Raises `SettingError` when a value
        cannot be read as its type, or contradicts another.
        """
        chosen: dict[str, Any] = {}
        for setting in fields(cls):
            variable = setting.name.upper()
            text = environment.get(variable, "").strip()
            if text:
                chosen[setting.name] = READERS[setting.name](variable, text)
        settings = cls(**chosen)
        if normalise(settings.subscribe_event) == normalise(settings.unsubscribe_event):
            raise SettingError("UNSUBSCRIBE_EVENT", "another event than SUBSCRIBE_EVENT's")
        return settings


def _boolean(variable: str, text: str) -> bool:
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise SettingError(variable, "true or false")


def _list_id(variable: str, text: str) -> str:
    if not LIST_ID.fullmatch(text):
        raise SettingError(variable, "a Klaviyo list id such as Y6nRLr (letters and digits)")
    return text


def _country(variable: str, text: str) -> str:
    code = alpha2_of_code(text)
    if code is None:
        raise SettingError(variable, "a two-letter country code (ISO 3166 alpha-2) such as US")
    return code


def _audience_lists(variable: str, text: str) -> Mapping[str, str] | Literal["auto"]:
    if text.lower() == "auto":
        return "auto"
    error = SettingError(
        variable,
        'auto, or a JSON object of audience keys and Klaviyo list ids such as {"vips": "Y6nRLr"}',
    )
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise error from None
    if not isinstance(pairs, tuple):
        raise error
    for key, list_id in pairs:
        if not key.strip() or not isinstance(list_id, str) or not LIST_ID.fullmatch(list_id):
            raise error
    keys = [normalise(key) for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise SettingError(variable, "each audience key once, whatever its spelling")
    return dict(pairs)


def _event_name(variable: str, text: str) -> str:
    if len(text) > LONGEST_EVENT_NAME:
        raise SettingError(variable, f"an event's name of at most {LONGEST_EVENT_NAME} characters")
    return text


def _property_name(variable: str, text: str) -> str:
    if not re.fullmatch(r"\w[\w .-]{0,63}", text):
        raise SettingError(
            variable, "a property's name such as user_id (letters, digits, _, -, . and space)"
        )
    return text


def _types(variable: str, text: str) -> tuple[str, ...]:
    words = {word.lower() for word in re.split(r"[,;\s]+", text) if word}
    if not words or not words.issubset(FORWARDABLE):
        raise SettingError(variable, f"some of {', '.join(FORWARDABLE)}, with commas between them")
    return tuple(name for name in FORWARDABLE if name in words)


def _words(variable: str, text: str) -> str:
    if len(text) > LONGEST_SOURCE or not text.isprintable():
        raise SettingError(variable, f"a text of at most {LONGEST_SOURCE} characters on one line")
    return text


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(variable: str, text: str) -> str:
        if text.lower() not in words:
            raise SettingError(variable, " or ".join(words))
        return text.lower()

    return read


def _rules(variable: str, text: str) -> Rules:
    # Imported here, with the parser of TOML, since few have rules.
    from klaviyo_mapping.settings.rules_file import RulesError, read_rules

    try:
        return read_rules(text)
    except RulesError as error:
        raise SettingError(variable, error.expected, error.where) from None


READERS: dict[str, Callable[[str, str], Any]] = {
    "confirm_optin": _boolean,
    "enforce_email": _boolean,
    "list_id": _list_id,
    "fallback_on_anonymous_id": _boolean,
    "send_placed_order_as_order_completed": _boolean,
    "default_country": _country,
    "audience_lists": _audience_lists,
    "consent_events": _boolean,
    "subscribe_event": _event_name,
    "unsubscribe_event": _event_name,
    "forward_deletions": _boolean,
    "order_property_names": _one_of("classic", "klaviyo"),
    "ecommerce_metrics": _one_of("segment", "klaviyo"),
    "keep_user_id": _property_name,
    "send_anonymous_id": _boolean,
    "forward_aliases": _boolean,
    "forward_types": _types,
    "list_opt_in": _one_of("account", "single", "double"),
    "consent_source": _words,
    "send_context": _boolean,
    "rules": _rules,
}
"""For each setting, what reads it; gets the variable's name and its text, without white space
around it. Raises `SettingError`."""
