"""What one call of a function may spend on the ledger, and what failed of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 0.3
"""Of a call's time, in all: a ledger that is slow, throttled or down costs no more."""


class Allowance:
    """The time of one call, shared by all that the ledger does in it. Safe in several threads.

    `failures` counts, by code, the items that could not be read or written.
    """

    def __init__(
        self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.clock = clock
        self._left = seconds
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._left, 0.0)

    def fail(self, code: str, number: int = 1) -> None:
        """Count what failed."""
        if number:
            with self._lock:
                self.failures[code] += number

    @contextmanager
    def spending(self, most: float | None = None) -> Iterator[float]:
        """Takes the time until the block's end off; gives the moment, on the clock, by which it
        has to end: at most `most` seconds from now."""
        began = self.clock()
        try:
            yield began + (self.left if most is None else min(most, self.left))
        finally:
            spent = self.clock() - began
            with self._lock:
                self._left -= spent
