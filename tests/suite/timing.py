"""How long something computes."""

import time
import timeit
from collections.abc import Callable


def processor_seconds(call: Callable[[], object], limit: float, times: int = 3) -> float:
    """The least of some calls, in seconds of this thread, up to the first that keeps to the limit.

    What else the machine does counts not.
    """
    took: list[float] = []
    while len(took) < times and min(took, default=limit) >= limit:
        took.append(timeit.timeit(call, timer=time.thread_time, number=1))
    return min(took)
