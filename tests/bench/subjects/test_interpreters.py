"""The fastest Python of the machine is found, and named."""

import os
import platform
import sys
from pathlib import Path

import pytest

from bench.subjects import interpreters
from bench.subjects.interpreters import Interpreter


def test_this_python_is_among_those_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "ROUNDS", 1)
    found = interpreters.all_of_them()
    own = Path(os.path.realpath(sys.executable))
    assert (own, platform.python_version()) in {(each.path, each.version) for each in found}
    times = [each.milliseconds for each in found]
    assert times == sorted(times)


def test_what_is_no_python_is_none(tmp_path: Path) -> None:
    assert interpreters.at(tmp_path / "nothing") is None
    assert interpreters.at(Path("/bin/true")) is None


def test_the_fastest_is_named_with_what_the_others_take() -> None:
    fast = Interpreter(Path("/usr/bin/python3.11"), "3.11.2", 10.0)
    slow = Interpreter(Path("/opt/python3.13"), "3.13.0", 12.5)
    assert interpreters.described([fast, slow]) == (
        "Measured on Python 3.11.2 (/usr/bin/python3.11), "
        "Python 3.13.0 (/opt/python3.13) takes 1.25 times as long"
    )
