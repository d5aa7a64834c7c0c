"""What a backfill shows: its progress, and in the end what came of it."""

import threading
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

SILENT_SECONDS = 2.0
"""Seconds that a delivery may take before it is said, without a terminal, what is waited for."""


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


def standing(counts: "Counts", state: "StateFile") -> str:
    """What was read so far, and of that, what is delivered and what waits."""
    read = console.counted(counts.messages, "message")
    delivered = console.counted(state.delivered(counts), "operation")
    said = f"{read} read: {delivered} delivered, {state.count():,} wait"
    rejected = sum(counts.rejected.values())
    return f"{said}, {rejected:,} rejected" if rejected else said


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
    rate = _Rate(before)
    if not terminal.is_terminal:
        lines = _Lines(size, rate, is_continued=before.messages > 0)
        try:
            yield lines.show
        finally:
            lines.end()
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[read]}  {task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        # It is wrapped where there is no room, so that no other column is cut.
        TextColumn("{task.fields[said]}", markup=False, table_column=Column(no_wrap=False)),
    )
    with Progress(*columns, console=terminal) as bar:
        task = bar.add_task("", total=None, read=f"{before.messages:,} messages", rate="", said="")

        def show(progress: "BackfillProgress") -> None:
            done, all_ = progress.messages(size)
            waiting = f"{progress.waiting:,} wait. " if progress.trouble else ""
            bar.update(
                task,
                completed=done,
                total=max(all_, 1),
                read=f"{done:,} of about {console.counted(all_, 'message')}",
                rate=rate.of(progress),
                said=f"{waiting}{progress.trouble or progress.doing}",
            )

        yield show


class _Rate:
    """Deliveries a second of this run; of a dry run, messages a second."""

    def __init__(self, before: "Counts") -> None:
        self._began = time.monotonic()
        self._read_before = before.messages
        self._delivered_before: int | None = None

    def of(self, progress: "BackfillProgress") -> str:
        """The rate up to now."""
        number = progress.counts.messages - self._read_before
        if progress.delivered is not None:
            if self._delivered_before is None:
                self._delivered_before = progress.delivered
            number = progress.delivered - self._delivered_before
        return f"{number / max(time.monotonic() - self._began, 0.001):,.0f}/s"


class _Lines:
    """Progress without a terminal: a line from time to time, and whenever something is waited for.

    A run that `is_continued` says at once what it does, since it may find Klaviyo as it left it.
    """

    def __init__(self, size: int, rate: _Rate, *, is_continued: bool) -> None:
        self._size = size
        self._rate = rate
        self._noted = time.monotonic()
        self._is_due = True
        self._delay = 0.0 if is_continued else SILENT_SECONDS
        self._timer: threading.Timer | None = None

    def end(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def show(self, progress: "BackfillProgress") -> None:
        """Take note of how far it is."""
        self.end()
        rate = self._rate.of(progress)
        since = time.monotonic() - self._noted
        if progress.trouble or since >= NOTE_SECONDS:
            self._note(self._text(progress, rate))
            self._is_due = bool(progress.trouble)
        elif progress.doing and self._is_due:
            self._say_soon(progress.doing)

    def _say_soon(self, doing: str) -> None:
        """Say what it does, once, if the next news takes long."""
        delay, self._delay = self._delay, SILENT_SECONDS
        is_sending = doing.startswith("sending")
        text = f"{doing.capitalize()}{': waiting for Klaviyo' if is_sending else ''} …"
        if not delay:
            self._say(text)
            return
        self._timer = threading.Timer(delay, self._say, (text,))
        self._timer.daemon = True
        self._timer.start()

    def _say(self, text: str) -> None:
        self._is_due = False
        self._note(text)

    def _note(self, text: str) -> None:
        self._noted = time.monotonic()
        console.note(text)

    def _text(self, progress: "BackfillProgress", rate: str) -> str:
        done, all_ = progress.messages(self._size)
        said = f"{done:,} of about {console.counted(all_, 'message')}"
        if progress.delivered is None:
            return f"{said}, {rate}"
        said += f" done: {console.counted(progress.delivered, 'operation')} delivered ({rate}), "
        return f"{said}{progress.waiting:,} wait. {progress.trouble}".rstrip()
