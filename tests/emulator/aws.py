"""The emulator, started and stopped."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.emulator.failure import Failure

REGION = "eu-central-1"

START_SECONDS = 30.0


@contextmanager
def serve(python: str, port: int, log: Path) -> Iterator[Mapping[str, str]]:
    """Run the emulator in another Python; yields AWS's variables, and sets them here."""
    url = f"http://localhost:{port}"
    own = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(own)
    variables = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "BIND_HOST": "127.0.0.1",
    }
    variables.pop("PYTHONPATH", None)
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, "-m", "ministack"],
            env=variables,
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(f"{url}/_ministack/health", process)
            yield own
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise Failure("the emulator did not start")
