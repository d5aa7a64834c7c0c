"""The SQS messages of one invocation, read: every entry knows the message that it came in.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from handler.queue.envelope import Entry
from handler.queue.unpacking import NoRoomError, Room, unpack
from handler.report.codes import RejectionCode
from operations import Operation, leaves_list

MOVED_AFTER = 90.0
"""Seconds. A message that SQS received this long after an entry's `not_before` was not sent by this
code.

An entry that is sent with a history has a `not_before` in the future, or the time at which the call
began if it is put back untried. A call of the retry function lasts 60 s at most; the rest is for
clocks that differ. SQS keeps the time of sending (`SentTimestamp`) when it moves a message to the
dead-letter queue, and a redrive resets it:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

UNATTENDED_AFTER = 3600.0
"""Seconds. If an entry lay on the queue this long after it was due, nobody received it: the stack
was paused, or the function could not run. That time does not count against the retry window."""

LONGEST_WAIT = 2 * 3600.0
"""Seconds. The longest pause of Klaviyo's that is honoured is an hour, so a later `not_before` is
wrong."""


@dataclass(frozen=True, slots=True)
class SqsRecord:
    """One SQS message. `sent_at` is in Unix seconds, where SQS says it. `comes_again` if SQS has
    shown it before: a function may have sent what is in it, and was stopped before it could say
    so."""

    id: str
    body: str
    sent_at: float | None = None
    comes_again: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What an invocation has to do.

    `merged` counts the entries that were left out as copies of others: SQS delivers at least once,
    and what fails half-way is sent again. `left` are the ids of the SQS messages that there was no
    memory for; SQS shows them again.
    """

    records: Sequence[SqsRecord]
    entries: Sequence[Entry]
    merged: int = 0
    left: frozenset[str] = frozenset()


def read(lambda_event: Mapping[str, Any], now: float) -> Batch:
    """The batch of an SQS event; `now` is in Unix seconds. Never raises for what a queue held."""
    records = records_of(lambda_event)
    room = Room()
    entries: list[Entry] = []
    left: set[str] = set()
    for record in records:
        try:
            entries += _entries(record, room, now)
        except NoRoomError:
            left.add(record.id)
    distinct = _distinct(entries)
    return Batch(records, distinct, len(entries) - len(distinct), frozenset(left))


def records_of(lambda_event: Mapping[str, Any]) -> list[SqsRecord]:
    """The SQS messages of an event."""
    records = lambda_event.get("Records") if isinstance(lambda_event, dict) else None
    return [
        SqsRecord(
            str(record.get("messageId", "")),
            str(record.get("body", "")),
            _sent_at(record),
            _comes_again(record),
        )
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, Mapping)
    ]


def failures(ids: Iterable[str]) -> dict[str, Any]:
    """The partial batch response that leaves these SQS messages to SQS, to be shown again."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


def _sent_at(record: Mapping[str, Any]) -> float | None:
    sent = _attribute(record, "SentTimestamp")
    return None if sent is None else sent / 1000


def _comes_again(record: Mapping[str, Any]) -> bool:
    """SQS counts each time that it shows a message, the first included:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
    return (_attribute(record, "ApproximateReceiveCount") or 1) > 1


def _attribute(record: Mapping[str, Any], name: str) -> int | None:
    """A number that SQS gives with the message, as text."""
    attributes = record.get("attributes")
    text = attributes.get(name) if isinstance(attributes, Mapping) else None
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 16 else None


def _entries(record: SqsRecord, room: Room, now: float) -> list[Entry]:
    try:
        found = unpack(record.body, room)
    except NoRoomError:
        raise
    except Exception as error:  # one SQS message must never cost its neighbours
        reason = {"code": RejectionCode.UNREADABLE.value, "detail": type(error).__name__}
        found = [Entry(unreadable=record.body, reason=reason)]
    return [_dated(entry, record, now) for entry in found]


def _dated(entry: Entry, record: SqsRecord, now: float) -> Entry:
    """The entry with its record, and with a history only where it can be its own."""
    first_failed_at, not_before = entry.first_failed_at, entry.not_before
    if _is_redriven(entry, record):
        # SQS dead-letters a message as it is, history and all.
        return replace(
            entry,
            record=record.id,
            attempts=0,
            first_failed_at=None,
            not_before=None,
            may_be_sent=True,
        )
    if first_failed_at is not None and first_failed_at > now + MOVED_AFTER:
        first_failed_at = None
    if not_before is not None and not_before > now + LONGEST_WAIT:
        not_before = None
    if first_failed_at is not None:
        first_failed_at = min(first_failed_at + _unattended(not_before, record, now), now)
    return replace(
        entry,
        record=record.id,
        first_failed_at=first_failed_at,
        not_before=not_before,
        may_be_sent=record.comes_again or _was_tried_at_last(entry),
    )


def _unattended(not_before: float | None, record: SqsRecord, now: float) -> float:
    """Seconds that the entry lay on the queue, due, while nobody took it."""
    if record.sent_at is None:
        return 0.0
    lay = now - max(record.sent_at, not_before or 0.0)
    return lay if lay > UNATTENDED_AFTER else 0.0


def _was_tried_at_last(entry: Entry) -> bool:
    """Whether it is back from the dead letters, and nobody knows what became of its last try."""
    code = None if entry.reason is None else entry.reason.get("code")
    return code == RejectionCode.RETRIES_EXHAUSTED.value


def _is_redriven(entry: Entry, record: SqsRecord) -> bool:
    """Whether SQS was given the message later than this code can have sent it.

    A `not_before` ahead of the first failure was written by hand, and proves nothing.
    """
    if entry.not_before is None or record.sent_at is None:
        return False
    if entry.first_failed_at is not None and entry.not_before < entry.first_failed_at:
        return False
    return record.sent_at - entry.not_before > MOVED_AFTER


def _distinct(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, each operation once. Of copies the first one stays; of an unsubscription from a
    list the one that waits longest, since nobody may know yet what became of it."""
    distinct: list[Entry] = []
    places: dict[tuple[Any, ...], list[int]] = {}
    for entry in entries:
        if entry.operation is not None:
            alike = places.setdefault(_key(entry.operation), [])
            place = next((at for at in alike if distinct[at].operation == entry.operation), None)
            if place is not None:
                distinct[place] = max(distinct[place], entry, key=_wait)
                continue
            alike.append(len(distinct))
        distinct.append(entry)
    return distinct


def _wait(entry: Entry) -> tuple[bool, float]:
    """Greater for an unsubscription from a list that waits longer, and equal for all else."""
    if not leaves_list(entry.operation):
        return False, 0.0
    return entry.may_be_sent, entry.not_before or 0.0


def _key(operation: Operation) -> tuple[Any, ...]:
    """Equal for copies; few others share it."""
    return (
        type(operation),
        operation.message_id,
        getattr(operation, "unique_id", None) or getattr(operation, "job_id", None),
    )
