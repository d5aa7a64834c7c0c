"""`python -m local.sam`: tests the output of `sam build` with `sam local` on this machine.

It invokes both functions with every file of `events/`, and sends a signed request to
`sam local start-api` with `klaviyo-destination send`. Moto's server is AWS, and the stand-in is
Klaviyo. It compares the answers with `local.samples.sample_answers`, because `sam local invoke`
succeeds even if a function raises.

    SAM                 the SAM CLI's command (sam)
    LAMBDA_LOCAL_HOST   the address at which containers reach this machine's loopback
                        (host.docker.internal)
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import ROOT
from local.guard import NAMES
from local.make_run.deployment import LISTS
from local.sam import sam_files
from local.samples import EVENTS, sample_answers
from local.samples.sign import SAMPLE_SECRET
from local.screen import Screen

KEY = "pk_stand_in"
FUNCTIONS = ("WebhookFunction", "RetryFunction")

AT_ONCE = 2
INVOKE_SECONDS = 120
START_SECONDS = 60


class ProofError(Exception):
    """What was answered is not what was expected; the text says both."""


def main() -> int:
    """Run the test; returns 0 if every answer is right."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m local.sam", description=__doc__, formatter_class=as_written
    )
    parser.parse_args()
    screen = Screen()
    command = os.environ.get("SAM", "sam")
    with far_ends() as (variables, account), tempfile.TemporaryDirectory() as folder:
        sam = Sam(command, sam_files.write(Path(folder), variables))
        problems: list[str | None] = []
        screen.heading("sam local invoke, either function with every file of events/")
        calls = list(product(FUNCTIONS, sorted(path.name for path in EVENTS.glob("*.json"))))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            checked = pool.map(lambda call: sam.check(*call), calls)
            for (function, name), problem in zip(calls, checked, strict=True):
                problems.append(problem)
                screen.line(f"  {screen.mark(problem is None)} {function}  {name}")
                if problem is not None:
                    screen.line(f"    {problem}")
        missing = sample_answers.RETRIED_EVENTS - {each.unique_id for each in account.events}
        problems.append(f"Klaviyo did not get {sorted(missing)}" if missing else None)
        screen.line(f"  {screen.mark(not missing)} Klaviyo has the events of the retry queue")
        screen.heading("sam local start-api, a signed request by klaviyo-destination send")
        problem = sam.check_signed_request()
        problems.append(problem)
        screen.line(f"  {screen.mark(problem is None)} {problem or sample_answers.DELIVERED}")
    failures = sum(problem is not None for problem in problems)
    screen.line(f"\n{len(problems) - failures} of {len(problems)} answers are as documented.")
    return 1 if failures else 0


class Sam:
    """The SAM CLI's local commands, with options from a file."""

    def __init__(self, command: str, options: Path) -> None:
        self._command = command
        self._options = options

    def check(self, function: str, name: str) -> str | None:
        """Invoke the function with a sample; returns what is wrong with its answer, or nothing."""
        try:
            answer = self._invoke(function, name)
        except ProofError as error:
            return str(error)
        expected: Any = sample_answers.of_retry_function(name)
        if function == "WebhookFunction":
            expected = sample_answers.of_webhook_function(name)
            if "statusCode" in answer:
                answer = (answer["statusCode"], json.loads(answer["body"]))
        return None if answer == expected else f"answered {answer}, expected {expected}"

    def _invoke(self, function: str, name: str) -> Any:
        done = subprocess.run(
            [
                self._command,
                "local",
                "invoke",
                function,
                "--event",
                str(EVENTS / name),
                *self._given(),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=INVOKE_SECONDS,
            check=False,
        )
        lines = done.stdout.strip().splitlines()
        try:
            return json.loads(lines[-1])
        except (ValueError, IndexError):
            raise ProofError(f"no answer:\n{done.stdout}{done.stderr}") from None

    def check_signed_request(self) -> str | None:
        """Start the API and send a test event; returns what is wrong, or nothing."""
        try:
            status, output = self._send_signed_request()
            answer = json.loads(output)["answer"]
        except (ProofError, ValueError, KeyError) as error:
            return str(error)
        if status == 0 and answer == sample_answers.DELIVERED:
            return None
        return f"it ended with {status} and {output}, expected 0 and {sample_answers.DELIVERED}"

    def _send_signed_request(self) -> tuple[int, str]:
        port = _free_port()
        url = f"http://127.0.0.1:{port}/segment"
        process = subprocess.Popen(
            [
                self._command,
                "local",
                "start-api",
                "--port",
                str(port),
                *self._given(),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(url, process)
            sent = subprocess.run(
                [
                    *(sys.executable, "-m", "cli", "send", "--json", "--url", url),
                    *("--test-event", "maria.lindqvist@acme-store.example"),
                ],
                cwd=ROOT,
                env={**os.environ, "SEGMENT_SHARED_SECRET": SAMPLE_SECRET},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        finally:
            process.terminate()  # it removes its containers
            process.wait()
        return sent.returncode, sent.stdout

    def _given(self) -> list[str]:
        return ["--config-file", str(self._options), "--skip-pull-image"]


@contextmanager
def far_ends() -> Iterator[tuple[Mapping[str, str], klaviyo.Account]]:
    """Serve AWS and Klaviyo; yields the functions' variables and Klaviyo's account."""
    names = (*NAMES, sam_files.host().lower())
    with aws.serve(names=names) as aws_url:
        os.environ.update(aws.variables(aws_url))
        os.environ.pop("AWS_PROFILE", None)
        account = klaviyo.Account(keys={KEY})
        for list_id, name, process in LISTS:
            account.add_list(list_id, name=name, opt_in_process=process)
        queues = aws.create(
            "sam-local", {"klaviyo_private_key": KEY, "segment_shared_secret": SAMPLE_SECRET}
        )
        with klaviyo.serve(account, names=names) as klaviyo_url:
            variables = {
                **queues.variables(),
                "AWS_ENDPOINT_URL": aws_url,
                "KLAVIYO_API_URL": klaviyo_url,
            }
            yield variables, account


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the API answers at all."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ProofError(f"sam local start-api has ended with status {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=30)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.25)
    raise ProofError("sam local start-api did not answer in time")


if __name__ == "__main__":
    sys.exit(main())
