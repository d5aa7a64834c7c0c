"""`python -m local` in a process of its own, as `make run` starts it, on free ports."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from typing import IO

from local.aws_stand_in.function import ROOT

OUT_OF_THE_WAY = {
    "PORT": "0",
    "KLAVIYO_PORT": "0",
    "AWS_PORT": "0",
    "CONSOLE_PORT": "0",
}
"""Whoever has it running meanwhile keeps the ports."""

FOLDER = tempfile.mkdtemp()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
"""Of all runs here, so that whoever has it running meanwhile keeps theirs."""


def run(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start it with nothing of this environment but what a shell has."""
    shell = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {"PYTHONPATH": "src", "PYTHONUTF8": "1", "RUN_FOLDER": FOLDER}
    return subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={**shell, **own, **OUT_OF_THE_WAY, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(text: str, stream: IO[str]) -> str:
    """What is written up to the line that begins with the text."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(text):
            break
    return "".join(lines)
