"""The Pythons of this machine that can run the functions, and the fastest of them.

Builds of one version differ by a quarter: Linux distributions and Lambda use profile-guided
optimisation, pyenv does not.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MINORS = (11, 12, 13)
"""The versions of Python 3 that the tests run on, and those between."""

ROUNDS = 5

_WORK = """
import platform, time
class Item:
    def __init__(self, key, value): self.key, self.value = key, value
def work():
    found = {}
    for number in range(20_000):
        item = Item(f"k{number % 50}", number)
        if item.key not in found or item.value is not None: found[item.key] = item
    return sorted(found)
times = []
for _ in range(7):
    began = time.process_time(); work(); times.append(time.process_time() - began)
print(platform.python_version(), min(times) * 1000)
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, its version, and its milliseconds for a fixed piece of work."""

    path: Path
    version: str
    milliseconds: float

    @property
    def minor(self) -> int:
        """The 11 of 3.11.2."""
        return int(self.version.split(".")[1])

    def __str__(self) -> str:
        return f"Python {self.version} ({self.path})"


def all_of_them() -> list[Interpreter]:
    """All that are found, the fastest first."""
    best: dict[Path, Interpreter] = {}
    candidates = sorted(set(_candidates()))
    for _ in range(ROUNDS):
        for path in candidates:
            found = _measured(path)
            if found is not None and (
                path not in best or found.milliseconds < best[path].milliseconds
            ):
                best[path] = found
    return sorted(best.values(), key=lambda each: each.milliseconds)


def at(path: Path) -> Interpreter | None:
    """The Python at this path; `None` if there is none that can run the functions."""
    return _measured(path)


def described(found: list[Interpreter]) -> str:
    """The first one, and how much longer the others take."""
    chosen, *others = found
    slower = [
        f"{each} takes {each.milliseconds / chosen.milliseconds:.2f} times as long"
        for each in others
    ]
    return ", ".join([f"Measured on {chosen}", *slower])


def _candidates() -> Iterator[Path]:
    yield Path(os.path.realpath(sys.executable))
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    for minor in MINORS:
        for folder in filter(None, folders):
            found = shutil.which(f"python3.{minor}", path=folder)
            # A shim of pyenv's runs one of those below, or none.
            if found and "shims" not in Path(found).parts:
                yield Path(os.path.realpath(found))
        yield from (Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python3.{minor}")


def _measured(path: Path) -> Interpreter | None:
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _WORK], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    found = re.fullmatch(r"(3\.(\d+)\.\S+) (\S+)\s*", done.stdout)
    if done.returncode or not found or int(found[2]) not in MINORS:
        return None
    return Interpreter(path, found[1], float(found[3]))
