"""`make faults`: 100,000 messages through everything that can fail, and what became of them.

python -m tests.faults [--messages 100000] [--seeds 1 2 3] [--seconds SECONDS] [--share 0.29]
    [--ledger off|on|failing] [--logs FOLDER]
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.klaviyo_stand_in import Account
from tests.deployment import LEDGER_KEY, LISTS, PRIVATE_KEY, SHARED_SECRET, Deployment
from tests.faults.account.reckoning import lost, problems, table
from tests.faults.run import Run, Settings

RESULTS = Path(__file__).resolve().parent.parent.parent / "bench" / "results"

SECONDS = 75.0
"""That the traffic takes."""

MOST_A_SECOND = 333
"""Messages, with a ledger: moto answers with one processor."""

CLOSING = (
    "lost",
    "doubled",
    "stale",
    "warned",
    "everywhere",
    "consents_widened",
    "overtaken",
    "misplaced",
    "slowest_answer",
    "peak_mb",
)


def main() -> int:
    """Run each seed, print the tables, keep the numbers; 1 when something does not add up."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, help="that the traffic takes")
    parser.add_argument("--share", type=float, help="of a processor for each function")
    parser.add_argument("--ledger", choices=["off", "on", "failing"], default="off")
    parser.add_argument("--logs", type=Path, help="a folder in which the functions' logs are kept")
    arguments = parser.parse_args()
    results = [
        run(
            Settings(
                seed=seed,
                messages=arguments.messages,
                traffic_seconds=arguments.seconds or seconds(arguments.messages, arguments.ledger),
                processor_share=arguments.share,
                ledger=arguments.ledger,
            ),
            arguments.logs,
        )
        for seed in arguments.seeds
    ]
    print("  ".join(f"{name:>16}" for name in ("seed", *CLOSING)))
    for result in results:
        print("  ".join(f"{result[name]!s:>16}" for name in ("seed", *CLOSING)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "faults.json").write_text(json.dumps(results, indent=2) + "\n")
    return 1 if any(result["problems"] for result in results) else 0


def seconds(messages: int, ledger: str) -> float:
    """That the traffic takes, unless somebody says otherwise."""
    return SECONDS if ledger == "off" else max(SECONDS, messages / MOST_A_SECOND)


def run(settings: Settings, logs: Path | None) -> dict[str, Any]:
    """One run on far ends of its own; prints its table and gives its numbers."""
    account = Account(keys={PRIVATE_KEY}, keep_events="ids")
    for list_id, name, process in LISTS:
        account.add_list(list_id, name=name, opt_in_process=process)
    secret = {
        "klaviyo_private_key": PRIVATE_KEY,
        "segment_shared_secret": SHARED_SECRET,
        "ledger_key": LEDGER_KEY,
    }
    print(f"A fault run: {settings.messages:,} messages, seed {settings.seed}", flush=True)
    with (
        _folder(logs, settings.seed) as folder,
        aws.serve() as aws_url,
        klaviyo.serve(account) as klaviyo_url,
    ):
        os.environ.update(aws.variables(aws_url))
        os.environ.pop("AWS_PROFILE", None)
        queues = aws.create(f"faults-{settings.seed}", secret)
        variables = {**os.environ, **queues.variables(), "KLAVIYO_API_URL": klaviyo_url}
        if settings.ledger != "off":
            variables["LEDGER_TABLE"] = aws.create_ledger(f"faults-{settings.seed}")
        deployment = Deployment(variables, account, queues, boto3.client("sqs"))
        report = Run(deployment, settings, folder).carry_out()
    print(table(report))
    wrong = problems(report)
    for text in wrong:
        print(f"  DOES NOT ADD UP: {text}", flush=True)
    return {
        "seed": settings.seed,
        "messages": settings.messages,
        "seconds": round(report.seconds, 1),
        "problems": wrong,
        "metrics": report.books,
        "answers": report.tally.answers,
        "calls": report.tally.calls,
        "retry_batches": report.tally.batches,
        "weathers": report.tally.weathers,
        "events": len(report.klaviyo.events),
        "events_accepted": sum(report.klaviyo.events.values()),
        "profiles": len(report.klaviyo.properties),
        "dead_letters": len(report.dead.places),
        "lost": len(lost(report)),
        "stale": len(report.stale),
        "stale_by_kind": Counter(kind for kind, _ in report.stale),
        "warned": len(report.warned),
        "fates": len(report.fates),
        "behind": len(report.behind),
        "ended": len(report.ended),
        "everywhere": len(report.everywhere),
        "ledger": settings.ledger,
        "doubled": len(report.doubled),
        "consents_widened": len(report.widened),
        "overtaken": len(report.overtaken),
        "misplaced": len(report.surplus),
        "slowest_answer": round(report.tally.slowest_answer, 2),
        "peak_mb": round(report.peak_mb),
    }


@contextmanager
def _folder(logs: Path | None, seed: int) -> Iterator[Path]:
    """Where the run's logs go: for the time of the run only, unless they are to be kept."""
    if logs is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        kept = logs / f"seed-{seed}"
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


if __name__ == "__main__":
    sys.exit(main())
