"""Stands in Klaviyo's place while the stack is paused: nothing is delivered, everything waits.

Only the webhook function needs it. The retry queue's event source is disabled during a pause.
"""

import time
from collections.abc import Callable, Sequence

from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from operations import Operation

PAUSED = Retryable(RetryReason.PAUSED, delay=1.0, tried=False)
"""Without a long delay: when the pause ends, what has waited is due at once."""


class Pause:
    """What `Klaviyo` is to a function, without any request."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock

    def deliver(
        self,
        operations: Sequence[Operation],
        _key: str,
        _seconds: float,
        _attempts: Sequence[int] = (),
    ) -> Delivery:
        """Every operation is to be kept and tried later."""
        return Delivery(tuple(Result(operation, PAUSED) for operation in operations))
