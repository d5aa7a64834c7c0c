"""`make bench-ledger`: what the ledger costs a call of 1,000 identifies, and a cold start.

    python -m bench.scenarios.ledger [--rounds 7] [--calls 10]

A far end answers as Klaviyo and as DynamoDB, the latter after 5 ms. The ledger knows every person
already. It measures with and without the ledger in turn, each round in fresh processes: the time of
a call (median), the time of a process's first call with its imports, and what was not checked. How
much more a call takes is the median of the rounds, since a machine's speed may change from one to
the next. The aim is for a Klaviyo that takes 300 ms, as in `make bench-slow`. Since the ledger's
time does not depend on Klaviyo's, it is a larger share of a faster one: this is shown as well.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

from bench import far_ends, messages
from bench.rows.measuring import allocator
from bench.scenarios.slow import ANSWER_SECONDS

MESSAGES = 1_000
MOST = 0.25
"""How much more a call may take with the ledger than without, as a share."""

FAST_SECONDS = 0.1
"""Of a Klaviyo that answers faster."""

RESULTS = Path(__file__).resolve().parents[1] / "results"

Rounds = dict[str, dict[str, list[float]]]
"""By whether the ledger is `on` or `off`, the figures of each round by their names."""


def main() -> int:
    """Measure, print, store the numbers. Returns 1 if a call takes too long."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.ledger")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=10)
    arguments = parser.parse_args()
    print(f"  a call of {MESSAGES:,} identifies, DynamoDB in 5 ms")
    results = {}
    for klaviyo_seconds in (ANSWER_SECONDS, FAST_SECONDS):
        rounds = _rounds(klaviyo_seconds, arguments.rounds, arguments.calls)
        medians = _medians(rounds)
        aim = f"at most {MOST:.0%}" if klaviyo_seconds == ANSWER_SECONDS else "no aim"
        print(f"  Klaviyo in {klaviyo_seconds * 1000:.0f} ms")
        for ledger, median in medians.items():
            print(
                f"    ledger {ledger:<4} {median['call'] * 1000:7.1f} ms, of the processor "
                f"{median['processor'] * 1000:6.1f} ms"
            )
        low, more, high = _more(rounds)
        print(f"    more         {more:7.1%} ({low:.1%} to {high:.1%}), {aim}")
        print(f"    not checked  {medians['on']['unchecked']:7.0f} operations")
        results[klaviyo_seconds] = {**medians, "more": more}
        if klaviyo_seconds == ANSWER_SECONDS:
            is_over = more > MOST
            off, on = medians["off"]["first"], medians["on"]["first"]
    print(f"  first call of a process  {off * 1000:.0f} ms, and {(on - off) * 1000:.0f} ms more")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "ledger.json").write_text(json.dumps(results, indent=2) + "\n")
    return 1 if is_over else 0


def _more(rounds: Rounds) -> tuple[float, float, float]:
    """How much more a call takes with the ledger, as a share: the least round, the median, the
    most."""
    pairs = zip(rounds["on"]["call"], rounds["off"]["call"], strict=True)
    shares = sorted(on / off - 1 for on, off in pairs)
    return shares[0], statistics.median(shares), shares[-1]


def _medians(rounds: Rounds) -> dict[str, dict[str, float]]:
    return {
        ledger: {name: statistics.median(values) for name, values in of_ledger.items()}
        for ledger, of_ledger in rounds.items()
    }


def _rounds(klaviyo_seconds: float, rounds: int, calls: int) -> Rounds:
    found: Rounds = {"off": {}, "on": {}}
    with far_ends.ledger_end(klaviyo_seconds) as port:
        for _ in range(rounds):
            for ledger, figures in found.items():
                for name, value in _measured(port, ledger, calls).items():
                    figures.setdefault(name, []).append(value)
    return found


def _measured(port: str, ledger: str, calls: int) -> dict[str, float]:
    """One fresh process."""
    url = f"http://127.0.0.1:{port}"
    variables = {
        **os.environ,
        **allocator(),
        "KLAVIYO_API_URL": url,
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "CREDENTIALS_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:bench",
        "RETRY_QUEUE_URL": f"{url}/q",
        "DEAD_LETTER_QUEUE_URL": f"{url}/d",
        "LEDGER_TABLE": "bench" if ledger == "on" else "",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "bench.scenarios.ledger", "inside", str(calls)]
    run = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return figures


def inside(calls: int) -> None:
    """In the process that is measured."""
    batch = messages.call(messages.whole("identify", MESSAGES))
    single = messages.call(messages.whole("identify", 1))
    began = perf_counter()
    from bench.rows.worker import Kept
    from handler import assembly
    from handler.aws.garbage import Collector

    intake = assembly.webhook(os.environ)
    Collector().start()  # as the function does
    object.__setattr__(intake, "retry_queue", Kept())
    intake.handle(dict(single))
    first = perf_counter() - began
    intake.handle(dict(batch))
    times, processor, unchecked = [], [], 0
    for _ in range(calls):
        began, spent = perf_counter(), process_time()
        answer = json.loads(intake.handle(dict(batch))["body"])
        times.append(perf_counter() - began)
        processor.append(process_time() - spent)
        unchecked = json.dumps(answer).count("order_not_checked")
    figures = {
        "first": first,
        "call": statistics.median(times),
        "processor": statistics.median(processor),
        "unchecked": unchecked,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(int(sys.argv[2]))
    else:
        sys.exit(main())
