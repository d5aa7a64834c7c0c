"""What is in the retry queue and in the dead-letter queue."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.dead_letters.entries import key_of, kind_in, message_id_of
from handler.queue.envelope import Entry, document_of
from handler.queue.unpacking import unpack
from local.aws_stand_in import server as aws
from local.aws_stand_in.server import Held, Queues
from operations import CheckImport, to_json


@dataclass(frozen=True, slots=True)
class Waiting:
    """One entry of the retry queue. Times are Unix seconds; `next_at` is the time of the next try.

    `message_ids` are those of its messages: several for a bulk import's check. `message` is a
    message that was not mapped yet.
    """

    message_ids: tuple[str, ...]
    kind: str
    attempts: int
    since: float
    next_at: float
    message: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Dead:
    """One entry of the dead-letter queue. `key` identifies it until somebody changes it."""

    message_id: str | None
    kind: str
    reason: Mapping[str, Any]
    since: float
    key: str
    entry: Entry = field(repr=False)

    def content(self) -> Any:
        """What was to be sent, as JSON: an operation, a message, or an unreadable text."""
        if self.entry.operation is not None:
            return to_json(self.entry.operation)
        return self.entry.message if self.entry.unreadable is None else self.entry.unreadable

    def document(self) -> dict[str, Any]:
        """The whole entry, as the command line's `dlq show` has it."""
        return document_of(self.entry)


@dataclass(frozen=True, slots=True)
class QueueContents:
    """Both queues at one moment. `messages_waiting` counts SQS messages."""

    waiting: Sequence[Waiting] = ()
    dead: Sequence[Dead] = ()
    messages_waiting: int = 0


class Bookkeeper:
    """Reads the queues without changing them. Each SQS message is read once. Thread-safe."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._waiting: dict[Held, list[Waiting]] = {}
        self._dead: dict[Held, list[Dead]] = {}
        self._lock = threading.Lock()

    def look(self) -> QueueContents:
        """What is in both queues. An entry that is just being moved is in at least one of them."""
        with self._lock:
            before = aws.held(self._queues.retry_queue_url)
            dead = aws.held(self._queues.dead_letter_queue_url)
            after = aws.held(self._queues.retry_queue_url)
            waiting = {each.id: each for each in (*before, *after)}.values()
            self._waiting = {each: self._waiting.get(each) or _waiting(each) for each in waiting}
            self._dead = {each: self._dead.get(each) or _dead(each) for each in dead}
            return QueueContents(
                waiting=[entry for each in self._waiting.values() for entry in each],
                dead=[entry for each in self._dead.values() for entry in each],
                messages_waiting=len(after),
            )


def _waiting(held: Held) -> list[Waiting]:
    return [
        Waiting(
            _message_ids(entry),
            kind_in(entry),
            entry.attempts,
            entry.first_failed_at or held.sent_at,
            max(entry.not_before or 0.0, held.hidden_until),
            entry.message,
        )
        for entry in unpack(held.body)
    ]


def _dead(held: Held) -> list[Dead]:
    return [
        Dead(
            message_id_of(entry),
            kind_in(entry),
            entry.reason or {"code": "unknown"},
            held.sent_at,
            key_of(entry),
            entry,
        )
        for entry in unpack(held.body)
    ]


def _message_ids(entry: Entry) -> tuple[str, ...]:
    """The ids of its messages; for a bulk import's check, of all messages whose profiles are in
    it."""
    found: list[Any] = [message_id_of(entry)]
    if isinstance(entry.operation, CheckImport):
        found += entry.operation.message_ids
        found += (each for merged in entry.operation.merged.values() for each in merged)
    return tuple(dict.fromkeys(each for each in found if isinstance(each, str)))


def by_reason(dead: Iterable[Dead]) -> dict[str, int]:
    """How many dead letters there are of each reason."""
    counts: dict[str, int] = {}
    for letter in dead:
        code = str(letter.reason.get("code"))
        counts[code] = counts.get(code, 0) + 1
    return counts
