"""When Python looks for garbage that only its cycle collector can find.

What a call makes is freed without the collector, as nothing in it holds itself. By default Python
would look for such garbage all the same, every 700 to 2,000 new containers: a tenth of the time of
a large batch. So it looks between calls, once enough has come in. That bounds what cycles of a
library's, of which one may hold a whole batch, can keep.
"""

import gc

CONTAINERS_WITHIN_A_CALL = 500_000
"""More than a batch of 4 MB makes: within an ordinary call the collector does not run at all."""

BYTES_BETWEEN_LOOKS = 32_000_000
"""Of calls. A look takes some milliseconds, these calls take more than a second."""

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
        """A call of so many bytes is over; says whether that was the time to look."""
        self._bytes += size + BYTES_OF_A_CALL
        if self._bytes < BYTES_BETWEEN_LOOKS:
            return False
        self._bytes = 0
        gc.collect()
        return True
