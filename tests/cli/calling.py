"""Calls of the command line, in this process and in one of their own."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from click.testing import CliRunner, Result

from cli.main import command
from local.aws_stand_in.function import IMPORTS, ROOT

SECRET = "sample-shared-secret"

TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "100", "SEGMENT_SHARED_SECRET": SECRET}


def call(*arguments: object, stdin: str | bytes | None = None, **variables: str) -> Result:
    """Run it here; `variables` are added to the environment."""
    runner = CliRunner(catch_exceptions=False)
    return runner.invoke(command, list(map(str, arguments)), input=stdin, env=variables)


def answer(*arguments: object, **options: Any) -> tuple[int, Any]:
    """Run it here with `--json`; the exit status and the one document that it writes."""
    result = call(*arguments, "--json", **options)
    return result.exit_code, json.loads(result.stdout)


def lines(result: Result) -> list[str]:
    """What it wrote, without the spaces that align columns and without empty lines."""
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that runs the command line."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in IMPORTS),
        **variables,
    }


def start(*arguments: object, **variables: str) -> "subprocess.Popen[str]":
    """Start it in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=ROOT,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_a_terminal(
    *arguments: object, typed: str | Sequence[str] = (), **variables: str
) -> tuple[int, str]:
    """Run it on a terminal of its own; the status and all that was shown.

    `typed` holds the answers to its questions, in order.
    """
    answers = [typed] if isinstance(typed, str) else list(typed)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=ROOT,
        env=environment(TERMINAL | variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
                if answers and shown.endswith(b": "):
                    os.write(ours, answers.pop(0).encode())
        except OSError:
            pass
        finally:
            os.close(ours)
        status = process.wait()
    return status, shown.decode()
