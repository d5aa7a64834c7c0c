"""`make bench`: how fast, how large, and how it compares. No network; two to three minutes.

    python -m bench [--base REV [--fresh]] [--peer DIR] [--rounds 5]

Prints a table and writes `bench/results/<commit>.json`. Every value comes from a fresh process on
the built artifact. The figures are medians over the rounds, ± half the distance of the quartiles.
Within a round, the processes that are compared run one after the other, so that the machine's noise
affects all of them. The ratios to the peer are medians of each round's ratio.

`--base` compares with an earlier commit: with its stored result, or, if there is none or with
`--fresh`, with its artifact measured in the same rounds. `--peer` runs Segment's own destination in
the same rounds (see `bench.rows.peer`).
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import far_ends, messages
from bench.figures import Figure, is_beyond_noise, ratio
from bench.rows import import_times, peer, report
from bench.rows.measuring import (
    KEY,
    Ends,
    Files,
    MeasurementError,
    Recorder,
    Subject,
    Task,
    in_turns,
)
from bench.subjects import artifact, interpreters
from local.aws_stand_in.function import ROOT

FORMAT = 2
RESULTS = Path(__file__).resolve().parent / "results"
ROUNDS = 5
IMPORT_RUNS = 3

Result = dict[str, Any]


def main() -> int:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--base", help="an earlier commit to compare with")
    parser.add_argument("--fresh", action="store_true", help="measure it, also if it is stored")
    parser.add_argument("--peer", type=Path, help="a prepared folder, see bench/rows/peer.py")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--python", type=Path, help="the Python to measure on, not the fastest")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    try:
        if arguments.peer:
            peer.check(arguments.peer)
        base = artifact.resolve(arguments.base) if arguments.base else None
    except (peer.PeerError, artifact.RevisionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    found = _interpreters(arguments.python)
    if not found:
        print(f"bench: {arguments.python} is no Python from 3.11 to 3.13", file=sys.stderr)
        return 2
    print(interpreters.described(found))
    stored = None if base is None or arguments.fresh else _stored(base, found[0])
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        _measure_and_print(arguments, base, stored, found[0], Path(scratch))
    return 0


def _interpreters(wanted: Path | None) -> list[interpreters.Interpreter]:
    if wanted is None:
        return interpreters.all_of_them()
    found = interpreters.at(wanted)
    return [] if found is None else [found]


def _measure_and_print(
    arguments: argparse.Namespace,
    base: str | None,
    stored: Result | None,
    interpreter: interpreters.Interpreter,
    scratch: Path,
) -> None:
    began = perf_counter()
    load = os.getloadavg()[0]
    rounds: int = arguments.rounds
    revision = artifact.present_revision()
    present = _built(revision, ROOT / "src", scratch / "present", interpreter)
    artifacts = {"present": present}
    if base is not None and stored is None:
        old = scratch / "base"
        old.mkdir()
        artifacts["base"] = _built(base, artifact.sources_of(base, old), old, interpreter)
    theirs = scratch / "messages" / "peer"
    theirs.mkdir(parents=True)
    files = Files(scratch / "messages")
    messages.write(theirs)
    record = Recorder()
    with ExitStack() as stack:
        port = stack.enter_context(far_ends.sink())
        ends = Ends(
            stand_in=stack.enter_context(far_ends.stand_in(KEY, limits="off")),
            sink=f"http://127.0.0.1:{port}",
            aws=stack.enter_context(far_ends.aws(KEY, messages.SECRET)),
        )
        subjects = {name: Subject(name, each, ends, files) for name, each in artifacts.items()}
        tasks = [
            list(group) for group in zip(*(s.tasks(rounds) for s in subjects.values()), strict=True)
        ]
        tasks.insert(0, [subjects["present"].machine(rounds)])
        if arguments.peer:
            _join_peer(tasks, peer.Peer(arguments.peer, theirs, port), rounds)
        for number, task in in_turns(tasks, rounds):
            _progress(f"round {number + 1} of {rounds}: {task.subject}, {task.name}")
            record.add(task)
        _progress("")
        tree = _import_tree(subjects["present"], record)
    results = {
        name: _result(each, record, name, rounds, files, tree if name == "present" else [])
        for name, each in artifacts.items()
    }
    peers = record.figures("peer")
    if peers:
        results["present"]["peer"] = {name: figure.to_json() for name, figure in peers.items()}
    paths = {name: _store(result) for name, result in results.items()}
    before = stored or results.get("base")
    _print(results["present"], before, is_stored=stored is not None)
    _say_how_noisy(record.figures("present").get("machine"), load)
    print(f"\n{paths['present']}, {perf_counter() - began:.0f} s")


def _join_peer(tasks: list[list[Task]], other: peer.Peer, rounds: int) -> None:
    """Put each of the peer's cases beside ours."""

    def run(figure: str) -> Task:
        return Task("peer", figure, rounds, lambda: {figure: other.measure(figure)})

    beside = {
        "peer.track": "webhook batches",
        "peer.identify": "webhook batches",
        "peer.order": "webhook batches",
        "peer.first": "first",
        "peer.single": "singles",
        "peer.cold": "cold.environment",
    }
    for case in peer.CASES:
        group = next(each for each in tasks if each[0].name == beside[case.figure])
        group.append(run(case.figure))


def _built(
    revision: str, sources: Path, scratch: Path, interpreter: interpreters.Interpreter
) -> artifact.Artifact:
    _progress(f"building the artifact of {revision}")
    scratch.mkdir(exist_ok=True)
    built = artifact.make(revision, sources, scratch, interpreter)
    _progress("")
    if not built.built:
        print(
            f"{revision}: the artifact could not be built as `sam build` does ({built.why}), so "
            "its packages are those of this environment"
        )
    return built


def _import_tree(subject: Subject, record: Recorder) -> list[import_times.Module]:
    try:
        return import_times.merged([subject.import_tree() for _ in range(IMPORT_RUNS)])
    except MeasurementError as error:
        record.notes.setdefault("present", []).append(f"imports: {error}")
        return []


def _result(
    built: artifact.Artifact,
    record: Recorder,
    subject: str,
    rounds: int,
    files: Files,
    tree: list[import_times.Module],
) -> Result:
    figures = record.figures(subject)
    figures |= {f"artifact.{name}": Figure.of([size]) for name, size in built.megabytes.items()}
    machine = record.figures("present").get("machine")
    if machine is not None:
        figures["machine"] = machine
    largest = {kind: max(messages.sizes(each)) for kind, each in files.whole.items()}
    return {
        "format": FORMAT,
        "revision": built.revision,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": built.version,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "rounds": rounds,
        "artifact": "built" if built.built else f"copied ({built.why})",
        "largest_message_bytes": largest,
        "notes": record.notes.get(subject, []) + record.notes.get("peer", []),
        "figures": {name: figure.to_json() for name, figure in sorted(figures.items())},
        "imports": [
            {"name": each.name, "own_us": each.own, "whole_us": each.whole} for each in tree
        ],
    }


def _stored(revision: str, interpreter: interpreters.Interpreter) -> Result | None:
    """The stored result of a commit on this Python, if there is one."""
    try:
        result: Result = json.loads((RESULTS / f"{revision}.json").read_text())
    except (OSError, ValueError):
        return None
    is_alike = (result.get("format"), result.get("python")) == (FORMAT, str(interpreter))
    return result if is_alike else None


def _store(result: Result) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{result['revision']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path.relative_to(ROOT)


def _figures(document: Mapping[str, Any]) -> dict[str, Figure]:
    return {name: Figure.from_json(figure) for name, figure in document.items()}


def _print(result: Result, before: Result | None, *, is_stored: bool) -> None:
    figures = _figures(result["figures"])
    base = None if before is None else _figures(before["figures"])
    print(
        f"{result['revision']} on {result['python']}, {result['machine']}; medians of "
        f"{result['rounds']} rounds (3 where a process takes long), artifact {result['artifact']}"
    )
    print(report.table(figures, base, "" if before is None else before["revision"]))
    tree = [
        import_times.Module(each["name"], each["own_us"], each["whole_us"])
        for each in result["imports"]
    ]
    if tree:
        print(report.import_tree(tree, frozenset(sys.stdlib_module_names)))
    if "peer" in result:
        print(report.beside_the_peer(figures, _figures(result["peer"])))
    print(report.aims(figures))
    for note in result["notes"]:
        print(f"NOT MEASURED: {note}")
    if before is not None and is_stored:
        _say_how_old(figures, before)


def _say_how_old(figures: Mapping[str, Figure], before: Result) -> None:
    print(
        f"\n{before['revision']} is as it was stored at {before['measured_at']}, "
        f"{before['rounds']} rounds, artifact {before['artifact']}; FRESH=1 measures it anew."
    )
    then = _figures(before["figures"]).get("machine")
    now = figures.get("machine")
    if now is not None and then is not None and is_beyond_noise(now, then):
        print(f"The machine takes {ratio(now, then):.2f} times as long as then: FRESH=1 is better.")


QUIET_LOAD, QUIET_SPREAD = 0.2, 0.05
"""The load average before the run, and the spread of the fixed piece of work."""


def _say_how_noisy(machine: Figure | None, load: float) -> None:
    """Say whether the machine was busy with something else."""
    spread = 0.0 if machine is None else machine.spread
    if load > QUIET_LOAD or spread > QUIET_SPREAD:
        print(
            f"\nNOISY MACHINE: a load average of {load:.1f} on {os.cpu_count()} processors before "
            f"the run, and the fixed piece of work varied by ±{spread:.0%}. Trust only the ratios "
            "of what ran in turns, and of these the ones that a second run repeats."
        )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
