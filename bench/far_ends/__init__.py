"""The far ends, each in its own process, so that they take no time from what is measured."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen

from local.aws_stand_in.function import IMPORTS


@contextmanager
def _process(*command: str) -> Iterator[str]:
    """Run a module that prints its address on its first line; returns that line."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, IMPORTS))}
    with Popen([sys.executable, "-m", *command], stdout=PIPE, text=True, env=variables) as run:
        try:
            assert run.stdout is not None
            line = run.stdout.readline().strip()
            if not line:
                raise SystemExit(f"{command[0]} did not start")
            yield line
        finally:
            run.kill()


@contextmanager
def stand_in(key: str, limits: str = "published") -> Iterator[str]:
    """The stand-in Klaviyo; returns its URL."""
    options = ("--port", "0", "--key", key, "--limits", limits, "--keep-events", "counts")
    with _process("local.klaviyo_stand_in", *options) as line:
        yield line.split()[-1]


@contextmanager
def sink(seconds: float = 0.0) -> Iterator[int]:
    """The far end that answers after so many seconds and checks nothing; returns its port."""
    with _process("bench.far_ends.sink", str(seconds)) as line:
        yield int(line)


@contextmanager
def ledger_end(klaviyo_seconds: float) -> Iterator[str]:
    """Klaviyo, which answers after so many seconds, and DynamoDB; returns its port."""
    with _process("bench.far_ends.ledger_end", str(klaviyo_seconds)) as line:
        yield line


@contextmanager
def aws(key: str, shared_secret: str) -> Iterator[dict[str, str]]:
    """Moto's server with both queues and the secret; returns a function's environment variables."""
    with _process("bench.far_ends.amazon", key, shared_secret) as line:
        variables: dict[str, str] = json.loads(line)
        yield variables
