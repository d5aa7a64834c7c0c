"""Where each operation goes after a delivery: nowhere, to the retry queue, or to the dead-letter
queue.

Pure, and the same for both functions. Delivered operations are done; the others travel on, each
with its own history.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec.structs import replace

from handler.decision import Unmapped
from handler.door.refusals import Refusal
from handler.door.validation import Malformed
from handler.queue.backoff import PACE, Pace, delay_seconds
from handler.queue.envelope import Entry
from handler.report.codes import RejectionCode
from klaviyo_client.api.endpoints import BULK_CREATE_EVENTS
from klaviyo_client.api.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.results import Delivery
from operations import CreateEvent, Json, leaves_list

FULL = BULK_CREATE_EVENTS.max_items

LONGEST_TEXT = 4_000
"""Of what is kept of Klaviyo's error texts. A refusal may not make its dead letter too large."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Entries for the retry queue by their delay in seconds, and those for the dead letters."""

    waiting: Mapping[int, Sequence[Entry]] = field(default_factory=dict)
    dead: Sequence[Entry] = ()

    @property
    def number_waiting(self) -> int:
        """The entries for the retry queue, of any delay."""
        return sum(map(len, self.waiting.values()))


def route(
    entries: Sequence[Entry],
    delivery: Delivery,
    *,
    now: float,
    retry_seconds: int,
    chance: float,
    pace: Pace = PACE,
) -> Routing:
    """Sort the entries whose operations were delivered; both stand in the same order.

    `now` is in Unix seconds. An operation is tried again until `retry_seconds` have passed since
    its first failure. `chance` (0 to 1) spreads the delays; one call has one, so that what failed
    together travels together.
    """
    waiting: dict[int, list[Entry]] = {}
    dead: list[Entry] = []
    for entry, result in zip(entries, delivery.results, strict=True):
        outcome = result.outcome
        if isinstance(outcome, Delivered):
            continue
        sent = replace(entry, operation=result.operation, reason=None)
        if isinstance(outcome, Refused):
            dead.append(dead_letter(sent, refused_reason(outcome)))
            continue
        first_failed_at = entry.first_failed_at or now
        if now - first_failed_at >= retry_seconds:
            dead.append(dead_letter(sent, exhausted_reason(outcome)))
            continue
        attempts = entry.attempts + outcome.tried
        delay = delay_seconds(attempts, _wait_of(entry, outcome, pace), chance, pace)
        waiting.setdefault(delay, []).append(
            replace(
                sent,
                attempts=attempts,
                first_failed_at=first_failed_at,
                not_before=now + delay,
            )
        )
    if delivery.follow_ups:
        waiting.setdefault(pace.follow_up, []).extend(
            Entry(operation=operation) for operation in delivery.follow_ups
        )
    dead.extend(
        dead_letter(Entry(operation=failure.operation), refused_reason(failure.outcome))
        for failure in delivery.import_failures
        if isinstance(failure.outcome, Refused)
    )
    return Routing(waiting, dead)


def _wait_of(entry: Entry, outcome: Retryable, pace: Pace) -> float | None:
    """The seconds that the entry should wait, if there is a reason for so many.

    What another function may have sent has not been judged if it met something else first. Nobody
    remembers it then: it is put on the queue as something new. After a fault of ours nobody knows
    what was sent.
    """
    may_be_sent = entry.may_be_sent or outcome.reason is RetryReason.UNEXPECTED_FAILURE
    if may_be_sent and leaves_list(entry.operation):
        return max(outcome.delay or 0.0, pace.leaving)
    return outcome.delay


def dead_letter(entry: Entry, reason: Mapping[str, Json]) -> Entry:
    """The entry for the dead-letter queue, without its history: a redriven entry starts again."""
    return replace(entry, reason=reason, attempts=0, first_failed_at=None, not_before=None)


def refused_reason(refused: Refused) -> dict[str, Json]:
    """Klaviyo's refusal for the dead-letter queue, its texts up to a length."""
    reason: dict[str, Json] = {
        "code": RejectionCode.REFUSED.value,
        "status": refused.status,
        "klaviyo_code": refused.code[:LONGEST_TEXT],
        "detail": refused.detail[:LONGEST_TEXT],
    }
    if refused.pointer is not None:
        reason["pointer"] = refused.pointer[:LONGEST_TEXT]
    return reason


def rejected_reason(decision: Malformed | Unmapped) -> dict[str, Json]:
    """Why a message became no operations: it is not a valid Segment message, or the mapping
    failed."""
    if isinstance(decision, Unmapped):
        return {"code": RejectionCode.INTERNAL_ERROR.value}
    return _invalid_reason(decision.field, decision.detail)


def no_message_reason(refusal: Refusal) -> dict[str, Json]:
    """Why there is no message in a text that should hold some."""
    return _invalid_reason("", str(refusal))


def _invalid_reason(at_fault: str, detail: str) -> dict[str, Json]:
    return {"code": RejectionCode.INVALID_MESSAGE.value, "field": at_fault, "detail": detail}


def overdue_reason() -> dict[str, Json]:
    """The retry window passed before the entry was due."""
    return {"code": RejectionCode.RETRIES_EXHAUSTED.value, "last": "not_due"}


def exhausted_reason(last: Retryable) -> dict[str, Json]:
    """The retry window has passed; `last` is why the last attempt failed."""
    reason: dict[str, Json] = {
        "code": RejectionCode.RETRIES_EXHAUSTED.value,
        "last": last.reason.value,
    }
    if last.status is not None:
        reason["status"] = last.status
    return reason


def stamped(entries: Iterable[Entry], received_at: float) -> list[Entry]:
    """The entries, events without a time given that of their arrival (Unix seconds): a wait in the
    queue must not move them."""
    time = datetime.fromtimestamp(received_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        replace(entry, operation=replace(entry.operation, time=time))
        if isinstance(entry.operation, CreateEvent) and entry.operation.time is None
        else entry
        for entry in entries
    ]


def full_requests(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The entries to deliver now, and those that had better wait for others.

    In a backlog every request should leave full: beyond a whole bulk job or more of events, the
    last few wait. Without one nothing waits, and what waits is less than a bulk job.
    """
    number = sum(isinstance(entry.operation, CreateEvent) for entry in entries)
    room = number - number % FULL
    if not room or number == room:
        return list(entries), []
    now: list[Entry] = []
    later: list[Entry] = []
    for entry in entries:
        if not isinstance(entry.operation, CreateEvent):
            now.append(entry)
        elif room:
            now.append(entry)
            room -= 1
        else:
            later.append(entry)
    return now, later


def is_exhausted(entry: Entry, now: float, retry_seconds: int) -> bool:
    """Whether the entry's retry window has passed, or it has waited too long."""
    return entry.first_failed_at is not None and now - entry.first_failed_at >= retry_seconds


def due(entry: Entry, now: float) -> bool:
    """Whether the entry may be tried; SQS's delays end at 15 minutes, a named one may not."""
    return entry.not_before is None or entry.not_before - now < 1


def wait_left(entry: Entry, now: float) -> int:
    """Whole seconds until the entry may be tried."""
    return max(1, math.ceil((entry.not_before or now) - now))
