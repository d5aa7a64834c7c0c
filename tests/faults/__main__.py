"""`make faults`: 100,000 messages through everything that can fail, and what became of them.

python -m tests.faults [--messages 100000] [--seed 1]
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import boto3

from local import aws, klaviyo
from local.klaviyo import Account
from tests.deployment import LISTS, PRIVATE_KEY, SHARED_SECRET, Deployment
from tests.faults.reckoning import problems, table
from tests.faults.run import Run, Settings

RESULTS = Path(__file__).resolve().parent.parent.parent / "bench" / "results"


def main() -> int:
    """Run, print the table, keep the numbers; 1 when something does not add up."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    settings = Settings(seed=arguments.seed, messages=arguments.messages)
    account = Account(keys={PRIVATE_KEY}, keep_events="ids")
    for list_id, name, process in LISTS:
        account.add_list(list_id, name=name, opt_in_process=process)
    secret = {"klaviyo_private_key": PRIVATE_KEY, "segment_shared_secret": SHARED_SECRET}
    print(f"A fault run: {settings.messages:,} messages, seed {settings.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        aws.serve() as aws_url,
        klaviyo.serve(account) as klaviyo_url,
    ):
        os.environ.update(aws.variables(aws_url))
        os.environ.pop("AWS_PROFILE", None)
        queues = aws.create("faults", secret)
        variables = {**os.environ, **queues.variables(), "KLAVIYO_API_URL": klaviyo_url}
        deployment = Deployment(variables, account, queues, boto3.client("sqs"))
        report = Run(deployment, settings, Path(folder)).carry_out()
    print(table(report))
    wrong = problems(report)
    for text in wrong:
        print(f"  DOES NOT ADD UP: {text}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "seed": settings.seed,
        "messages": settings.messages,
        "seconds": round(report.seconds, 1),
        "problems": wrong,
        "metrics": report.books,
        "answers": report.tally.answers,
        "calls": report.tally.calls,
        "retry_batches": report.tally.batches,
        "events": len(report.klaviyo.events),
        "events_accepted": sum(report.klaviyo.events.values()),
        "profiles": len(report.klaviyo.properties),
        "dead_letters": len(report.dead.places),
    }
    (RESULTS / "faults.json").write_text(json.dumps(result, indent=2) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
