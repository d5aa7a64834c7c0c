"""What is done and what waits, in one SQLite file: after a SIGKILL the last commit holds.

Everything before `position` is done, or waits in here. The file holds personal data while something
waits, so only its owner can read it, and what is deleted is overwritten.
"""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cli.troubles import Misuse, Trouble
from operations import Operation, from_json, to_json

MOST_BYTES = 32_000_000
"""The most bytes of operations that are in memory at the same time."""

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE waiting (
    rank INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    source INTEGER,
    line INTEGER,
    attempts INTEGER NOT NULL,
    failed_at REAL,
    due REAL NOT NULL,
    operation TEXT NOT NULL
);
CREATE INDEX of_lane ON waiting (lane, rank);
"""


class Lane(StrEnum):
    """What waits together. Profiles keep their order; checks come when they are due.

    What an import job has taken stays until Klaviyo has ended the job, in case it gives it up.
    """

    EVENTS = "events"
    PROFILES = "profiles"
    IMPORTED = "imported"
    CHECKS = "checks"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the archive: in this source, so many lines are done."""

    source: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation that is not done. `rank` orders those of a lane; times are in Unix seconds.

    `source` and `line` say where its message stands; import jobs' follow-ups have neither.
    `failed_at` is when it first failed.
    """

    lane: Lane
    operation: Operation
    source: int | None = None
    line: int | None = None
    attempts: int = 0
    failed_at: float | None = None
    due: float = 0.0
    rank: int | None = None


@dataclass(slots=True)
class Counts:
    """What a run has come to so far, over all its parts.

    `messages` were read; each was mapped, left out by a reason, or rejected. `skipped` names the
    files of a folder that are no archive. `operations` came of
    those that were mapped; `steps_left_out` did not.
    """

    messages: int = 0
    mapped: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    steps_left_out: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    import_failures: int = 0
    seconds: float = 0.0
    bytes_done: int = 0
    skipped: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Counts":
        """The inverse of `to_json`."""
        known: dict[str, Any] = {
            name: Counter(value) if isinstance(value, dict) else value
            for name, value in document.items()
            if name in cls.__slots__
        }
        return cls(**known)


class StateFile:
    """The open file of one backfill; one process at a time. Raises `Trouble` for another one's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, timeout=0.2, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._database.close()
            if "locked" in str(error):
                raise Trouble(f"another backfill is using {path}: wait until it ends") from None
            raise Misuse(
                f"{path} is not the state file of a backfill: name another with --state"
            ) from None

    def _prepare(self) -> None:
        database = self._database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA secure_delete = ON")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript("BEGIN EXCLUSIVE; COMMIT;")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if not tables:
            database.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        elif not {"facts", "waiting"} <= tables:
            raise sqlite3.DatabaseError("another program's database")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def fact(self, name: str) -> Any:
        """One fact as it was committed, or `None`."""
        found = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def facts(self, **values: Any) -> None:
        """Set facts; within `commit`, with all else or not at all."""
        rows = [(name, json.dumps(value)) for name, value in values.items()]
        self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def commit(self, change: Callable[[], None]) -> None:
        """Make a change as a whole: after a crash, all of it has happened or none of it."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            change()
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def count(self, lane: Lane | None = None) -> int:
        """How many operations wait."""
        lanes = [each.value for each in ((lane,) if lane else Lane)]
        query = "SELECT COUNT(*) FROM waiting WHERE lane = ?"
        counted = (self._database.execute(query, (each,)).fetchone() for each in lanes)
        return sum(int(number) for (number,) in counted)

    def delivered(self, counts: "Counts") -> int:
        """How many operations of these counts do not wait any more for the end of an import job."""
        return max(sum(counts.delivered.values()) - self.count(Lane.IMPORTED), 0)

    def next_due(self, lane: Lane) -> float | None:
        """When the first of a lane is due, in Unix seconds; `None` when nothing waits there."""
        query = "SELECT MIN(due) FROM waiting WHERE lane = ?"
        (due,) = self._database.execute(query, (lane.value,)).fetchone()
        return None if due is None else float(due)

    def first(self, lane: Lane, number: int, now: float | None = None) -> list[Waiting]:
        """The first of a lane, in order, `MOST_BYTES` of them at most; with `now`, those due."""
        rows = self._database.execute(
            "SELECT rank, lane, source, line, attempts, failed_at, due, operation FROM waiting"
            " WHERE lane = ? AND due <= ? ORDER BY rank LIMIT ?",
            (lane.value, float("inf") if now is None else now, number),
        )
        found: list[Waiting] = []
        size = 0
        for rank, name, source, line, attempts, failed_at, due, text in rows:
            size += len(text)
            if found and size > MOST_BYTES:
                break
            operation = from_json(json.loads(text))
            found.append(
                Waiting(Lane(name), operation, source, line, attempts, failed_at, due, rank)
            )
        return found

    def add(self, entries: Iterable[Waiting], *, in_front: bool = False) -> None:
        """Let operations wait: behind all others, or in front of them, in their order."""
        listed = list(entries)
        (low, high) = self._database.execute("SELECT MIN(rank), MAX(rank) FROM waiting").fetchone()
        first = (low or 0) - len(listed) if in_front else (high or 0) + 1
        self._database.executemany(
            "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._row(entry, first + number) for number, entry in enumerate(listed)),
        )

    def replace(self, entries: Iterable[Waiting]) -> None:
        """Keep failed entries at their place."""
        self._database.executemany(
            "REPLACE INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._row(entry, entry.rank) for entry in entries),
        )

    def place(self, message_id: str | None) -> tuple[int | None, int | None]:
        """Source and line of a message that is being imported, if that is known."""
        found = self._database.execute(
            "SELECT source, line FROM waiting"
            " WHERE lane = ? AND json_extract(operation, '$.message_id') = ? LIMIT 1",
            (Lane.IMPORTED.value, message_id),
        ).fetchone()
        return (None, None) if found is None else (found[0], found[1])

    def forget(self, lane: Lane) -> None:
        """Everything in the lane is done."""
        self._database.execute("DELETE FROM waiting WHERE lane = ?", (lane.value,))

    def remove(self, entries: Iterable[Waiting]) -> None:
        """What is done."""
        ranks = [(entry.rank,) for entry in entries if entry.rank is not None]
        self._database.executemany("DELETE FROM waiting WHERE rank = ?", ranks)

    @staticmethod
    def _row(entry: Waiting, rank: int | None) -> tuple[Any, ...]:
        text = json.dumps(to_json(entry.operation), separators=(",", ":"))
        place = (rank, entry.lane.value, entry.source, entry.line)
        return *place, entry.attempts, entry.failed_at, entry.due, text
