"""When Python's cycle collector runs.

A call's objects form no cycles, so they are freed without the collector. By default Python would
still run it every 700 to 2,000 new containers, which takes a tenth of the time of a large batch. So
it runs between calls, once enough has come in. That bounds the memory that a library's cycles can
hold; one may hold a whole batch.
"""

import gc

CONTAINERS_WITHIN_A_CALL = 500_000
"""More than a batch of 4 MB makes: within an ordinary call the collector does not run at all."""

BYTES_BETWEEN_LOOKS = 32_000_000
"""Bytes of calls between two collections. A collection takes a few milliseconds; these calls take
more than a second."""

BYTES_OF_A_CALL = 20_000
"""What any call counts besides its body."""


class Collector:
    """The cycle collector, run between the calls of one process."""

    def __init__(self) -> None:
        self._bytes = 0

    def start(self) -> None:
        """For the process: exempt everything imported so far from garbage collection."""
        gc.freeze()
        gc.set_threshold(CONTAINERS_WITHIN_A_CALL)

    def call_ended(self, size: int) -> bool:
        """Note that a call of this size has ended. Returns whether the collector ran."""
        self._bytes += size + BYTES_OF_A_CALL
        if self._bytes < BYTES_BETWEEN_LOOKS:
            return False
        self._bytes = 0
        gc.collect()
        return True
