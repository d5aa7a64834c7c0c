"""What npm brings for tests: packages as a lock file beside the test pins them."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def install(folder: Path, judge: str) -> Path:
    """Install what the folder's lock file pins; gives the packages' folder.

    Skips the test where there is no npm. With NPM=required, as in CI, that is a failure.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        reason = f"node and npm are not installed, so {judge} cannot judge"
        if os.environ.get("NPM") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    installed = modules / ".package-lock.json"
    # Of pytest's workers one installs and the others wait: npm begins by removing what is there.
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            installed.touch()
    return modules


def run(folder: Path, *command: str, stdin: str = "") -> str:
    """What a command in the folder writes."""
    done = subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
