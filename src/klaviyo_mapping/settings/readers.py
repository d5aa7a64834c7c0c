"""Reads a setting's text as its type: the variable's name for the error, and the text."""

import json
import re
from collections.abc import Mapping
from typing import Literal

from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.message import FORWARDABLE, LONGEST_EVENT_NAME
from klaviyo_mapping.settings.countries import alpha2_of_code
from klaviyo_mapping.settings.declaration import SettingError
from klaviyo_mapping.settings.rules import Rules

LIST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

LONGEST_SOURCE = 100
"""Klaviyo states no limit for the source of a consent; this is for people to read."""


def list_id(variable: str, text: str) -> str:
    """A list's id; it becomes a part of URLs."""
    if not LIST_ID.fullmatch(text):
        raise SettingError(variable, "a Klaviyo list id such as Y6nRLr (letters and digits)")
    return text


def country(variable: str, text: str) -> str:
    """A country's code, in capitals."""
    code = alpha2_of_code(text)
    if code is None:
        raise SettingError(variable, "a two-letter country code (ISO 3166 alpha-2) such as US")
    return code


def audience_lists(variable: str, text: str) -> Mapping[str, str] | Literal["auto"]:
    """`auto`, or the lists of audiences by the audiences' keys."""
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


def event_name(variable: str, text: str) -> str:
    """An event's name."""
    if len(text) > LONGEST_EVENT_NAME:
        raise SettingError(variable, f"an event's name of at most {LONGEST_EVENT_NAME} characters")
    return text


def property_name(variable: str, text: str) -> str:
    """The name of a custom property."""
    if not re.fullmatch(r"\w[\w .-]{0,63}", text):
        raise SettingError(
            variable, "a property's name such as user_id (letters, digits, _, -, . and space)"
        )
    return text


def types(variable: str, text: str) -> tuple[str, ...]:
    """Those of `FORWARDABLE` that are named, in that order."""
    words = {word.lower() for word in re.split(r"[,;\s]+", text) if word}
    if not words or not words.issubset(FORWARDABLE):
        raise SettingError(variable, f"some of {', '.join(FORWARDABLE)}, with commas between them")
    return tuple(name for name in FORWARDABLE if name in words)


def words(variable: str, text: str) -> str:
    """A text on one line."""
    if len(text) > LONGEST_SOURCE or not text.isprintable():
        raise SettingError(variable, f"a text of at most {LONGEST_SOURCE} characters on one line")
    return text


def rules(variable: str, text: str) -> Rules:
    """Rules in TOML."""
    # Imported here, with the parser of TOML, since few have rules.
    from klaviyo_mapping.settings.rules_file import RulesError, read_rules

    try:
        return read_rules(text)
    except RulesError as error:
        raise SettingError(variable, error.expected, error.where) from None
