"""Of the workers one collects first, and leaves what it has compiled to the others.

In a new checkout each would compile all code and all tests, at the same time: that takes as long as
to collect. And each would have Hypothesis look at every letter of Unicode.
"""

import fcntl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st


@contextmanager
def one_first(file: Path) -> Iterator[None]:
    """Whoever comes first has the file alone. The others wait for that one, and not for another."""
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect first, or wait. The process that hands out the tests collects none: it goes ahead."""
    if not hasattr(session.config, "workerinput"):
        return (yield)
    with one_first(Path(__file__)):
        collected = yield
        # Hypothesis leaves in a file what it needs to know of letters.
        st.text().validate()
        return collected
