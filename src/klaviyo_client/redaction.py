"""Klaviyo's error texts without the personal data that they quote, so that they can be logged."""

import re
from collections.abc import Iterator

from klaviyo_mapping.operations import Json, Operation, to_json

MASK = "***"

MAX_LENGTH = 500

_PERSONAL = re.compile(
    r"[^\s'\"<>/]+@[^\s'\"<>/]+"  # an e-mail address, or half of one
    r"|\+?\d[\d\s().-]{4,}\d"  # a telephone number in any notation
)

_OURS = frozenset(
    {"kind", "list_id", "list_name", "job_id", "message_id", "message_ids", "merged", "time"}
)
"""Fields that name no person, and help to find what is meant."""


def redact(detail: str, operation: Operation) -> str:
    """`detail` with every value of the operation, address and long number masked.

    The names of attributes stay, since they are what one has to know to mend the message. At most
    500 characters.
    """
    quoted = detail.lower()
    ours = to_json(operation)
    theirs = [value for name, value in ours.items() if name not in _OURS]
    found = {value for value in _values(theirs) if value.lower() in quoted}
    for value in sorted(found, key=len, reverse=True):
        detail = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, detail, flags=re.IGNORECASE)
    return _PERSONAL.sub(MASK, detail)[:MAX_LENGTH]


def redact_pointer(pointer: str) -> str:
    """A JSON pointer, which names keys and positions, with addresses and long numbers masked."""
    return _PERSONAL.sub(MASK, pointer)[:MAX_LENGTH]


def _values(document: Json) -> Iterator[str]:
    """Every text and number in the document, without its keys."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif value is not None and not isinstance(value, bool) and str(value).strip():
            yield str(value).strip()
