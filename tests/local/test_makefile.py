"""What make says when it cannot begin."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from local.aws_stand_in.function import ROOT


def make(*arguments: str, in_: Path = ROOT) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", *arguments],
        cwd=in_,
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


def test_clean_removes_what_make_has_made_and_nothing_else(tmp_path: Path) -> None:
    """What .gitignore names as made by make or its tools; a backfill's files are somebody's own."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    tops = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["files"]
    locks = (ROOT / "tests").rglob("package-lock.json")
    packages = [path.parent.relative_to(ROOT) for path in locks if "node_modules" not in path.parts]
    made = [
        *(f"{top}/__pycache__/a.pyc" for top in tops),
        *(f"{path}/node_modules/a.js" for path in packages),
        *(".venv/a", ".venv-sam/a", ".run/a", ".aws-sam/a", "dist/a", "bench/results/a.json"),
        *(".hypothesis/a", ".import_linter_cache/a", ".mypy_cache/a", ".pytest_cache/a"),
        ".ruff_cache/a",
    ]
    assert packages
    kept = ["backfill-a.state", "stacks/shop.yaml", "src/rules.toml"]
    for name in (*made, *kept):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert make("clean", in_=tmp_path)[0] == 0
    assert [name for name in made if (tmp_path / name).exists()] == []
    assert [name for name in kept if not (tmp_path / name).exists()] == []


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


def test_missing_python_of_the_emulator_is_an_error_for_who_asks_for_the_accounts() -> None:
    """The check of CI only says that it is left out."""

    def deploy(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [".ci/deploy", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHON313": "python-of-nobody"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    status, output, error = deploy("tests.emulator.accounts")
    assert (status, output) == (2, "")
    assert "PYTHON313=python-of-nobody is not a Python 3.13" in error
    assert "make accounts PYTHON313=/path/to/python3.13" in error
    assert deploy() == (
        0,
        "",
        "deployment: NOT CHECKED, there is no Python 3.13 to run the functions\n",
    )


def test_missing_venv_is_told_with_its_remedy(tmp_path: Path) -> None:
    bare = 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'
    status, output = make("run", python(tmp_path, bare), f"VENV={tmp_path}/venv")
    assert status == 2
    assert "apt install python3-venv" in output
    assert not (tmp_path / "venv").exists()
