"""No test takes for ever: one that hangs fails, and shows where each thread of it stands."""

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SECONDS = 900.0
"""For one test, also on a machine that does ten other things: the longest takes a minute or two."""

AGAIN_SECONDS = 30.0
"""What still hangs then fails once more: to leave a test may mean to wait for its threads."""


@contextmanager
def time_limit(seconds: float, again_seconds: float = AGAIN_SECONDS) -> Iterator[None]:
    """Fail what takes longer, in the main thread. A limit around it counts no longer."""

    def fail(*_: object) -> None:
        pytest.fail(f"it has not ended within {seconds:g} s\n{stacks()}")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds, again_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stacks() -> str:
    """Where each thread stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Set the limit for a test with all that its fixtures do."""
    with time_limit(SECONDS):
        return (yield)
