"""The text of a queue's message: many operations or messages, each with its own history.

    {"schema": 1, "entries": [
      {"operation": {…}, "attempts": 2, "first_failed_at": 1764000000.0, "not_before": …},
      {"operation": {…}, "reason": {"code": "refused", "status": 400, …}},
      {"message": {…}, "reason": {"code": "invalid_message", "field": "userId", …}},
      {"unreadable": "…", "reason": {"code": "unreadable", "detail": "not JSON"}},
      {"packed": "eJyrVspNLS5OTE9VsqqurQUAJy8FVA=="}]}

Both queues speak it, so that a dead letter moved back to the retry queue is simply tried again. An
entry in the dead-letter queue carries a `reason` and no `first_failed_at`: a redriven one is known
by the one, and starts with a full window for want of the other. `message` holds a Segment message
that never became operations; `unreadable` the text of an envelope that a release could not read,
for a later one to try. `packed` is an entry that alone is larger than SQS takes: zlib, then base64.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from handler.codes import RejectionCode
from klaviyo_client.persons import identifiers
from klaviyo_mapping.operations import (
    CheckImport,
    Identity,
    Json,
    JsonObject,
    Operation,
    Subscribe,
    Unsubscribe,
    from_json,
    to_json,
)

SCHEMA = 1
READABLE_SCHEMAS = frozenset({1})

MAX_BYTES = 1_000_000
"""Of one envelope. SQS takes 1 MiB (2025): https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

# ASCII alone: SQS refuses a message that holds U+FFFE, U+FFFF or a raw control character.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Entry(Struct, frozen=True):
    """One operation, or one Segment message, or a text, that waits. Times are Unix seconds."""

    operation: Operation | None = None
    message: Json = None
    unreadable: str | None = None
    attempts: int = 0
    first_failed_at: float | None = None
    not_before: float | None = None
    reason: JsonObject | None = None


MAX_PACKED_BYTES = 10_000_000
"""Of an entry, unpacked. A request has 6 MiB, and writing it in ASCII adds to that."""

_HEAD, _TAIL = f'{{"schema":{SCHEMA},"entries":[', "]}"
_ROOM = MAX_BYTES - len(_HEAD) - len(_TAIL)


class EntryTooLargeError(ValueError):
    """One entry alone is larger than SQS takes, packed as well."""


def pack(entries: Iterable[Entry]) -> Iterator[str]:
    """The entries in few envelopes, as SQS's limit allows.

    What is about one person stands together, in order, and in one envelope if it fits: two
    envelopes may be taken by two functions at once. Raises `EntryTooLargeError` when an entry does
    not fit alone.
    """
    parts: list[str] = []
    size = 0
    for group in _by_person(entries):
        written = [_write(entry) for entry in group]
        whole = sum(map(len, written)) + len(written)
        if parts and size + whole > _ROOM:
            yield _HEAD + ",".join(parts) + _TAIL
            parts, size = [], 0
        for part in written:
            if parts and size + len(part) > _ROOM:
                yield _HEAD + ",".join(parts) + _TAIL
                parts, size = [], 0
            parts.append(part)
            size += len(part) + 1
    if parts:
        yield _HEAD + ",".join(parts) + _TAIL


def _write(entry: Entry) -> str:
    text = _encode(document_of(entry))
    if len(text) > _ROOM:
        text = _encode({"packed": base64.b64encode(zlib.compress(text.encode())).decode()})
        if len(text) > _ROOM:
            raise EntryTooLargeError("an entry is larger than an SQS message may be")
    return text


def unpack(text: str) -> list[Entry]:
    """The entries of an envelope. What cannot be read is an entry of its own, with the reason."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return [_unreadable(text, "not JSON")]
    if not isinstance(document, dict) or document.get("schema") not in READABLE_SCHEMAS:
        return [_unreadable(text, "not an envelope that this release knows")]
    entries = document.get("entries")
    if not isinstance(entries, list):
        return [_unreadable(text, "entries: expected a list")]
    return [entry for listed in entries for entry in _read(listed)]


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _by_person(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The entries in groups, each about one person, in the order of their first ones.

    People are known by any of their identifiers; what has none is a group of its own.
    """
    groups: list[list[Entry]] = []
    known: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        keys = _identifiers(entry.operation)
        group = next((known[key] for key in keys if key in known), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(entry)
        known.update(dict.fromkeys(keys, group))
    return groups


def _identifiers(operation: Operation | None) -> list[tuple[str, str]]:
    if operation is None or isinstance(operation, CheckImport):
        return []
    if isinstance(operation, Subscribe | Unsubscribe):
        return identifiers(Identity(email=operation.email, phone_number=operation.phone_number))
    return identifiers(operation.identity)


def document_of(entry: Entry) -> dict[str, Any]:
    """An entry as it stands in an envelope."""
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
    if isinstance(document.get("packed"), str):
        return _read_packed(document)
    history = _history(document)
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


def _read_packed(document: Mapping[str, Json]) -> list[Entry]:
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(base64.b64decode(document["packed"]), MAX_PACKED_BYTES)
        entry = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, zlib.error, RecursionError):
        entry = None
    if not isinstance(entry, dict) or "packed" in entry:
        return [_unreadable_entry(document, "packed: cannot be unpacked")]
    return _read(entry)


def _unreadable_entry(document: Json, detail: str) -> Entry:
    return _unreadable(_encode({"schema": SCHEMA, "entries": [document]}), detail)


def _unreadable(text: str, detail: str) -> Entry:
    return Entry(unreadable=text, reason={"code": RejectionCode.UNREADABLE.value, "detail": detail})


def _history(document: Mapping[str, Json]) -> dict[str, Any]:
    """The history of an entry; what is of another type counts as absent."""
    found: dict[str, Any] = {}
    if isinstance(document.get("reason"), dict):
        found["reason"] = document["reason"]
    for name in ("attempts", "first_failed_at", "not_before"):
        value = document.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found
