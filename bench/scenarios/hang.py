"""`make bench-hang`: how long a webhook call takes while Klaviyo hangs and the breaker is open.

    python -m bench.scenarios.hang [--calls 600]

The real webhook function in a process of its own, moto's SQS, and a stand-in that takes every
request and never answers in time. Calls of 1, 100 and 1,000 messages in turn (tracks and
identifies), one after the other, and some of 4,000 by themselves. Timed from the call to its
answer, as the function's caller sees it. Some calls contain the probes with which the breaker
checks whether Klaviyo is back: up to 0.75 seconds each.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cli.segment.signature import signature
from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import LambdaFunction
from local.klaviyo_stand_in import Account, Weather

SECRET = "bench-shared-secret"
KEY = "pk_bench"
SIZES = (1, 100, 1_000)
LARGEST = 4_000
LARGEST_CALLS = 5
HANG_SECONDS = 30.0
P99_SECONDS = 1.0
RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> int:
    """Measure, print the table, store the numbers. Returns 1 if the p99 is a second or more."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.hang")
    parser.add_argument("--calls", type=int, default=600)
    calls = parser.parse_args().calls
    with ExitStack() as stack:
        account = Account(keys={KEY}, limits="published", keep_events="counts")
        account.set_weather(Weather(hang=HANG_SECONDS))
        url = stack.enter_context(klaviyo.serve(account))
        os.environ.update(aws.variables(stack.enter_context(aws.serve())))
        os.environ.pop("AWS_PROFILE", None)
        queues = aws.create("hang", {"klaviyo_private_key": KEY, "segment_shared_secret": SECRET})
        variables = {**os.environ, **queues.variables(), "KLAVIYO_API_URL": url}
        log = stack.enter_context(Path(os.devnull).open("w"))
        webhook = stack.enter_context(
            LambdaFunction("webhook", "handler.webhook.lambda_handler", variables, 10, log)
        )
        webhook.wait()
        opening = _seconds(webhook, 100, 0)
        times: dict[int, list[float]] = {size: [] for size in (*SIZES, LARGEST)}
        dice = random.Random(1)
        for number in range(1, calls + 1):
            size = SIZES[number % len(SIZES)]
            times[size].append(_seconds(webhook, size, number * LARGEST))
            time.sleep(dice.random() * 0.05)
        mixed = [seconds for size in SIZES for seconds in times[size]]
        for number in range(LARGEST_CALLS):
            times[LARGEST].append(_seconds(webhook, LARGEST, (calls + 1 + number) * LARGEST))
    rows = [
        *((f"{size:,} messages", times[size]) for size in SIZES),
        ("all of these", mixed),
        (f"{LARGEST:,} messages", times[LARGEST]),
    ]
    print(f"  the call that opened the breaker: {opening:.2f} s")
    print(f"  requests that Klaviyo met meanwhile, probes: {account.counts.total()}")
    print(f"  {'':<16}{'calls':>6}{'p50':>9}{'p99':>9}{'max':>9}   seconds")
    for name, seconds in rows:
        print(
            f"  {name:<16}{len(seconds):>6}{_quantile(seconds, 50):>9.3f}"
            f"{_quantile(seconds, 99):>9.3f}{max(seconds):>9.3f}"
        )
    result: dict[str, Any] = {
        "opening": opening,
        **{
            name: {
                "calls": len(seconds),
                "p50": _quantile(seconds, 50),
                "p99": _quantile(seconds, 99),
                "max": max(seconds),
            }
            for name, seconds in rows
        },
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "hang.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0 if _quantile(mixed, 99) < P99_SECONDS else 1


def _seconds(webhook: LambdaFunction, size: int, first: int) -> float:
    """How long a call of so many messages takes. All of them must be on the queue afterwards."""
    messages = [_message(first + each) for each in range(size)]
    lambda_event = {
        "version": "2.0",
        "headers": {"x-signature": signature(json.dumps(messages[0]).encode(), SECRET)},
        "body": json.dumps(messages),
        "isBase64Encoded": False,
    }
    began = time.perf_counter()
    answer = webhook.invoke(lambda_event)
    seconds = time.perf_counter() - began
    if answer["statusCode"] != 200 or json.loads(answer["body"])["queued"] != size:
        raise SystemExit(f"not queued: {answer['statusCode']}")
    return seconds


def _message(number: int) -> dict[str, Any]:
    """A track or an identify, of about 600 bytes."""
    email = f"person{number}@acme-store.example"
    common = {
        "messageId": f"ajs-next-{number:032x}",
        "userId": f"user-{number}",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "context": {"library": {"name": "analytics.js", "version": "npm:next-1.70.0"}},
    }
    if number % 3 == 0:
        traits = {"email": email, "firstName": "Ada", "lastName": "Byron", "plan": "pro"}
        return {**common, "type": "identify", "traits": traits}
    properties = {
        "email": email,
        "product_id": f"507f1f77bcf86cd7{number:08}",
        "name": "Monopoly: 3rd Edition",
        "price": 18.99,
        "url": "https://www.acme-store.example/product/path",
    }
    return {**common, "type": "track", "event": "Product Viewed", "properties": properties}


def _quantile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    sys.exit(main())
