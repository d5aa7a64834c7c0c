"""`make soak`: whether a warm webhook function's memory grows over thousands of calls of 4 MB.

    python -m bench.scenarios.soak [--calls 20000]

The real webhook function in a process of its own, moto's SQS, and a Klaviyo that answers at once.
Batches of many small and of few large messages in turn. Each has its own keys, names and people,
with which a stranger could fill a cache. Prints the resident memory, and how many calls a busy
machine answered with 503, which Segment would send again. Returns 1 above 200 MB.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import far_ends
from cli.segment.signature import signature
from local.aws_stand_in.function import LambdaFunction

SECRET = "bench-shared-secret"
KEY = "pk_bench"
MOST_MB = 200.0
LINES = 20

SHAPES = (("track", 3_500, 700), ("track", 125, 30_000), ("identify", 125, 30_000))
"""Type, messages in a call, and characters of each message's text: at most 4 MB a call."""


def main() -> int:
    """Call, and print the memory at about twenty points."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.soak")
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    with ExitStack() as stack:
        port = stack.enter_context(far_ends.sink())
        variables = {
            **os.environ,
            **stack.enter_context(far_ends.aws(KEY, SECRET)),
            "KLAVIYO_API_URL": f"http://127.0.0.1:{port}",
        }
        log = stack.enter_context(Path(os.devnull).open("w"))
        webhook = stack.enter_context(
            LambdaFunction("webhook", "handler.webhook.lambda_handler", variables, 10, log)
        )
        webhook.wait()
        print(f"  {'calls':>8}{'MB':>8}{'peak MB':>10}{'503s':>8}")
        peak, busy = 0.0, 0
        for number, lambda_event in enumerate(_calls(calls), 1):
            answer = webhook.invoke(lambda_event)
            if answer["statusCode"] == 503:
                busy += 1
            elif answer["statusCode"] != 200:
                raise SystemExit(f"not accepted: {answer['body']}")
            if number in (1, len(SHAPES)) or number % max(calls // LINES, 1) == 0:
                now, peak = _megabytes(webhook.pid)
                print(f"  {number:>8,}{now:>8.0f}{peak:>10.0f}{busy:>8,}", flush=True)
    return 0 if peak < MOST_MB else 1


def _calls(number: int) -> Iterator[dict[str, Any]]:
    for call in range(number):
        kind, count, letters = SHAPES[call % len(SHAPES)]
        messages = [_message(kind, f"{call}-{each}", letters) for each in range(count)]
        yield {
            "version": "2.0",
            "headers": {"x-signature": signature(json.dumps(messages[0]).encode(), SECRET)},
            "body": json.dumps(messages),
            "isBase64Encoded": False,
        }


def _message(kind: str, name: str, letters: int) -> dict[str, Any]:
    fields = {"email": f"person{name}@acme-store.example", f"key{name}": "x" * letters}
    return {
        "type": kind,
        "messageId": f"message-{name}",
        "userId": f"user-{name}",
        "event": f"Event {name}",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "properties" if kind == "track" else "traits": fields,
    }


def _megabytes(pid: int) -> tuple[float, float]:
    """The resident memory now, and its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line}
    return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024


if __name__ == "__main__":
    sys.exit(main())
