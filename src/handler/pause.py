"""Replaces Klaviyo while the stack is paused: nothing is delivered, everything waits.

Only the webhook function needs it. The retry queue's event source is disabled during a pause.
"""

import time
from collections.abc import Callable, Sequence

from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from operations import Operation

PAUSED = Retryable(RetryReason.PAUSED, delay=1.0, tried=False)
"""The delay is short, so that waiting entries are due soon after the pause ends."""


class Pause:
    """Has the interface of `Klaviyo`, and sends nothing."""

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
