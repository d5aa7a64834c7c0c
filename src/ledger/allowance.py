"""The time that one call of a function may spend on the ledger, and what failed meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 0.3
"""The most time for one call: a slow, throttled or broken ledger costs no more than this."""

PATIENT_SECONDS = 5.0
"""The same for the retry function, since nobody waits for its answer. It has this time for the
order of what it sends, and again for the results."""

NO_TIME_LEFT = "no_time_left"
"""The code of what could not be asked at all."""

FOR_WANT_OF_TIME = frozenset({NO_TIME_LEFT, "TimedOut"})
"""Codes of requests that were not answered in time."""


class Allowance:
    """The time of one call, shared by everything that the ledger does in it. Thread-safe.

    `failures` counts, by code, the items that could not be read or written.
    """

    def __init__(
        self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.clock = clock
        self.seconds = seconds
        self._left = seconds
        self._given_back = 0.0
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._left, 0.0)

    @property
    def was_too_short(self) -> bool:
        """Whether something failed, and only for lack of time."""
        return bool(self.failures) and self.failures.keys() <= FOR_WANT_OF_TIME

    def renew(self, most: float) -> None:
        """Have the whole time again, but at most so many seconds."""
        with self._lock:
            self._left = min(self.seconds, most)

    def fail(self, code: str, number: int = 1) -> None:
        """Count failures."""
        if number:
            with self._lock:
                self.failures[code] += number

    @contextmanager
    def spending(self, most: float | None = None, leave: float = 0.0) -> Iterator[float]:
        """Subtracts the time of the block. Gives the time on the clock by which the block has to
        end: at most `most` seconds from now, and `leave` seconds before the allowance ends."""
        began = self.clock()
        left = max(self.left - leave, 0.0)
        try:
            yield began + (left if most is None else min(most, left))
        finally:
            spent = self.clock() - began
            with self._lock:
                self._left -= spent

    @contextmanager
    def besides(self) -> Iterator[None]:
        """The block, within one that is `spending`, does something else while the ledger is waited
        for: its time is not the ledger's."""
        began = self.clock()
        try:
            yield
        finally:
            self._give_back(self.clock() - began)

    def _give_back(self, seconds: float) -> None:
        with self._lock:
            self._left += seconds
            self._given_back += seconds

    @contextmanager
    def aside(self) -> Iterator["Allowance"]:
        """Another one for the block, with what is left of the time: what fails there is not counted
        here."""
        with self.spending():
            other = Allowance(self.left, self.clock)
            yield other
            self._give_back(other._given_back)
