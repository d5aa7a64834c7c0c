"""`make bench-backfill`: a million messages into the stand-in, by a backfill that is killed twice.

    python -m bench.scenarios.backfill [--messages 1000000] [--kills 2]

The archive is made first: files of JSON Lines in gzip, 85 % track, the rest identify, of 50,000
people. The command line reads it in a process of its own, and the stand-in, in another, enforces
the published limits in real time. SIGKILL comes without a warning when a third and two thirds of
the events have arrived. In the end each event must be recorded once, and each person must have the
traits of the last identify. "The steady limit" is 150 bulk requests of 1,000 events a minute.
"""

import argparse
import gzip
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.request import urlopen

from local.aws_stand_in.function import IMPORTS

KEY = "pk_bench"
FILES = 20
TRACKS_PERCENT = 85
STEADY_EVENTS_A_MINUTE = 150_000
RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive, and the result that it must lead to: `last` is each person's last plan."""

    folder: Path
    messages: int
    events: int
    last: Mapping[str, str]


@dataclass(slots=True)
class BackfillRun:
    """The result. `seconds` is how long the command ran, `rss_mb` its peak memory."""

    seconds: float
    rss_mb: float
    parts: int
    requests: Mapping[str, Any]
    report: Mapping[str, Any]
    state: Mapping[str, Any]


def main() -> int:
    """Make, kill, resume, count. Returns 1 if anything is missing or doubled."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.backfill")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"Making {arguments.messages:,} messages …", flush=True)
        archive = make(Path(folder) / "archive", arguments.messages, arguments.people)
        size = sum(path.stat().st_size for path in archive.folder.iterdir())
        print(f"{FILES} files of {size / 1e6:,.0f} MB together. This takes a while.", flush=True)
        outcome = prove(archive, Path(folder), kills=arguments.kills)
    problems = faults(archive, outcome)
    rate = archive.messages / outcome.seconds
    events_a_minute = archive.events / outcome.seconds * 60
    result = {
        "messages": archive.messages,
        "events": archive.events,
        "seconds": outcome.seconds,
        "messages_a_second": rate,
        "of_steady_limit": events_a_minute / STEADY_EVENTS_A_MINUTE,
        "max_rss_mb": outcome.rss_mb,
        "kills": outcome.parts - 1,
        "requests": outcome.requests,
        "report": outcome.report,
        "problems": problems,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "backfill.json").write_text(json.dumps(result, indent=2) + "\n")
    endpoints, items = outcome.requests["endpoints"], outcome.requests["items"]
    bulk = endpoints["bulk_create_events"]
    for name, value in (
        ("messages", f"{archive.messages:,}, of which {archive.events:,} are events"),
        ("killed and resumed", f"{outcome.parts - 1} times"),
        ("seconds", f"{outcome.seconds:,.1f}"),
        ("messages a second", f"{rate:,.0f}"),
        ("events a minute", f"{events_a_minute:,.0f}"),
        ("of the steady limit", f"{events_a_minute / STEADY_EVENTS_A_MINUTE:.1%}"),
        ("bulk requests", f"{bulk.get('202', 0):,} accepted, {bulk.get('429', 0):,} with 429"),
        ("events sent", f"{items['bulk_create_events']:,} (repeats after a kill included)"),
        ("import jobs", f"{endpoints['bulk_import_profiles'].get('202', 0):,}"),
        ("most memory", f"{outcome.rss_mb:,.0f} MB"),
    ):
        print(f"  {name:<22}{value}")
    print(
        "\n".join(problems) or "Complete: each event once, each profile as its last identify says."
    )
    return 1 if problems else 0


def make(folder: Path, messages: int, people: int) -> Archive:
    """Write the archive, in constant memory."""
    folder.mkdir()
    events = 0
    last: dict[str, str] = {}
    a_file = -(-messages // FILES)
    for number in range(FILES):
        with gzip.open(folder / f"2026-10-{number + 1:02}.gz", "wt", compresslevel=3) as file:
            for each in range(number * a_file, min((number + 1) * a_file, messages)):
                # A step that shares no factor with the number of people visits all of them.
                person = each * 7919 % people
                message = _message(each, person)
                file.write(json.dumps(message, separators=(",", ":")) + "\n")
                if message["type"] == "track":
                    events += 1
                else:
                    last[f"person{person}@acme-store.example"] = message["traits"]["plan"]
    return Archive(folder, messages, events, last)


def _message(number: int, person: int) -> dict[str, Any]:
    """A message like a shop's, of about 700 bytes."""
    seconds = number % 86_400
    time_of_day = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"
    email = f"person{person}@acme-store.example"
    message = {
        "messageId": f"ajs-next-{number:032x}",
        "userId": f"user-{person}",
        "timestamp": f"2026-10-{1 + number // 86_400 % 28:02}T{time_of_day}",
        "context": {
            "library": {"name": "analytics.js", "version": "next-1.70.0"},
            "traits": {"email": email},
        },
        "integrations": {},
    }
    if number * 37 % 100 >= TRACKS_PERCENT:
        traits = {"email": email, "firstName": "Ada", "plan": f"plan-{number}"}
        return {"type": "identify", **message, "traits": traits}
    properties = {
        "product_id": f"507f1f77bcf86cd7{number % 1000:08}",
        "sku": f"G-{number % 1000}",
        "category": "Games",
        "name": "Monopoly: 3rd Edition",
        "brand": "Hasbro",
        "price": 18.99,
        "quantity": 1,
        "url": "https://www.acme-store.example/product/path",
    }
    return {"type": "track", **message, "event": "Product Viewed", "properties": properties}


def prove(
    archive: Archive, folder: Path, *, kills: int = 2, limits: str = "published"
) -> BackfillRun:
    """Run the command until it is done, and kill it so many times on the way."""
    spent = rss = 0.0
    with _stand_in(limits) as stand_in:
        marks = [archive.events * (n + 1) // (kills + 1) for n in range(kills)]
        for mark in [*marks, None]:
            began = time.monotonic()
            process = _start(archive, folder, stand_in)
            try:
                if mark is not None:
                    _await_events(stand_in, mark, process)
            finally:
                if mark is not None:
                    process.kill()
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            spent += time.monotonic() - began
            rss = max(rss, usage.ru_maxrss / 1024)
            if process.returncode != (0 if mark is None else -signal.SIGKILL):
                raise SystemExit(f"the backfill ended with {process.returncode}")
        state = _get(f"{stand_in}/stand-in/state?limit=1000000")
        requests = _get(f"{stand_in}/stand-in/requests")
    return BackfillRun(
        spent, rss, kills + 1, requests, json.loads((folder / "report.json").read_text()), state
    )


def faults(archive: Archive, outcome: BackfillRun) -> list[str]:
    """What is missing, doubled or in the wrong order."""
    recorded = outcome.state["counts"]["events_recorded"]
    plans = {
        profile["attributes"]["email"]: profile["attributes"]["properties"].get("plan")
        for profile in outcome.state["profiles"]
    }
    wrong = sum(plans.get(email) != plan for email, plan in archive.last.items())
    report = outcome.report
    reported = (report["messages"], report["delivered"]["create_event"], report["rejected"])
    found = []
    if recorded != archive.events:
        found.append(f"{recorded:,} events are recorded, expected {archive.events:,}")
    if wrong:
        found.append(f"{wrong:,} profiles are not as the last identify says")
    if reported != (archive.messages, archive.events, {}) or not report["finished"]:
        found.append(f"the report says {report}")
    return found


def _start(archive: Archive, folder: Path, stand_in: str) -> Popen[bytes]:
    """The backfill, in a process of its own; its report goes to `report.json`."""
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in IMPORTS),
        "KLAVIYO_API_URL": stand_in,
        "KLAVIYO_PRIVATE_KEY": KEY,
    }
    command = [sys.executable, "-m", "cli", "backfill", str(archive.folder)]
    with (folder / "report.json").open("w") as report, (folder / "log").open("a") as log:
        return Popen(
            [*command, "--json", "--state", str(folder / "backfill.state")],
            stdout=report,
            stderr=log,
            env=variables,
        )


def _await_events(stand_in: str, number: int, process: Popen[bytes]) -> None:
    """Wait until so many events have arrived. Raises if the command ends before."""
    unreaped = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, process.pid, unreaped) is None:
        time.sleep(0.02)
        if _get(f"{stand_in}/stand-in/requests")["items"].get("bulk_create_events", 0) >= number:
            return
    raise SystemExit("the backfill ended before it was killed")


def _get(url: str) -> dict[str, Any]:
    with urlopen(url) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


@contextmanager
def _stand_in(limits: str) -> Iterator[str]:
    """The stand-in in a process of its own; gives its URL."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in IMPORTS)}
    command = [sys.executable, "-m", "local.klaviyo_stand_in", "--port", "0", "--key", KEY]
    options = ["--keep-events", "counts", "--limits", limits]
    with Popen([*command, *options], stdout=PIPE, text=True, env=variables) as run:
        try:
            assert run.stdout is not None
            yield run.stdout.readline().split()[-1]
        finally:
            run.kill()


if __name__ == "__main__":
    sys.exit(main())
