"""The folder of one run: its log, and what the command line needs to reach it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cli.stack.local import LOCK


@contextmanager
def claimed(parent: Path) -> Iterator[Path]:
    """`parent`, else `parent/2`, `parent/3`, …: the first one that no other run uses.

    The lock is on an open file, so that it ends with the process.
    """
    for number in count(1):
        folder = parent if number == 1 else parent / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield folder
        finally:
            os.close(lock)
        return
