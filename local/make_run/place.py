"""The folder of one run: its log, and what the command line needs to reach it."""

import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cli.next_command import LOCAL, OF_SOME_STACK
from cli.stack.local import LOCK
from local.make_run.configuration import RUN_FOLDER, ConfigurationError

COMMAND = ".venv/bin/klaviyo-destination"


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


def command_line(parent: Path, folder: Path, port: int | None) -> str:
    """How the command line is called so that `--local` means the run of this folder and port."""
    words = [COMMAND]
    if folder != parent:
        words.insert(0, f"PORT={port}")
    if parent != RUN_FOLDER:
        words.insert(0, f"RUN_FOLDER={shlex.quote(str(parent))}")
    return " ".join(words)


def aimed(remedy: str, command: str) -> str:
    """A remedy of the functions, with its command aimed at this run, called by this command.

    A run is not resumed: it is started again.
    """
    return OF_SOME_STACK.sub(
        lambda found: (
            "`make run PAUSE=off`"
            if found[1] == "resume"
            else f"`{command} {found[1]} {LOCAL}{found[2]}`"
        ),
        remedy,
    )
