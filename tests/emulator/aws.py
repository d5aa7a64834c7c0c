"""The emulator, started and stopped; and what of AWS a real deployment would not have to do."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.emulator.failure import Failure

REGION = "eu-central-1"

START_SECONDS = 30.0


@contextmanager
def serve(python: str, port: int, log: Path) -> Iterator[str]:
    """Run the emulator in another Python; yields its address. Sets AWS's variables here."""
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
            yield url
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


def make_routes(api_id: str, function_arn: str, routes: Mapping[str, Any]) -> str:
    """The routes of the API's OpenAPI body, which the emulator does not read; what was done."""
    gateway = boto3.client("apigatewayv2")
    integration = gateway.create_integration(
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=function_arn,
        PayloadFormatVersion="2.0",
    )
    keys = [f"{method.upper()} {path}" for path, methods in routes.items() for method in methods]
    for key in keys:
        target = f"integrations/{integration['IntegrationId']}"
        gateway.create_route(ApiId=api_id, RouteKey=key, Target=target)
    return f"made by hand, since the emulator reads no OpenAPI body: {', '.join(keys)}"
