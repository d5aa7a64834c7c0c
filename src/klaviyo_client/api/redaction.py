"""Klaviyo's error texts without the personal data that they quote, so that they can be logged.

Klaviyo quotes values escaped, cut short, glued to other words, and those of an item's neighbours or
of whatever it merged. So redaction is an allow-list: only words that are known to name nobody stay
(`klaviyo_client.api.error_words`). Every step is linear in the text's length.
"""

import re

from klaviyo_client.api.error_words import UNITS, WORDS
from operations import Operation

MASK = "***"

MAX_LENGTH = 500

MAX_READ = 4_000
"""Of a text. Klaviyo's own are much shorter."""

_CHUNK = re.compile(r"[^\s'\"<>]+")
_WORD = re.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*|[^\x00-\x7f]+")
_PART = re.compile(r"[A-Za-z0-9]+")
_UNIT = re.compile(r"\s+([A-Za-z]{1,12})\b")
_MASKS = re.compile(r"\*\*\*(?:[^\s'\"*]{0,3}\*\*\*)+")

_MOST_DIGITS = 5
"""Of a position in a pointer, or of a number of something."""

_OURS = ("list_id", "job_id")
"""Fields of an operation that name no person, and help to find what is meant."""


def redact(detail: str, operation: Operation) -> str:
    """`detail` with every word and number masked that is neither of Klaviyo's own texts nor the
    name of a field, the id of the operation's list, or of its job.

    At most 500 characters.
    """
    ours = {getattr(operation, name, None) for name in _OURS}
    return _redacted(detail, frozenset(each for each in ours if isinstance(each, str)))


def redact_code(code: str) -> str:
    """An error's code, as `redact`: `invalid_phone_number`."""
    return _redacted(code, frozenset())


def redact_pointer(pointer: str) -> str:
    """A JSON pointer with its positions and the names of fields, but not of custom properties.

    At most 500 characters.
    """
    segments = pointer[:MAX_READ].split("/")
    shown = (each if _is_small(each) else _redacted(each, frozenset()) for each in segments)
    return "/".join(shown)[:MAX_LENGTH]


def _redacted(text: str, ours: frozenset[str]) -> str:
    text = _CHUNK.sub(_without_address, text[:MAX_READ])
    text = _WORD.sub(lambda word: word[0] if word[0] in ours else _masked(word), text)
    return _MASKS.sub(MASK, text)[:MAX_LENGTH]


def _without_address(chunk: re.Match[str]) -> str:
    return MASK if "@" in chunk[0] else chunk[0]


def _masked(found: re.Match[str]) -> str:
    word = found[0]
    if word.lower() in WORDS:
        return word
    if not word.isascii():
        return MASK
    if _is_small(word):
        unit = _UNIT.match(found.string, found.end())
        return word if unit is not None and unit[1].lower() in UNITS else MASK
    return _PART.sub(lambda part: part[0] if part[0].lower() in WORDS else MASK, word)


def _is_small(text: str) -> bool:
    return len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal()
