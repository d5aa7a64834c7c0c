"""Reads what `handler.queue.envelope` writes, and whatever else lies in a queue.

A bad entry must not harm its neighbours in the envelope, the other SQS messages of the batch, or
the function's memory.
"""

import base64
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

from handler.queue.envelope import MAX_PACKED_BYTES, SCHEMA, Entry, encode
from handler.report.codes import RejectionCode
from operations import Json, JsonObject, from_json

READABLE_SCHEMAS = frozenset({1})

MAX_ATTEMPTS = 100_000
LATEST_TIME = 1e11
"""Unix seconds of the year 5138. A later time is no time that this code has written."""


class Room:
    """How many bytes one batch may still unpack. It bounds the memory that entries packed by
    strangers can take."""

    def __init__(self, limit: int = MAX_PACKED_BYTES) -> None:
        self.left = self.limit = limit
        self.is_shared = False

    def enter(self) -> None:
        """Begin with the next envelope."""
        self.is_shared = self.left < self.limit


class NoRoomError(Exception):
    """The envelope would unpack to more than there is room for."""


def unpack(text: str, room: Room | None = None) -> list[Entry]:
    """The entries of an envelope. What cannot be read is an entry of its own, with the reason.

    Raises `NoRoomError` where another envelope has taken the room that this one needs.
    """
    room = room or Room()
    room.enter()
    return _unpack(text, room, is_nested=False)


def _unpack(text: str, room: Room, *, is_nested: bool) -> list[Entry]:
    try:
        document, is_finite = _parse(text)
    except (ValueError, RecursionError):
        return [_unreadable(text, "not JSON")]
    if not isinstance(document, dict) or not _is_known(document.get("schema")):
        return [_unreadable(text, "not an envelope that this release knows")]
    entries = document.get("entries")
    if not isinstance(entries, list):
        return [_unreadable(text, "entries: expected a list")]
    found: list[Entry] = []
    for listed in entries:
        if not (is_finite or _is_finite(listed)):
            found.append(_unreadable_entry(listed, "entry: holds a number that is not finite"))
            continue
        try:
            found += _read(listed, room, is_nested=is_nested)
        except NoRoomError:
            raise
        except Exception as error:  # one entry must never cost its neighbours
            found.append(_unreadable_entry(listed, f"entry: {type(error).__name__}"))
    return found


def _is_known(schema: Json) -> bool:
    return isinstance(schema, int) and schema in READABLE_SCHEMAS


class _NoNumber(str):
    """A number of the text that is no finite one here, as it was written."""

    __slots__ = ()


def _parse(text: str) -> tuple[Json, bool]:
    """The JSON value, and whether its numbers are finite; those that are not are `_NoNumber`s.

    Raises `ValueError` or `RecursionError` for what is no JSON.
    """
    try:
        return _strict(text), True
    except ValueError:
        return _lenient(text), False


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("no finite number")
    return number


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _number(text: str) -> int | float | _NoNumber:
    # Python refuses to read integers of more than 4,300 digits; a float ends at 309.
    if len(text) > 400 or math.isinf(number := float(text)):
        return _NoNumber(text)
    return number if any(mark in text for mark in ".eE") else int(text)


_strict = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant).decode
_lenient = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_refuse_constant
).decode


def _is_finite(document: Json) -> bool:
    """Whether every number in it is one."""
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _NoNumber):
            return False
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return True


def _read(document: Json, room: Room, *, is_nested: bool) -> list[Entry]:
    """One listed entry; more than one where an envelope that was once unreadable can be read.

    What stands in an unreadable text is read once, and not what stands unreadable in that.
    """
    if not isinstance(document, dict):
        return [_unreadable_entry(document, "entry: expected an object")]
    unreadable = document.get("unreadable")
    if isinstance(unreadable, str):
        if is_nested:
            return [_unreadable(unreadable, "unreadable in what was unreadable")]
        return _unpack(unreadable, room, is_nested=True)
    if isinstance(document.get("packed"), str):
        return _read_packed(document, room, is_nested=is_nested)
    return [_read_entry(document)]


def _read_entry(document: JsonObject) -> Entry:
    history = _history(document)
    if "operation" not in document:
        if isinstance(document.get("messages"), str):
            return Entry(messages=document["messages"], **history)
        if "message" not in document:
            return _unreadable_entry(document, "entry: neither operation nor message")
        return Entry(message=document["message"], **history)
    operation = document["operation"]
    if not isinstance(operation, dict):
        return _unreadable_entry(document, "operation: expected an object")
    try:
        return Entry(operation=from_json(operation), **history)
    except (ValueError, TypeError) as error:
        return _unreadable_entry(document, f"operation: {error}")


def _read_packed(document: JsonObject, room: Room, *, is_nested: bool) -> list[Entry]:
    """What was packed, as far as there is room. Raises `NoRoomError`."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(base64.b64decode(document["packed"]), room.left + 1)
    except (ValueError, zlib.error):
        return [_unreadable_entry(document, "packed: cannot be unpacked")]
    if len(text) > room.left:
        if room.is_shared:
            raise NoRoomError
        return [_unreadable_entry(document, "packed: too large when unpacked")]
    room.left -= len(text)
    try:
        entry, is_finite = _parse(text.decode())
    except (ValueError, RecursionError):
        return [_unreadable_entry(document, "packed: cannot be unpacked")]
    if not isinstance(entry, dict) or "packed" in entry or not (is_finite or _is_finite(entry)):
        return [_unreadable_entry(document, "packed: cannot be unpacked")]
    return _read(entry, room, is_nested=is_nested)


def _unreadable_entry(document: Json, detail: str) -> Entry:
    return _unreadable(encode({"schema": SCHEMA, "entries": [document]}), detail)


def _unreadable(text: str, detail: str) -> Entry:
    return Entry(unreadable=text, reason={"code": RejectionCode.UNREADABLE.value, "detail": detail})


def _history(document: Mapping[str, Json]) -> dict[str, Any]:
    """The history of an entry; what nobody here can have written counts as absent."""
    found: dict[str, Any] = {}
    if isinstance(document.get("reason"), dict):
        found["reason"] = document["reason"]
    for name, most in (
        ("attempts", MAX_ATTEMPTS),
        ("first_failed_at", LATEST_TIME),
        ("not_before", LATEST_TIME),
    ):
        value = document.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
            found[name] = int(value) if name == "attempts" else value
    return found
