"""What becomes of the operations of a batch that was judged, and of which a part was sent. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable, RetryReason
from klaviyo_client.people.newest import Verdict
from klaviyo_client.people.stakes import Stake
from klaviyo_client.results import Delivery, Result, is_sent
from operations import (
    AddToList,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

CONTENDED = Retryable(RetryReason.PERSON_BUSY, 1.0, tried=False)
"""What becomes of an operation if somebody else has changed its records first each time."""

SOON = 5.0
"""Seconds until a withdrawal comes again where nobody has named a time."""


def with_results(delivery: Delivery, results: Iterable[Result]) -> Delivery:
    """The delivery with these results."""
    return Delivery(
        results=tuple(results),
        follow_ups=delivery.follow_ups,
        import_failures=delivery.import_failures,
        requests=delivery.requests,
    )


def judged_results(
    operations: Sequence[Operation],
    stakes: Mapping[int, Stake],
    verdicts: Mapping[int, Verdict],
    results: Mapping[int, Result],
) -> list[Result]:
    """The result of each operation: its verdict's if it was not sent, or that of the delivery with
    the verdict's warnings. `stakes`, `verdicts` and `results` are by position. What has a stake and
    no verdict was not checked."""
    judged: list[Result] = []
    for position, operation in enumerate(operations):
        verdict, result = verdicts.get(position), results.get(position)
        if verdict is not None and verdict.outcome is not None:
            result = Result(operation, verdict.outcome, verdict.warnings)
        elif result is None:
            raise LookupError(f"operation {position} has no result")
        elif verdict is not None:
            result = _with(result, *verdict.warnings) if verdict.warnings else result
        elif position in stakes:
            result = _with(result, DeliveryWarning.ORDER_NOT_CHECKED)
        judged.append(result)
    return judged


def to_come_again(result: Result, seconds: float | None, now: float) -> Result:
    """What becomes of a withdrawal that was sent unchecked `now` (Unix seconds): it comes again
    with what waits for the records, since what follows it must not overtake it; `seconds` are
    `None` if nothing does. What was not taken does not wait so long, and what was left out does not
    come again."""
    outcome = result.outcome
    if isinstance(outcome, Retryable):
        delay = SOON if outcome.delay is None else outcome.delay
        soon = delay if seconds is None else min(seconds, delay)
        return replace(result, outcome=replace(outcome, delay=soon))
    if is_sent(result):
        later = SOON if seconds is None else seconds
        return _to_be_noted(result, Retryable(RetryReason.LEDGER_LATE, later), now)
    return result


def not_before(waits: Retryable, other: Retryable) -> Retryable:
    """The outcome of what waits, and must come again with the other one or later."""
    if waits.delay == other.delay:
        return waits
    least = SOON if other.delay is None else other.delay
    return replace(waits, delay=max(least, waits.delay or 0.0))


def not_noted(result: Result, again: Retryable | None, now: float) -> Result:
    """What becomes of an operation that was checked `now` (Unix seconds), and not noted.

    What was taken comes `again` to be noted. What may be repeated is sent again, without what is
    newer by then. A subscription is not: somebody would get two letters. What a withdrawal
    outdates was written with its claim.
    """
    operation = result.operation
    if not isinstance(result.outcome, Delivered) or isinstance(operation, Unsubscribe):
        return result
    if again is not None and isinstance(operation, UpsertProfile | AddToList | RemoveFromList):
        return replace(result, outcome=again)
    if again is not None and isinstance(operation, Subscribe) and is_sent(result):
        return _to_be_noted(result, again, now)
    return _with(result, DeliveryWarning.ORDER_NOT_CHECKED)


def _to_be_noted(result: Result, again: Retryable, now: float) -> Result:
    operation = result.operation
    if isinstance(operation, Subscribe | Unsubscribe):
        operation = replace(operation, sent_at=now)
    return replace(result, operation=operation, outcome=again)


def _with(result: Result, *added: DeliveryWarning) -> Result:
    """The result with these warnings, each once."""
    new = [warning for warning in added if warning not in result.warnings]
    return replace(result, warnings=(*result.warnings, *new)) if new else result
