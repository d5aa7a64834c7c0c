"""`make bench-drain`: how fast a backlog leaves the retry queue, against Klaviyo's bulk limit.

    python -m bench.scenarios.drain [--events 200000] [--singles-seconds 60]

Real retry functions in processes of their own (two, as the template allows), fed from moto's SQS by
pollers with Lambda's payload limit; the stand-in, in a process of its own, enforces the published
limits in real time: 10 requests a second and 150 a minute of 1,000 events each, in fixed windows
that begin with the first request after the one before has ended. The time is compared with

- the steady rate, 150,000 events a minute;
- the shortest time in which the windows allow so many requests. A minute's 150 are allowed in its
  first 15 seconds, so 200 requests may end 64 seconds after the first: a minute for 150 of them,
  and of the minute that has begun only the seconds that the other 50 need.

It also sends the same events singly (350 a second, 3,500 a minute) for the given time, and computes
from that how long the whole backlog would take.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench import far_ends
from handler.assembly import PATIENCE_SECONDS
from handler.queue.envelope import Entry
from handler.queue.queues import Queue
from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.planning.steps import BULK_EVENTS_FROM
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import LambdaFunction
from local.aws_stand_in.poller import Poller
from operations import CreateEvent, Identity

KEY = "pk_bench"
PER_SECOND, PER_MINUTE, EVENTS_A_REQUEST = 10, 150, 1_000
SINGLES_PER_MINUTE = 3_500
RETRIES = 2
RESULTS = Path(__file__).resolve().parents[1] / "results"
LONGEST_SECONDS = 600.0


def main() -> int:
    """Run both, print the table, store the numbers. Returns 1 below 95 % of the steady rate."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.drain")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--singles-seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    print(f"A backlog of {arguments.events:,} events. This takes a few minutes.", flush=True)
    bulk = drain(arguments.events)
    singles = one_by_one(arguments.singles_seconds)
    result = {"events": arguments.events, "bulk": bulk, "singles": singles}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "drain.json").write_text(json.dumps(result, indent=2) + "\n")
    print(_table(arguments.events, bulk, singles))
    return 0 if bulk["of_steady_rate"] >= 0.95 else 1


def _table(number: int, bulk: Mapping[str, Any], singles: Mapping[str, Any]) -> str:
    alone = number / singles["events_a_minute"]
    rows = (
        ("", "bulk jobs", "one event a request"),
        ("events", f"{bulk['events']:,}", f"{singles['events']:,} (measured)"),
        ("seconds", f"{bulk['seconds']:.1f}", f"{singles['seconds']:.1f} (measured)"),
        ("requests accepted", f"{bulk['accepted']:,}", f"{singles['events']:,}"),
        ("answered with 429", f"{bulk['throttled']:,}", f"{singles['throttled']:,}"),
        ("events a request", f"{bulk['events_a_request']:.1f}", "1"),
        (
            "events a minute",
            f"{bulk['events_a_minute']:,.0f}",
            f"{singles['events_a_minute']:,.0f}",
        ),
        ("the backlog in minutes", f"{bulk['seconds'] / 60:.1f}", f"{alone:.1f} (extrapolated)"),
    )
    steady = f"{PER_MINUTE * EVENTS_A_REQUEST:,} events a minute"
    return "\n".join(
        (
            "",
            *(f"  {name:<24}{one:>12}   {other}" for name, one, other in rows),
            "",
            f"  of the steady rate ({steady}): {bulk['of_steady_rate']:.1%}",
            f"  of the speed that the windows allow ({bulk['shortest_seconds']} seconds): "
            f"{bulk['of_allowed']:.1%}",
            f"  requests accepted minute by minute: {bulk['by_minute']}",
        )
    )


def drain(number: int) -> dict[str, Any]:
    """Fill the queue, let it drain, and say how it went."""
    with ExitStack() as stack:
        stand_in = stack.enter_context(far_ends.stand_in(KEY))
        os.environ.update(aws.variables(stack.enter_context(aws.serve())))
        os.environ.pop("AWS_PROFILE", None)
        secret = {"klaviyo_private_key": KEY, "segment_shared_secret": "bench"}
        queues = aws.create("drain", secret)
        variables = {**os.environ, **queues.variables(), "KLAVIYO_API_URL": stand_in}
        log = stack.enter_context(Path(os.devnull).open("w"))
        functions = [
            stack.enter_context(
                LambdaFunction("retry", "handler.retry.lambda_handler", variables, 60, log)
            )
            for _ in range(RETRIES)
        ]
        for function in functions:
            function.wait()
        sent = (
            Queue(queues.retry_queue_url)
            .send(map(Entry, _events(number)), seconds=LONGEST_SECONDS)
            .messages
        )
        print(f"{sent} SQS messages wait", flush=True)
        for function in functions:
            stack.enter_context(Poller(queues.retry_queue_url, function.invoke))
        seen = list(_watch(stand_in, number))
    seconds, accepted, items, throttled = seen[-1]
    shortest = shortest_seconds(accepted)
    marks = [60.0 * each for each in range(1, math.ceil(seconds / 60))] + [seconds]
    by_then = [max(count for at, count, *_ in seen if at <= mark) for mark in marks]
    return {
        "events": items,
        "seconds": seconds,
        "accepted": accepted,
        "throttled": throttled,
        "shortest_seconds": shortest,
        "events_a_request": items / accepted,
        "events_a_minute": items / seconds * 60,
        "of_steady_rate": items / seconds * 60 / (PER_MINUTE * EVENTS_A_REQUEST),
        "of_allowed": shortest / seconds,
        "by_minute": [n - before for n, before in zip(by_then, [0, *by_then], strict=False)],
        "timeline": [(round(at, 1), count) for at, count, *_ in seen[::20]],
    }


def one_by_one(seconds: float) -> dict[str, Any]:
    """The same client and the same limits, never enough events at once for a bulk job."""
    with far_ends.stand_in(KEY) as stand_in:
        klaviyo = Klaviyo(stand_in, patience=PATIENCE_SECONDS)
        began = time.monotonic()
        until = began + seconds
        left = list(_events(20_000))
        size = BULK_EVENTS_FROM - 1
        while left and time.monotonic() < until:
            few, left = left[:size], left[size:]
            for result in klaviyo.deliver(few, KEY, until - time.monotonic()).results:
                if isinstance(result.outcome, Retryable):
                    left_of_time = max(until - time.monotonic(), 0)
                    time.sleep(min(result.outcome.delay or 0.1, left_of_time))
                    break
        seconds = time.monotonic() - began
        answers = _requests(stand_in)["endpoints"]["create_event"]
    accepted = answers["202"]
    return {
        "events": accepted,
        "seconds": seconds,
        "throttled": answers.get("429", 0),
        "events_a_minute": accepted / max(seconds, 60.0) * 60,
    }


def shortest_seconds(requests: int) -> int:
    """Seconds from the first request to the last, if each goes as soon as the windows allow."""
    minutes, of_minute = divmod(requests - 1, PER_MINUTE)
    return minutes * 60 + of_minute // PER_SECOND


def _watch(stand_in: str, number: int) -> Iterator[tuple[float, int, int, int]]:
    """Seconds since the first answer, requests and events accepted, and 429s, until the end."""
    began = None
    waiting_since = time.monotonic()
    while time.monotonic() - waiting_since < LONGEST_SECONDS:
        time.sleep(0.05)
        document = _requests(stand_in)
        answers = document["endpoints"].get("bulk_create_events", {})
        items = document["items"].get("bulk_create_events", 0)
        items += document["items"].get("create_event", 0)
        if answers and began is None:
            began = time.monotonic()
        if began is not None:
            accepted = answers.get("202", 0)
            yield time.monotonic() - began, accepted, items, answers.get("429", 0)
        if items >= number:
            return
    raise SystemExit("the backlog did not drain")


def _requests(stand_in: str) -> dict[str, Any]:
    with urlopen(f"{stand_in}/stand-in/requests") as answer:
        document: dict[str, Any] = json.load(answer)
        return document


def _events(number: int) -> Iterator[CreateEvent]:
    """Events like a shop's, of about 600 bytes each in the queue."""
    for each in range(number):
        yield CreateEvent(
            f"ajs-next-{each:032x}",
            Identity(email=f"person{each % 50_000}@acme-store.example"),
            "Product Viewed",
            f"ajs-next-{each:032x}",
            {
                "product_id": f"507f1f77bcf86cd7{each % 1000:08}",
                "sku": f"G-{each % 1000}",
                "category": "Games",
                "name": "Monopoly: 3rd Edition",
                "brand": "Hasbro",
                "variant": "200 pieces",
                "price": 18.99,
                "quantity": 1,
                "currency": "USD",
                "url": "https://www.acme-store.example/product/path",
                "image_url": "https://www.acme-store.example/product/path.jpg",
            },
            "2026-11-23T10:00:00.000Z",
            18.99,
        )


if __name__ == "__main__":
    sys.exit(main())
