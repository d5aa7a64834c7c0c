"""What becomes of the operations of a batch that was judged, and of which a part was sent. Pure."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable, RetryReason
from klaviyo_client.people.newest import Verdict
from klaviyo_client.people.stakes import Stake
from klaviyo_client.results import Delivery, Result
from operations import AddToList, Operation, RemoveFromList, UpsertProfile

SOON = 5.0
"""Seconds until a withdrawal is tried again that Klaviyo has not taken without naming a time."""


def with_results(delivery: Delivery, results: Iterable[Result]) -> Delivery:
    """The delivery with these results."""
    return Delivery(
        results=tuple(results),
        follow_ups=delivery.follow_ups,
        import_failures=delivery.import_failures,
        requests=delivery.requests,
    )


def judged_result(
    position: int,
    operation: Operation,
    stakes: Mapping[int, Stake],
    verdicts: Mapping[int, Verdict],
    results: Mapping[int, Result],
) -> Result:
    """The result of the operation at this position: its verdict's if it was not sent, or that of
    the delivery with the verdict's warnings. What has `stakes` and no verdict was not checked."""
    verdict, result = verdicts.get(position), results.get(position)
    if verdict is not None and verdict.outcome is not None:
        return Result(operation, verdict.outcome, verdict.warnings)
    if result is None:
        raise LookupError(f"operation {position} has no result")
    added: tuple[DeliveryWarning, ...] = ()
    if verdict is not None:
        added = verdict.warnings
    elif position in stakes:
        added = (DeliveryWarning.ORDER_NOT_CHECKED,)
    return _with(result, *added)


def to_come_again(result: Result, seconds: float) -> Result:
    """What becomes of an operation that was sent unchecked, to come again with what waits for the
    records: what follows it must not overtake it. What was not taken does not wait so long."""
    outcome = result.outcome
    if isinstance(outcome, Retryable):
        delay = SOON if outcome.delay is None else outcome.delay
        return replace(result, outcome=replace(outcome, delay=min(seconds, delay)))
    if isinstance(outcome, Delivered):
        return replace(result, outcome=Retryable(RetryReason.LEDGER_LATE, seconds))
    return result


def not_noted(result: Result, again: Retryable | None) -> Result:
    """What becomes of an operation that was taken, and not noted.

    What may be repeated comes `again` to be noted, and goes without what is newer by then. A
    consent may not: somebody would get two letters.
    """
    if not isinstance(result.outcome, Delivered):
        return result  # nothing was taken
    may_repeat = isinstance(result.operation, UpsertProfile | AddToList | RemoveFromList)
    if again is not None and may_repeat:
        return replace(result, outcome=again)
    return _with(result, DeliveryWarning.ORDER_NOT_CHECKED)


def _with(result: Result, *added: DeliveryWarning) -> Result:
    """The result with these warnings, each once."""
    new = [warning for warning in added if warning not in result.warnings]
    return replace(result, warnings=(*result.warnings, *new)) if new else result
