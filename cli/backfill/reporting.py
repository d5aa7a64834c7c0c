"""What a backfill shows: its progress, and in the end what came of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import terminal as console
from cli.troubles import Status

if TYPE_CHECKING:
    from cli.archive import ArchiveFile
    from cli.backfill.run import BackfillProgress
    from cli.backfill.state_file import Counts, StateFile

MOST_NAMES = 5
"""Files that are named where there are more."""

NOTE_SECONDS = 30.0
"""Seconds between two lines of progress without a terminal."""


def report(counts: "Counts", state: "StateFile", rejects_path: Path, as_json: bool) -> int:
    """Report the result. The status says whether anything was rejected."""
    waiting = state.count()
    finished = bool(state.fact("is_done"))
    rejected = sum(counts.rejected.values())
    rejects = str(rejects_path) if rejected else None
    if as_json:
        document = {"finished": finished, **document_of(counts), "waiting": waiting}
        console.write_json({**document, "state": str(state.path), "rejects": rejects})
    else:
        write_counts(counts, "delivered")
        if waiting:
            console.say(f"{console.counted(waiting, 'operation')} wait in {state.path}.")
        if rejects:
            console.say(f"What was rejected, and why, is in {rejects}.")
        if finished:
            rate = counts.messages / max(counts.seconds, 0.001)
            console.say(f"Complete: {counts.seconds:,.0f} seconds, {rate:,.0f} messages a second.")
    return Status.PROBLEMS if rejected else Status.OK


def document_of(counts: "Counts") -> dict[str, Any]:
    """What was read and delivered, for machines."""
    document = counts.to_json()
    del document["bytes_done"]
    document["seconds"] = round(counts.seconds, 1)
    return document


def write_counts(counts: "Counts", delivered: str) -> None:
    """The same as a table; `delivered` says what became, or would become, of operations."""
    rows: list[Sequence[console.Cell]] = [("messages", "read", counts.messages)]
    rows.append(("", "mapped", counts.mapped))
    rows += [("", f"left out: {reason}", n) for reason, n in counts.left_out.most_common()]
    rows += [
        ("operations", f"{delivered}: {kind}", n) for kind, n in counts.delivered.most_common()
    ]
    rows += [("", f"left out: {name}", n) for name, n in counts.steps_left_out.most_common()]
    rows += [
        (console.painted("rejected", console.BAD), code, n)
        for code, n in counts.rejected.most_common()
    ]
    console.write_table(("", "", "number"), rows)
    if counts.skipped:
        files = console.counted(len(counts.skipped), "file")
        named = ", ".join(counts.skipped[:MOST_NAMES])
        console.say(f"{files} without JSON left out: {named}")


@contextmanager
def progress_shown(sources: Sequence["ArchiveFile"], before: "Counts") -> "Iterator[Any]":
    """Shows progress: a bar on a terminal, else a line from time to time."""
    terminal = console.messages()
    size = sum(source.size for source in sources)
    began = time.monotonic()
    start = before.messages

    def rate(progress: "BackfillProgress") -> str:
        spent = max(time.monotonic() - began, 0.001)
        return f"{(progress.counts.messages - start) / spent:,.0f}/s"

    if not terminal.is_terminal:
        noted = began

        def note(progress: "BackfillProgress") -> None:
            nonlocal noted
            if progress.trouble or time.monotonic() - noted >= NOTE_SECONDS:
                noted = time.monotonic()
                done, all_ = progress.messages(size)
                read = f"{done:,} of about {console.counted(all_, 'message')}"
                console.note(f"{read}, {rate(progress)} {progress.trouble}".rstrip())

        yield note
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[read]}  {task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    )
    with Progress(*columns, console=terminal) as bar:
        task = bar.add_task("", total=None, read=f"{start:,} messages", rate="", said="")

        def show(progress: "BackfillProgress") -> None:
            done, all_ = progress.messages(size)
            bar.update(
                task,
                completed=done,
                total=max(all_, 1),
                read=f"{done:,} of about {console.counted(all_, 'message')}",
                rate=rate(progress),
                said=progress.trouble or progress.doing,
            )

        yield show
