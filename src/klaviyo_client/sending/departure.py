"""The moment at which a request is written, and its answer is waited for.

Whatever another thread does from then on does not hold up the sending: for each piece that a thread
sends, it may wait 5 ms until a busy one hands over the interpreter.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Waiting(threading.local):
    """What is to be done at the departure of the request that this thread sends."""

    act: Callable[[], None] | None = None


_WAITING = _Waiting()


@contextmanager
def at_departure(act: Callable[[], None]) -> Iterator[None]:
    """`act` is called once a request that the block sends is written; not at all, if none is."""
    _WAITING.act = act
    try:
        yield
    finally:
        _WAITING.act = None


def departed() -> None:
    """A request is written."""
    act, _WAITING.act = _WAITING.act, None
    if act is not None:
        act()
