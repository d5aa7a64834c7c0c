"""What make says when it cannot begin."""

import os
import re
import subprocess
from pathlib import Path

from local.aws_stand_in.function import ROOT


def make(*arguments: str) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def python(directory: Path, script: str) -> str:
    """A command that behaves like some Python."""
    path = directory / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_make_alone_names_the_targets() -> None:
    status, output = make()
    assert status == 0
    targets = [line.split()[1] for line in output.splitlines()]
    assert targets == [
        "help",
        "install",
        "deploy",
        "release",
        "accounts",
        "run",
        "check",
        "test",
        "faults",
        "bench",
        "bench-memory",
        "bench-drain",
        "bench-traffic",
        "bench-hang",
        "bench-slow",
        "bench-backfill",
        "bench-ledger",
        "soak",
        "format",
        "clean",
    ]


def test_what_a_target_does_stands_in_one_column() -> None:
    lines = make()[1].splitlines()
    columns = {re.match(r"  make \S+ +", line).end() for line in lines}  # type: ignore[union-attr]
    assert len(columns) == 1


def test_missing_python_is_named(tmp_path: Path) -> None:
    status, output = make("run", "PYTHON=python-of-nobody", f"VENV={tmp_path}/venv")
    assert status == 2
    assert "there is no python-of-nobody. Install Python 3.11 or newer" in output


def test_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac'
    status, output = make("test", python(tmp_path, old), f"VENV={tmp_path}/venv")
    assert status == 2
    assert "is Python 3.9.2, and 3.11 or newer is needed." in output
    assert "make PYTHON=python3.12 test" in output


def test_missing_venv_is_told_with_its_remedy(tmp_path: Path) -> None:
    bare = 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'
    status, output = make("run", python(tmp_path, bare), f"VENV={tmp_path}/venv")
    assert status == 2
    assert "apt install python3-venv" in output
    assert not (tmp_path / "venv").exists()
