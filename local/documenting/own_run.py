"""`make run` in its own process, for the documentation and for tests.

It has the defaults, free ports and its own folder. It ignores the keys and settings of this
environment, and does not disturb another run.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO

from local.aws_stand_in.function import ROOT

FREE_PORTS = dict.fromkeys(("PORT", "KLAVIYO_PORT", "AWS_PORT", "CONSOLE_PORT"), "0")

FOLDER = tempfile.mkdtemp()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

IS_READY = "Serving until Ctrl-C"
"""The beginning of the line that follows the samples."""


def environment(**variables: str) -> Mapping[str, str]:
    """These variables, and of this environment only the basic ones of a shell."""
    shell = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {"PYTHONPATH": "src", "PYTHONUTF8": "1", "RUN_FOLDER": FOLDER}
    return {**shell, **own, **FREE_PORTS, **variables}


def run(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start it with these variables."""
    return start("local", *arguments, **variables)


def start(module: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start a module of the checkout in such an environment."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(text: str, stream: IO[str]) -> str:
    """The output up to the line that begins with the text."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(text):
            break
    return "".join(lines)
