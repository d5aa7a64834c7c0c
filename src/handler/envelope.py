"""The text of a queue's message: many operations or messages, each with its own history.

    {"schema": 1, "entries": [
      {"operation": {…}, "attempts": 2, "first_failed_at": 1764000000.0, "not_before": …},
      {"operation": {…}, "reason": {"code": "refused", "status": 400, …}},
      {"message": {…}, "reason": {"code": "invalid_message", "field": "userId", …}},
      {"unreadable": "…", "reason": {"code": "unreadable", "detail": "not JSON"}}]}

Both queues speak it, so that a dead letter moved back to the retry queue is simply tried again. An
entry in the dead-letter queue carries a `reason` and no `first_failed_at`: a redriven one starts
with a full window. `message` holds a Segment message that never became operations; `unreadable`
the text of an envelope that a release could not read, for a later one to try.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handler.codes import RejectionCode
from klaviyo_mapping.operations import Json, JsonObject, Operation, from_json, to_json

SCHEMA = 1
READABLE_SCHEMAS = frozenset({1})

MAX_BYTES = 1_000_000
"""Of one envelope. SQS takes 1 MiB (2025): https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

# ASCII alone: SQS refuses a message that holds U+FFFE, U+FFFF or a raw control character.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation, or one Segment message, or a text, that waits. Times are Unix seconds."""

    operation: Operation | None = None
    message: Json = None
    unreadable: str | None = None
    attempts: int = 0
    first_failed_at: float | None = None
    not_before: float | None = None
    reason: JsonObject | None = None


class EntryTooLargeError(ValueError):
    """One entry alone is larger than SQS takes."""


def pack(entries: Iterable[Entry]) -> Iterator[str]:
    """The entries in order, in as few envelopes as SQS's limit allows.

    Raises `EntryTooLargeError` when one does not fit alone.
    """
    head, tail = f'{{"schema":{SCHEMA},"entries":[', "]}"
    parts: list[str] = []
    size = len(head) + len(tail)
    for entry in entries:
        part = _encode(_document(entry))
        if len(part) + len(head) + len(tail) > MAX_BYTES:
            raise EntryTooLargeError("an entry is larger than an SQS message may be")
        if size + len(part) + 1 > MAX_BYTES:
            yield head + ",".join(parts) + tail
            parts, size = [], len(head) + len(tail)
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield head + ",".join(parts) + tail


def unpack(text: str) -> list[Entry]:
    """The entries of an envelope. What cannot be read is an entry of its own, with the reason."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return [_unreadable(text, "not JSON")]
    if not isinstance(document, dict) or document.get("schema") not in READABLE_SCHEMAS:
        return [_unreadable(text, "not an envelope that this release knows")]
    entries = document.get("entries")
    if not isinstance(entries, list):
        return [_unreadable(text, "entries: expected a list")]
    return [entry for listed in entries for entry in _read(listed)]


def _document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if entry.operation is not None:
        document["operation"] = to_json(entry.operation)
    elif entry.unreadable is not None:
        document["unreadable"] = entry.unreadable
    else:
        document["message"] = entry.message
    if entry.attempts:
        document["attempts"] = entry.attempts
    if entry.first_failed_at is not None:
        document["first_failed_at"] = entry.first_failed_at
    if entry.not_before is not None:
        document["not_before"] = entry.not_before
    if entry.reason is not None:
        document["reason"] = entry.reason
    return document


def _read(document: Json) -> list[Entry]:
    """One listed entry; more than one where an envelope that was once unreadable can be read."""
    if not isinstance(document, dict):
        return [_unreadable_entry(document, "entry: expected an object")]
    if isinstance(document.get("unreadable"), str):
        return unpack(document["unreadable"])
    history = _numbers(document)
    if "operation" not in document:
        if "message" not in document:
            return [_unreadable_entry(document, "entry: neither operation nor message")]
        return [Entry(message=document["message"], **history)]
    operation = document["operation"]
    if not isinstance(operation, dict):
        return [_unreadable_entry(document, "operation: expected an object")]
    try:
        return [Entry(operation=from_json(operation), **history)]
    except (ValueError, TypeError) as error:
        return [_unreadable_entry(document, f"operation: {error}")]


def _unreadable_entry(document: Json, detail: str) -> Entry:
    return _unreadable(_encode({"schema": SCHEMA, "entries": [document]}), detail)


def _unreadable(text: str, detail: str) -> Entry:
    return Entry(unreadable=text, reason={"code": RejectionCode.UNREADABLE.value, "detail": detail})


def _numbers(document: Mapping[str, Json]) -> dict[str, Any]:
    """The history of an entry; what is not a number counts as absent."""
    found: dict[str, Any] = {}
    for name in ("attempts", "first_failed_at", "not_before"):
        value = document.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found
