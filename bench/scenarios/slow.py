"""`make bench-slow`: how long a webhook call takes while Klaviyo answers in 300 ms.

    python -m bench.scenarios.slow [--calls 100]

The webhook function of the artifact, in a process of its own, and a far end that takes every
request and answers 300 ms later. Calls of 1 to 1,000 messages of 1 KB in turn, one after the other,
from the lambda event to the answer. A call's time is given as a multiple of its slowest request,
which the far end measures from the first byte until the answer is written. So it does not count if
a busy machine delays the far end. It does count if it delays the function; therefore the table also
shows the processor time of a call.

The requests of tracks, or of identifies, are sent in parallel. If a call has both about one person,
the profile is sent before the event (`klaviyo_client.one_delivery`): such a call takes at least two
requests in a row, and is shown in the same unit.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import far_ends, messages
from bench.rows.measuring import KEY, Ends, Figures, Files, Subject
from bench.subjects import artifact, interpreters
from local.aws_stand_in.function import ROOT

ANSWER_SECONDS = 0.3
SIZES = (1, 23, 100, 1_000)
"""Messages in a call. Up to 23 tracks are sent singly."""
CASES: Mapping[str, tuple[str, ...]] = {
    "tracks": ("track",),
    "identifies": ("identify",),
    "both, of the same people": ("track", "identify"),
}
"""The kinds of messages of a call, in turn."""

MOST: Mapping[str, float] = {"tracks": 1.2, "identifies": 1.2}
"""The 99th percentile of a call may be so many times its slowest request."""

RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> int:
    """Measure, print the table, store the numbers. Returns 1 if a call takes too long."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.slow")
    parser.add_argument("--calls", type=int, default=100, help="of each case and size")
    calls = parser.parse_args().calls
    load = os.getloadavg()[0]
    interpreter = interpreters.all_of_them()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        figures = _measure(calls, interpreter, Path(scratch))
    print(_table(figures, calls))
    print(f"  {interpreter}, a load of {load:.1f} on {os.cpu_count()} processors before the run")
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {"python": str(interpreter), "load": load, "calls": calls, **figures}
    (RESULTS / "slow.json").write_text(json.dumps(result, indent=1) + "\n")
    late = [
        case
        for case, most in MOST.items()
        for size in SIZES
        if figures[f"{case}.{size}.times.p99"] > most
    ]
    return 1 if late else 0


def _measure(calls: int, interpreter: interpreters.Interpreter, scratch: Path) -> Figures:
    built = artifact.make(artifact.present_revision(), ROOT / "src", scratch, interpreter)
    folder = scratch / "messages"
    folder.mkdir()
    files = Files(folder)
    paths = {}
    for case, kinds in CASES.items():
        for size in SIZES:
            path = folder / f"slow-{kinds}-{size}.json"
            path.write_text(json.dumps(messages.call(_in_turn(kinds, size))))
            paths[f"{case}.{size}"] = str(path)
    with ExitStack() as stack:
        far_end = f"http://127.0.0.1:{stack.enter_context(far_ends.sink(ANSWER_SECONDS))}"
        aws = stack.enter_context(far_ends.aws(KEY, messages.SECRET))
        subject = Subject("slow", built, Ends("", far_end, aws), files)
        return subject.task("slow", 1, stub=False, calls=paths, number=calls).run()


def _in_turn(kinds: Sequence[str], size: int) -> list[messages.Message]:
    """Two messages about one person follow each other."""
    made = [messages.lean(kind, size) for kind in kinds]
    return [made[number % len(kinds)][number // len(kinds)] for number in range(size)]


def _table(figures: Figures, calls: int) -> str:
    lines = [
        f"  {calls} calls of each row, Klaviyo answers in {ANSWER_SECONDS * 1000:.0f} ms; p50 and "
        "p99 as multiples of a call's slowest request",
        f"  {'':<26}{'messages':>9}{'requests':>9}{'ms':>7}{'of processor':>14}"
        f"{'p50':>7}{'p99':>7}",
    ]
    for case in CASES:
        most = MOST.get(case)
        for size in SIZES:
            name = f"{case}.{size}"
            p99 = figures[f"{name}.times.p99"]
            mark = "" if most is None else "  ok" if p99 <= most else f"  OVER {most:g}"
            lines.append(
                f"  {case:<26}{size:>9,}{figures[f'{name}.requests']:>9.0f}{figures[name]:>7.0f}"
                f"{figures[f'{name}.processor']:>14.1f}"
                f"{figures[f'{name}.times.p50']:>7.2f}{p99:>7.2f}{mark}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
