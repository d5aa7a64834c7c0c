"""What each function notes at the end of a call, once everything is on the queues."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from handler.books.decided import Decided
from handler.books.outcomes import (
    LEFT_TO_SEGMENT,
    ByMessage,
    dead,
    is_all_delivered,
    of_delivery,
    waiting,
)
from handler.books.page import Page
from handler.queue.backoff import Pace
from handler.queue.envelope import Entry
from handler.queue.routing import Routing
from handler.queue.storing import Stored
from handler.report.codes import RejectionCode
from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.results import Delivery
from klaviyo_mapping import Mapped
from ledger.fates import State
from ledger.operation_names import WHOLE, name_of
from operations import CheckImport, UpsertProfile


def record_webhook(
    page: Page,
    messages: Sequence[Decided],
    delivery: Delivery,
    routing: Routing,
    stored: Stored,
    *,
    pace: Pace,
    unread: Iterable[str | None],
    at: float,
    meanwhile: Callable[[], object],
) -> None:
    """Note each message of a webhook call. `messages` are those that were not known to be
    delivered; `unread` are the ids of those that wait to be mapped. `meanwhile` may be called while
    the table works."""
    with page.guarded():
        page.forget(messages, (result.operation for result in delivery.results))
        if is_all_delivered(delivery, stored):
            page.arrived(messages)
        else:
            entries = [Entry(operation=result.operation) for result in delivery.results]
            found = of_delivery(
                entries, delivery, routing, now=at, pace=pace, missing=stored.missing
            )
            if stored.missing:
                _leave_to_segment(messages, found, is_checked=not delivery.follow_ups)
            page.arrived(messages, found)
        page.unread(unread, at)
        _record_too_large(page, stored, at)
    page.close(meanwhile)


def record_retry(
    page: Page,
    mapped: Sequence[Decided],
    ready: Sequence[Entry],
    later: Sequence[Entry],
    hopeless: Sequence[Entry],
    delivery: Delivery,
    routing: Routing,
    stored: Stored,
    *,
    pace: Pace,
    at: float,
) -> None:
    """Note a batch of the retry queue.

    `mapped` are messages that were put to the mapping only now; of the entries, `ready` were to be
    sent, `later` wait for others to fill a request, `hopeless` were dead-lettered untried. What is
    put back untried, and is known to wait, is not noted again: in a long outage that would be most
    of all.
    """
    with page.guarded():
        found = of_delivery(ready, delivery, routing, now=at, pace=pace, missing=stored.missing)
        for entry in hopeless:
            message_id = entry.message_id
            if message_id is not None and entry.reason and entry.record not in stored.missing:
                name = WHOLE if entry.operation is None else name_of(entry.operation)
                found.setdefault(message_id, {})[name] = dead(entry.reason)
        new = {message.message_id for message in mapped}
        untried = _untried(ready, delivery)
        for message_id, outcomes in waiting(later, at).items():
            if message_id in new:
                found.setdefault(message_id, {}).update(outcomes)
        page.forget(mapped, (result.operation for result in delivery.results))
        page.look_up(mapped)
        page.arrived(mapped, found)
        page.tried(
            {
                message_id: left
                for message_id, outcomes in found.items()
                if message_id not in new
                and (
                    left := {
                        name: outcome
                        for name, outcome in outcomes.items()
                        if (message_id, name) not in untried or outcome.state is not State.WAITING
                    }
                )
            },
            at,
        )
        page.undone(
            operation.message_id
            for operation in chain(
                delivery.follow_ups, (failure.operation for failure in delivery.import_failures)
            )
            if operation.message_id is not None and not isinstance(operation, CheckImport)
        )
        _record_too_large(page, stored, at)
    page.close()


def _untried(ready: Sequence[Entry], delivery: Delivery) -> set[tuple[str | None, str]]:
    """The operations that are requeued unchanged, without an attempt."""
    return {
        (result.operation.message_id, name_of(result.operation))
        for entry, result in zip(ready, delivery.results, strict=True)
        if isinstance(result.outcome, Retryable)
        and not result.outcome.tried
        and entry.first_failed_at is not None
    }


def _leave_to_segment(messages: Iterable[Decided], found: ByMessage, *, is_checked: bool) -> None:
    """Note that Segment must send these messages again, because they are on no queue.

    This includes the profiles of an import job if its check may be on no queue: otherwise nobody
    would learn what the job refuses.
    """
    for message in messages:
        if message.message_id is None or not isinstance(message.decision, Mapped):
            continue
        outcomes = found.setdefault(message.message_id, {})
        for operation in message.decision.operations:
            if isinstance(operation, UpsertProfile) and not is_checked:
                outcomes[name_of(operation)] = LEFT_TO_SEGMENT
            outcomes.setdefault(name_of(operation), LEFT_TO_SEGMENT)


def _record_too_large(page: Page, stored: Stored, at: float) -> None:
    """Note entries too large for an SQS message: they are dead-lettered without their content."""
    page.tried(
        {
            message_id: {WHOLE: dead(entry.reason)}
            for entry in stored.dead
            if entry.reason
            and entry.reason.get("code") == RejectionCode.TOO_LARGE.value
            and (message_id := entry.message_id) is not None
        },
        at,
    )
