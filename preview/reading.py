"""Reads pasted text as messages. A JSON error has its line and column."""

import json
import re
from collections.abc import Sequence

from handler.door.body import Unreadable, read_values
from handler.door.refusals import Refusal
from handler.door.request import MAX_BODY_BYTES
from operations import Json

PLAIN = (
    ("Expecting ',' delimiter", "a comma or a closing bracket is missing before this"),
    ("Expecting ':' delimiter", "a colon is missing between a key and its value"),
    ("Expecting property name", "a key in double quotes should stand here"),
    ("Illegal trailing comma", "there is a comma too many"),
    ("Expecting value", "a value should stand here"),
    ("Extra data", "there is something after the end of the message"),
    ("Unterminated string", "this text has no closing quote"),
    (
        "Invalid control character",
        "a line break or a tab inside a text has to be written \\n or \\t",
    ),
    ("Unexpected UTF-8 BOM", "the text begins with an invisible byte order mark"),
    ("Invalid \\escape", "a backslash in a text has to be doubled: \\\\"),
    ("Invalid \\uXXXX escape", "after \\u there have to be four hexadecimal digits"),
)
"""The beginnings of Python's error texts, and what they mean in plain words."""

_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<constant>-?Infinity|NaN)')


class UnreadableText(ValueError):  # noqa: N818 - what it is, not what went wrong
    """The text holds no messages. `code` is the error code that Segment would get.

    `line` and `column` count from 1, `offset` counts characters from 0. All are `None` if the error
    has no place.
    """

    def __init__(self, code: str, detail: str, text: str = "", offset: int | None = None) -> None:
        self.code = code
        self.detail = detail
        self.offset = offset
        self.line: int | None = None
        self.column: int | None = None
        if offset is not None:
            self.line = text.count("\n", 0, offset) + 1
            self.column = offset - text.rfind("\n", 0, offset)
        at = "" if self.line is None else f"line {self.line}, column {self.column}: "
        super().__init__(at + detail)


def read(text: str) -> Sequence[Json | Unreadable]:
    """The one message, or the messages of an array, as the door reads them.

    Raises `UnreadableText`.
    """
    body = text.encode(errors="replace")
    if len(body) > MAX_BODY_BYTES:
        raise UnreadableText("too_large", "The text is larger than 6 MiB. Try fewer messages.")
    try:
        return list(read_values(body))
    except Refusal as refusal:
        found = _fault(text)
        if found is None:
            raise UnreadableText(refusal.code, str(refusal)) from None
        offset, detail = found
        raise UnreadableText(refusal.code, detail, text, offset) from None


def _fault(text: str) -> tuple[int, str] | None:
    """Where and why the text is not JSON; `None` if it is JSON or the place is unknown."""
    if not text.strip(" \t\r\n"):
        return None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos, _in_plain_words(error.msg)
    except RecursionError:
        return None
    for found in _CONSTANT.finditer(text):
        if found["constant"]:
            return found.start(), f"{found['constant']} is not a JSON number; write null"
    return None


def _in_plain_words(message: str) -> str:
    return next((plain for beginning, plain in PLAIN if message.startswith(beginning)), message)
