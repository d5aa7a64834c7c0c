"""`make run` in a process of its own, for what is written about it and for its tests.

With the defaults, on free ports and in a folder of its own: nobody's key or settings have a say,
and whoever has it running meanwhile keeps theirs.
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
"""How the line begins that is written once the samples are through."""


def environment(**variables: str) -> Mapping[str, str]:
    """Nothing of this environment but what a shell has, and these variables."""
    shell = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {"PYTHONPATH": "src", "PYTHONUTF8": "1", "RUN_FOLDER": FOLDER}
    return {**shell, **own, **FREE_PORTS, **variables}


def run(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start it with these variables."""
    return start("local", *arguments, **variables)


def start(module: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start a module of the checkout's in such an environment."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(**variables),
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
