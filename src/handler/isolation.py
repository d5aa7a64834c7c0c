"""A delivery that survives an operation which the client cannot carry out.

The client never raises for an answer of Klaviyo's. If it raises nevertheless, one operation has a
form that nobody foresaw, and the others must not suffer for it.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from handler.report.telemetry import Telemetry
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from operations import Operation

UNEXPECTED = Retryable(RetryReason.UNEXPECTED_FAILURE)


class Account(Protocol):
    """A Klaviyo account: `Klaviyo`, or a wrapper around it."""

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        """As `Klaviyo.deliver`."""


def deliver(
    klaviyo: Account,
    operations: Sequence[Operation],
    key: str,
    left: Callable[[], float],
    telemetry: Telemetry,
    *,
    apart: bool,
    attempts: Sequence[int] = (),
) -> Delivery:
    """Carry the operations out, and say what became of each; `left` gives the seconds for it, and
    `attempts` how often each has failed.

    After an unexpected failure, all of them must be retried. With `apart` they are first tried in
    halves, until only the one that fails is left. Carrying out an operation twice does no harm,
    and the account knows which unsubscriptions from a list it may have sent.
    """
    try:
        return klaviyo.deliver(operations, key, left(), attempts)
    except Exception as error:
        telemetry.failure("delivery failed", error)
    if not apart or len(operations) == 1:
        return Delivery(tuple(Result(operation, UNEXPECTED) for operation in operations))
    middle = len(operations) // 2
    halves = [
        deliver(
            klaviyo,
            operations[half],
            key,
            left,
            telemetry,
            apart=True,
            attempts=attempts[half],
        )
        for half in (slice(middle), slice(middle, None))
    ]
    return Delivery(
        results=tuple(result for half in halves for result in half.results),
        follow_ups=tuple(each for half in halves for each in half.follow_ups),
        import_failures=tuple(each for half in halves for each in half.import_failures),
        requests=sum(half.requests for half in halves),
    )
