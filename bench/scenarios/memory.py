"""`make bench-memory`: how long things take at each of Lambda's memory sizes, and what that costs.

    python -m bench.scenarios.memory [--rounds 3]

Lambda gives a function a share of a processor according to its memory. Each process runs in a
control group with that share; this needs Linux and root. On Lambda, a function has more of a
processor while it loads, so real cold starts at small sizes are shorter than these.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import far_ends, messages
from bench.figures import Figure
from bench.rows.measuring import KEY, Ends, Files, Recorder, Subject, Task, in_turns
from bench.rows.report import number
from bench.subjects import artifact
from bench.subjects.processor import NoQuotaError, limited
from local.aws_stand_in.function import ROOT
from local.aws_stand_in.limits import share_of

RESULTS = Path(__file__).resolve().parents[1] / "results"
ROUNDS = 3
SIZES = (256, 512, 1_024, 1_769)

KLAVIYO_MS = 300.0
"""Assumed for one bulk request to Klaviyo. The function waits meanwhile, and Lambda charges for
it."""

MOST_MS = 2_500.0
"""Half of Segment's five seconds. The rest is left to Klaviyo and the network."""

MOST_MEMORY = 0.5
"""The share of the memory that the largest batch may fill."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure, and its number of messages (the unit is then µs a message)."""

    label: str
    figure: str
    messages: int = 0

    def milliseconds(self, figures: Mapping[str, Figure]) -> float | None:
        """Milliseconds of the whole call."""
        figure = figures.get(self.figure)
        if figure is None:
            return None
        return figure.median * self.messages / 1000 if self.messages else figure.median


COLD = Row("cold start, credentials in Secrets Manager", "cold.secret")
ORDERS = Row("1.8 MB: 1,600 orders of five (9,600 events)", "order", 1_600)
ROWS = (
    Row("cold start, credentials in the environment", "cold.environment"),
    COLD,
    Row("1 track", "one", 1),
    Row("1,000 tracks", "thousand", 1_000),
    Row("4 MB: 4,000 tracks of 1 KB", "track", 4_000),
    ORDERS,
)


def main() -> int:
    """Measure, print the table and the suggestion, store the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.memory")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            record = _measure(rounds, Path(scratch))
    except NoQuotaError as error:
        print(f"bench: no share of a processor can be set here ({error})", file=sys.stderr)
        print("       It takes Linux with control groups, and root.", file=sys.stderr)
        return 2
    sizes = {size: record.figures(str(size)) for size in SIZES}
    peak = record.figures("memory")["memory.peak"].median
    print(
        f"Python {platform.python_version()}, medians of {rounds} rounds, the far end on loopback"
    )
    print(table(sizes, peak))
    for size, notes in record.notes.items():
        for note in notes:
            print(f"  {size} MB: {note}")
    print(suggestion(sizes, peak))
    result = {
        "peak_mb": peak,
        "sizes": {
            size: {name: figure.to_json() for name, figure in figures.items()}
            for size, figures in sizes.items()
        },
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _measure(rounds: int, scratch: Path) -> Recorder:
    built = artifact.make(artifact.present_revision(), ROOT / "src", scratch)
    (scratch / "messages").mkdir()
    files = Files(scratch / "messages")
    record = Recorder()
    with ExitStack() as stack:
        groups = {size: stack.enter_context(limited(share_of(size))) for size in SIZES}
        port = stack.enter_context(far_ends.sink())
        ends = Ends(
            "", f"http://127.0.0.1:{port}", stack.enter_context(far_ends.aws(KEY, messages.SECRET))
        )
        subjects = [
            Subject(str(size), built, ends, files, prefix) for size, prefix in groups.items()
        ]
        tasks = [_tasks(subject, files, rounds) for subject in subjects]
        for _, task in in_turns([list(group) for group in zip(*tasks, strict=True)], rounds):
            record.add(task)
        whole = Subject("memory", built, ends, files)
        idle, largest = [files.path("single")], files.path("order-1600")
        record.add(whole.task("memory", 1, stub=False, idle=idle, batch=largest))
    return record


def _tasks(subject: Subject, files: Files, rounds: int) -> list[Task]:
    small = {"one": files.path("single"), "thousand": files.path("batch-track")}
    return [
        Task(subject.name, "cold.environment", rounds, subject.cold_with_environment),
        Task(subject.name, "cold.secret", rounds, subject.cold_with_secret),
        subject.task("webhook", rounds, label="up to 1,000", calls=small),
        subject.task(
            "webhook", rounds, label="4 MB of tracks", calls={"track": files.path("track-4000")}
        ),
        subject.task(
            "webhook", rounds, label="4 MB of orders", calls={"order": files.path("order-1600")}
        ),
    ]


def table(sizes: Mapping[int, Mapping[str, Figure]], peak: float) -> str:
    """Milliseconds at each size, and the cost of a call including Klaviyo's time."""
    head = f"  {'':<46}" + "".join(f"{size:>9,} MB" for size in sizes)
    lines = [head, f"  {'share of a processor':<46}"]
    lines[1] += "".join(f"{share_of(size):>12.2f}" for size in sizes)
    lines.append("milliseconds")
    for row in ROWS:
        cells = (row.milliseconds(figures) for figures in sizes.values())
        lines.append(f"  {row.label:<46}" + "".join(map(_cell, cells)))
    lines.append(f"thousandths of a GB-second, with {KLAVIYO_MS:.0f} ms for Klaviyo's answer")
    for row in ROWS:
        cells = (cost(row.milliseconds(figures), size) for size, figures in sizes.items())
        lines.append(f"  {row.label:<46}" + "".join(map(_cell, cells)))
    lines.append(f"memory at its peak, the largest batch of orders: {peak:.0f} MB")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return f"{'–' if value is None else number(value):>12}"


def cost(milliseconds: float | None, size: int) -> float | None:
    """What Lambda charges for one call, in thousandths of a GB-second."""
    return None if milliseconds is None else (milliseconds + KLAVIYO_MS) * size / 1024


def suggestion(sizes: Mapping[int, Mapping[str, Figure]], peak: float) -> str:
    """The smallest size at which a cold start with the largest batch leaves half of Segment's time
    to Klaviyo, and at which that batch fills at most half of the memory."""
    for size, figures in sizes.items():
        cold, largest = COLD.milliseconds(figures), ORDERS.milliseconds(figures)
        if cold is None or largest is None or peak > size * MOST_MEMORY:
            continue
        if cold + largest <= MOST_MS:
            return (
                f"suggests {size} MB: a cold start with the largest batch takes "
                f"{cold + largest:,.0f} of the {MOST_MS:,.0f} ms that leave Klaviyo half of "
                f"Segment's five seconds, and fills {peak / size:.0%} of the memory"
            )
    return "suggests none of these: the largest batch takes too long, or too much memory, at each"


if __name__ == "__main__":
    sys.exit(main())
