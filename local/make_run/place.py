"""The folder of one run: its log, and what the command line needs to reach it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cli.stack.local import LOCK
from local.make_run.configuration import ConfigurationError


@contextmanager
def claimed(parent: Path) -> Iterator[Path]:
    """`parent`, else `parent/2`, `parent/3`, …: the first one that no other run uses.

    The lock is on an open file, so that it ends with the process. Raises `ConfigurationError` for
    a place where no such folder can be.
    """
    for number in count(1):
        folder = parent if number == 1 else parent / str(number)
        with writing(folder):
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


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A failure to write into the folder is one that names RUN_FOLDER and the remedy."""
    try:
        yield
    except OSError as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        why = "it is a file, or inside one" if is_file else error.strerror
        raise ConfigurationError(
            f"RUN_FOLDER: {folder} cannot be the run's folder ({why}): name one that you may "
            "write to with RUN_FOLDER=…, such as RUN_FOLDER=/tmp/run"
        ) from None
