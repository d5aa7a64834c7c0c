"""The text of a queue's message: many operations or messages, each with its own history.

    {"schema": 1, "entries": [
      {"operation": {…}, "attempts": 2, "first_failed_at": 1764000000.0, "not_before": …},
      {"operation": {…}, "reason": {"code": "refused", "status": 400, …}},
      {"message": {…}, "reason": {"code": "invalid_message", "field": "userId", …}},
      {"messages": "[{…},{…}]", "first_failed_at": 1764000000.0},
      {"unreadable": "…", "reason": {"code": "unreadable", "detail": "not JSON"}},
      {"packed": "eJyrVspNLS5OTE9VsqqurQUAJy8FVA=="}]}

Both queues use this format, so a dead letter that is moved back to the retry queue is retried. An
entry in the dead-letter queue has a `reason` and no `first_failed_at`. That tells a redriven entry
from a retried one, and starts its retry window again. `message` is a Segment message that never
became operations. `messages` is the text of an array of messages that nobody has read yet: more
than Segment sends in a call. `unreadable` is the text of an envelope that a release could not read;
a later release may. `packed` is an entry that is larger than SQS accepts: zlib, then base64.
It has an envelope of its own, so that a batch can leave to the next one what it has no memory for.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from klaviyo_client.people.sequence import keys_of
from operations import (
    Json,
    JsonObject,
    Operation,
    to_json,
)

SCHEMA = 1

MAX_BYTES = 1_000_000
"""Of one envelope. SQS takes 1 MiB (2025): https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

# ASCII only: SQS refuses a message that holds U+FFFE, U+FFFF or a raw control character.
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Entry(Struct, frozen=True):
    """One operation, or one Segment message, or a text, that waits. Times are Unix seconds.

    `messages` is the text of a JSON array, `unreadable` that of an envelope.

    `record` is the id of the SQS message that it came in, where it came in one. `may_be_sent` says
    that a function may have sent it that could not say so. Neither is written.
    """

    operation: Operation | None = None
    message: Json = None
    messages: str | None = None
    unreadable: str | None = None
    attempts: int = 0
    first_failed_at: float | None = None
    not_before: float | None = None
    reason: JsonObject | None = None
    record: str | None = None
    may_be_sent: bool = False

    @property
    def message_id(self) -> str | None:
        """The id of the Segment message that it is about; a message that nobody has checked may
        have none."""
        if self.operation is not None:
            return self.operation.message_id
        found = self.message.get("messageId") if isinstance(self.message, dict) else None
        return found if isinstance(found, str) else None


MAX_PACKED_BYTES = 10_000_000
"""Of an entry, unpacked. A request has 6 MiB, and writing it in ASCII adds to that."""

_PACKED = '{"packed":'
_HEAD, _TAIL = f'{{"schema":{SCHEMA},"entries":[', "]}"
_ROOM = MAX_BYTES - len(_HEAD) - len(_TAIL)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The text of one SQS message, and the entries in it."""

    text: str
    entries: Sequence[Entry]


class Packer:
    """Writes entries into few envelopes. `unfit` holds those that no envelope can hold."""

    def __init__(self) -> None:
        self.unfit: list[Entry] = []

    def pack(self, entries: Iterable[Entry]) -> Iterator[Envelope]:
        """The envelopes, as SQS's limit allows.

        What is about one person stands together, in order, and in one envelope if it fits: two
        envelopes may be taken by two functions at once.
        """
        parts: list[str] = []
        held: list[Entry] = []
        size = 0
        for group in _by_person(entries):
            written = [(entry, text) for entry in group if (text := self._write(entry))]
            whole = sum(len(text) + 1 for _, text in written)
            if parts and size + whole > _ROOM:
                yield _envelope(parts, held)
                parts, held, size = [], [], 0
            for entry, text in written:
                alone = text.startswith(_PACKED)
                if parts and (alone or size + len(text) > _ROOM):
                    yield _envelope(parts, held)
                    parts, held, size = [], [], 0
                parts.append(text)
                held.append(entry)
                size += len(text) + 1
                if alone:
                    yield _envelope(parts, held)
                    parts, held, size = [], [], 0
        if parts:
            yield _envelope(parts, held)

    def _write(self, entry: Entry) -> str:
        """The entry's text; empty if SQS would not accept it."""
        try:
            text = encode(document_of(entry))
        except (ValueError, TypeError, RecursionError):
            text = ""
        if len(text) > _ROOM:
            packed = base64.b64encode(zlib.compress(text.encode())).decode()
            text = f'{_PACKED}"{packed}"}}'
        if not text or len(text) > _ROOM:
            self.unfit.append(entry)
            return ""
        return text


def pack(entries: Iterable[Entry]) -> Iterator[str]:
    """The texts of the entries' envelopes; entries that no envelope can hold are left out."""
    return (envelope.text for envelope in Packer().pack(entries))


def _envelope(parts: Sequence[str], entries: Sequence[Entry]) -> Envelope:
    return Envelope(_HEAD + ",".join(parts) + _TAIL, entries)


def _by_person(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The entries in groups, each about one person, in the order of their first ones.

    Any shared identifier means the same person; an entry without one is a group of its own.
    """
    groups: list[list[Entry]] = []
    known: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        keys = [] if entry.operation is None else keys_of(entry.operation)
        group = next((known[key] for key in keys if key in known), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(entry)
        known.update(dict.fromkeys(keys, group))
    return groups


def document_of(entry: Entry) -> dict[str, Any]:
    """An entry as it stands in an envelope."""
    document: dict[str, Any] = {}
    if entry.operation is not None:
        document["operation"] = to_json(entry.operation)
    elif entry.unreadable is not None:
        document["unreadable"] = entry.unreadable
    elif entry.messages is not None:
        document["messages"] = entry.messages
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
