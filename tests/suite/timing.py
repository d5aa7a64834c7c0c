"""How long something computes."""

import time
import timeit
from collections.abc import Callable


def processor_seconds(call: Callable[[], object], times: int = 3) -> float:
    """The least of some calls, in seconds of this thread. What else the machine does counts not."""
    return min(timeit.repeat(call, timer=time.thread_time, number=1, repeat=times))
