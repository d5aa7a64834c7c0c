"""What one call of a function may spend on the ledger, and what failed of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 0.3
"""Of a call's time, in all: a ledger that is slow, throttled or down costs no more."""

PATIENT_SECONDS = 5.0
"""The same for the retry function, for whose answer nobody waits."""

FOR_WANT_OF_TIME = frozenset({"no_time_left", "TimedOut"})
"""Codes of what was not answered in time."""

NOT_DONE = frozenset({"unread", "unwritten"})
"""Codes of items about which nothing was answered, whatever the reason."""


class Allowance:
    """The time of one call, shared by all that the ledger does in it. Safe in several threads.

    `failures` counts, by code, the items that could not be read or written.
    """

    def __init__(
        self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.clock = clock
        self.seconds = seconds
        self._left = seconds
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._left, 0.0)

    @property
    def was_too_short(self) -> bool:
        """Whether something has failed, and for want of time only."""
        codes = self.failures.keys() - NOT_DONE
        return bool(codes) and codes <= FOR_WANT_OF_TIME

    def end_within(self, seconds: float) -> None:
        """From here on there are so many seconds at most."""
        with self._lock:
            self._left = min(self._left, seconds)

    def fail(self, code: str, number: int = 1) -> None:
        """Count what failed."""
        if number:
            with self._lock:
                self.failures[code] += number

    @contextmanager
    def spending(self, most: float | None = None, leave: float = 0.0) -> Iterator[float]:
        """Takes the time until the block's end off; gives the moment, on the clock, by which it
        has to end: at most `most` seconds from now, and `leave` seconds before the time is up."""
        began = self.clock()
        left = max(self.left - leave, 0.0)
        try:
            yield began + (left if most is None else min(most, left))
        finally:
            spent = self.clock() - began
            with self._lock:
                self._left -= spent
