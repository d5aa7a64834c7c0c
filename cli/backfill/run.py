"""One backfill: rounds of reading, delivering and committing, until nothing is left to do.

A round reads enough messages for full bulk requests of events, delivers these together with the
next profiles, and commits the results as one change. After a crash the round is repeated, and
repeats have one effect in Klaviyo.

Profile updates wait in the state, in the archive's order. Up to `MOST_PROFILES` are sent together,
and the next ones only after Klaviyo has finished the import jobs of those before them: Klaviyo runs
a job when it chooses, and it must not overtake an earlier one about the same person. Events need
not wait for profiles, since events with `backfill` start no flow that would read a profile.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cli.archive import ArchiveFile
from cli.backfill.archive_reading import EVENTS_A_ROUND, FULL, ArchiveReading, Chunk, add_counts
from cli.backfill.rejects import Rejects
from cli.backfill.state_file import (
    Counts,
    Lane,
    Position,
    StateFile,
    Waiting,
)
from cli.backfill.translation import Translator
from cli.terminal import counted
from cli.troubles import Trouble
from handler.queue.routing import exhausted_reason, refused_reason
from klaviyo_client.api.endpoints import BULK_CREATE_EVENTS
from klaviyo_client.api.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.results import Delivery
from operations import (
    AddToList,
    CheckImport,
    Operation,
    UpsertProfile,
    kind_of,
    to_json,
)

MOST_PROFILES = 20_000
"""Profile operations that are sent together; their bodies are in memory at the same time."""

DELIVERY_SECONDS = 180.0
PATIENCE_SECONDS = 65.0
"""The longest pause that a delivery waits for itself: a little more than the minute of Klaviyo's
steady limit."""

MOST_ATTEMPTS = 8
"""Attempts of one operation while others are delivered. After the last it is a reject."""

GIVEN_UP = Refused(200, "import_cancelled", "Klaviyo cancelled the import jobs of this profile")

FAILURES = frozenset(
    {
        RetryReason.UNAVAILABLE,
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_FAILED,
        RetryReason.UNEXPECTED_ANSWER,
    }
)
"""Failures that count as an attempt. Being throttled does not."""

OURS_TO_FIX = frozenset({RetryReason.UNAUTHORIZED, RetryReason.FORBIDDEN})
"""Failures that waiting does not fix."""

LONGEST_PAUSE = 60.0
"""Seconds between two rounds that have delivered nothing, doubled up to this."""

MOST_IMPORTS = 3
"""How often a profile is put into a job if Klaviyo cancels the jobs."""

CHECK_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds until the first, second, … check of an import job."""


class Deliverer(Protocol):
    """The client, as far as a run uses it."""

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery: ...


class NotTaken(Trouble):
    """Klaviyo does not accept the key, or accepted nothing for too long."""


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a run is: what is committed, what it is doing now, and if nothing moves, why.

    `done` is the part of what was read whose operations do not wait any more. `delivered` and
    `waiting` count operations; nothing is delivered by a dry run.
    """

    counts: Counts
    doing: str = ""
    trouble: str = ""
    done: float = 1.0
    delivered: int | None = None
    waiting: int = 0

    def messages(self, size: int) -> tuple[int, int]:
        """The messages that are done, and about how many all `size` bytes hold.

        The number of messages in a compressed file is unknown. The estimate assumes that the rest
        is like the part already read.
        """
        read = self.counts.messages
        share = min(self.counts.bytes_done / size, 1.0) if size else 1.0
        return round(read * self.done), round(read / share) if share else read


@dataclass(slots=True)
class _Changes:
    """What a delivery changes in the state."""

    done: list[Waiting] = field(default_factory=list)
    again: list[Waiting] = field(default_factory=list)
    imported: list[Waiting] = field(default_factory=list)
    front: list[Waiting] = field(default_factory=list)
    checks: list[Waiting] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    delivered: Counter[str] = field(default_factory=Counter)
    trouble: Retryable | None = None
    given_up: bool = False
    """Klaviyo has cancelled an import job."""


class Run:
    """One run of a backfill. Interrupted work is repeated by the next run.

    `requests_a_minute` below Klaviyo's bulk limit leaves the rest to others; `give_up_seconds` is
    for how long Klaviyo may take nothing. `show` is called after each round.
    """

    def __init__(
        self,
        sources: Sequence[ArchiveFile],
        translator: Translator,
        state: StateFile,
        rejects: Rejects,
        klaviyo: Deliverer,
        private_key: str,
        *,
        requests_a_minute: float,
        give_up_seconds: float,
        show: Callable[[BackfillProgress], None],
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sources = sources
        self._state = state
        self._rejects = rejects
        self._klaviyo = klaviyo
        self._private_key = private_key
        self._requests_a_minute = requests_a_minute
        self._give_up_seconds = give_up_seconds
        self._show = show
        self._now = now
        self._sleep = sleep
        self._counts = Counts.from_json(state.fact("counts") or {})
        position = Position(*(state.fact("position") or (0, 0)))
        self._reading = ArchiveReading(sources, translator, position)
        self._is_read = bool(state.fact("is_read"))
        self._failures = 0
        self._moved_at = now()

    def carry_out(self) -> Counts:
        """Run until all is delivered or rejected. Raises `NotTaken` if Klaviyo accepts nothing."""
        try:
            while not self._is_done():
                self._round()
        finally:
            self._reading.close()
        self._state.commit(lambda: self._state.facts(is_done=True))
        return self._counts

    def _is_done(self) -> bool:
        return self._is_read and self._state.count() == 0

    def _round(self) -> None:
        began = self._now()
        state = self._state
        waiting = state.first(Lane.EVENTS, EVENTS_A_ROUND)
        room = EVENTS_A_ROUND - len(waiting)
        chunk = None
        if room > 0 and not self._is_read and state.count(Lane.PROFILES) < 10 * MOST_PROFILES:
            chunk = self._reading.chunk(room)
        is_last = chunk is None or chunk.is_last
        events, surplus = _full([*waiting, *(chunk.events if chunk else ())], keep=not is_last)
        checks = state.first(Lane.CHECKS, MOST_PROFILES, began)
        profiles: list[Waiting] = []
        if state.count(Lane.CHECKS) == len(checks):
            profiles = [] if checks else state.first(Lane.PROFILES, MOST_PROFILES)
        entries = [*profiles, *events, *checks]
        doing = ", ".join(
            counted(len(lane), name)
            for name, lane in (("event", events), ("profile", profiles), ("check", checks))
            if lane
        )
        doing = f"sending {doing}" if doing else "waiting for Klaviyo"
        self._show(self._progress(doing))
        delivery = self._klaviyo.deliver(
            [entry.operation for entry in entries],
            self._private_key,
            DELIVERY_SECONDS,
            [entry.attempts for entry in entries],
        )
        changes = self._changes_of(entries, delivery)
        self._commit(chunk, surplus, changes, delivery, self._now() - began)
        self._pause(changes, delivery, began, has_read=chunk is not None)

    # What came of it

    def _changes_of(self, entries: Sequence[Waiting], delivery: Delivery) -> _Changes:
        changes = _Changes()
        imports = any(isinstance(operation, CheckImport) for operation in delivery.follow_ups)
        outcomes = [result.outcome for result in delivery.results]
        moves = any(isinstance(outcome, Delivered) for outcome in outcomes)
        for entry, result in zip(entries, delivery.results, strict=True):
            outcome = result.outcome
            if isinstance(outcome, Delivered):
                is_imported = imports and isinstance(entry.operation, UpsertProfile | AddToList)
                (changes.imported if is_imported else changes.done).append(entry)
                if entry.lane is not Lane.CHECKS:
                    changes.delivered[kind_of(result.operation)] += 1
            elif entry.lane is Lane.CHECKS and isinstance(outcome, Refused):
                changes.done.append(entry)
                changes.given_up = True
            elif isinstance(outcome, Refused):
                changes.done.append(entry)
                changes.rejects.append(self._reject(entry, refused_reason(outcome)))
            else:
                self._again(entry, result.operation, outcome, moves, changes)
        follow_ups = list(delivery.follow_ups)
        changes.checks = [
            Waiting(Lane.CHECKS, operation, due=self._now() + CHECK_SECONDS[0])
            for operation in follow_ups
            if isinstance(operation, CheckImport)
        ]
        changes.front = [
            Waiting(Lane.PROFILES, operation)
            for operation in follow_ups
            if not isinstance(operation, CheckImport)
        ]
        for failure in delivery.import_failures:
            if isinstance(failure.outcome, Refused):
                source, line = self._state.place(failure.operation.message_id)
                failed = Waiting(Lane.IMPORTED, failure.operation, source, line)
                changes.rejects.append(self._reject(failed, refused_reason(failure.outcome)))
        return changes

    def _again(
        self,
        entry: Waiting,
        operation: Operation,
        outcome: Retryable,
        moves: bool,
        changes: _Changes,
    ) -> None:
        now = self._now()
        pending = outcome.reason is RetryReason.IMPORT_PENDING
        unnamed = outcome.reason is RetryReason.IMPORT_ERRORS_MISSING
        counts = pending or unnamed or (moves and outcome.tried and outcome.reason in FAILURES)
        attempts = entry.attempts + counts
        failed_at = entry.failed_at or now
        if not pending:
            changes.trouble = changes.trouble or outcome
            is_old = now - failed_at > self._give_up_seconds
            # A job is waited for; errors that Klaviyo never names are not.
            gives_up = unnamed or entry.lane is not Lane.CHECKS
            if attempts >= MOST_ATTEMPTS and is_old and gives_up:
                changes.done.append(entry)
                changes.rejects.append(self._reject(entry, exhausted_reason(outcome)))
                return
        due = 0.0
        if entry.lane is Lane.CHECKS:
            due = now + CHECK_SECONDS[min(attempts, len(CHECK_SECONDS) - 1)]
        changes.again.append(
            replace(entry, operation=operation, attempts=attempts, failed_at=failed_at, due=due)
        )

    def _reject(self, entry: Waiting, reason: dict[str, Any]) -> dict[str, Any]:
        source = None if entry.source is None else self._sources[entry.source].name
        document = to_json(entry.operation)
        return {"source": source, "line": entry.line, "reason": reason, "operation": document}

    def _commit(
        self,
        chunk: Chunk | None,
        surplus: Sequence[Waiting],
        changes: _Changes,
        delivery: Delivery,
        seconds: float,
    ) -> None:
        counts = self._counts
        if chunk is not None:
            add_counts(counts, chunk.counts)
            self._is_read = chunk.is_last
        counts.delivered.update(changes.delivered)
        counts.requests += delivery.requests
        given_up = changes.given_up or bool(self._state.fact("given_up"))
        once_more = self._after_imports(changes, given_up)
        counts.seconds += seconds
        counts.rejected.update(reject["reason"]["code"] for reject in changes.rejects)
        for reject in (*(chunk.rejects if chunk else ()), *changes.rejects):
            self._rejects.add(reject)
        rejects_bytes = self._rejects.write()

        def change() -> None:
            state = self._state
            state.remove(changes.done)
            if once_more is not None:
                state.forget(Lane.IMPORTED)
                state.add(once_more, in_front=True)
            state.facts(given_up=given_up and once_more is None)
            state.replace(replace(entry, lane=Lane.IMPORTED) for entry in changes.imported)
            state.replace(entry for entry in changes.again if entry.rank is not None)
            state.add(changes.front, in_front=True)
            new = [entry for entry in changes.again if entry.rank is None]
            state.add([*new, *(entry for entry in surplus if entry.rank is None)])
            state.add(changes.checks)
            if chunk is not None:
                state.add(chunk.profiles)
                position = [chunk.position.source, chunk.position.line]
                state.facts(position=position, is_read=chunk.is_last)
            state.facts(counts=counts.to_json(), rejects_bytes=rejects_bytes)

        self._state.commit(change)

    def _after_imports(self, changes: _Changes, given_up: bool) -> list[Waiting] | None:
        """What is to be imported once more, when the last job has ended; `None` until then.

        Jobs that Klaviyo gives up have taken nothing, or some of it: all of it is repeated.
        """
        state = self._state
        checks = [entry for entry in changes.done if entry.lane is Lane.CHECKS]
        if not checks or state.count(Lane.CHECKS) > len(checks):
            return None
        if not given_up:
            return []
        again: list[Waiting] = []
        for entry in state.first(Lane.IMPORTED, MOST_PROFILES * 2):
            self._counts.delivered[kind_of(entry.operation)] -= 1
            if entry.attempts + 1 < MOST_IMPORTS:
                once_more = replace(entry, lane=Lane.PROFILES, attempts=entry.attempts + 1)
                again.append(replace(once_more, rank=None))
            else:
                changes.rejects.append(self._reject(entry, refused_reason(GIVEN_UP)))
        return again

    def _progress(self, doing: str = "", trouble: str = "") -> BackfillProgress:
        delivered = self._state.delivered(self._counts)
        waiting = self._state.count()
        ended = delivered + sum(self._counts.rejected.values())
        done = ended / (ended + waiting) if waiting else 1.0
        return BackfillProgress(self._counts, doing, trouble, done, delivered, waiting)

    # When to continue

    def _pause(
        self, changes: _Changes, delivery: Delivery, began: float, *, has_read: bool
    ) -> None:
        """Wait if the next round could not deliver anything yet."""
        trouble = changes.trouble
        if trouble is not None and trouble.reason in OURS_TO_FIX:
            raise NotTaken(_about_the_key(trouble))
        if changes.delivered or changes.done or has_read:
            self._moved_at = self._now()
        if trouble is None or changes.delivered:
            self._failures = 0
            self._show(self._progress())
            self._keep_pace(delivery, began)
            if not has_read and not changes.done:
                self._await_check()
            return
        self._failures += 1
        if self._now() - self._moved_at > self._give_up_seconds:
            raise NotTaken(
                f"Klaviyo has accepted nothing for {self._give_up_seconds / 60:.0f} minutes "
                f"({trouble.reason.value}). What waits is kept: run the same command again"
            )
        named = trouble.delay or 0.0
        seconds = min(max(named, 2.0 ** min(self._failures - 1, 6)), LONGEST_PAUSE)
        words = f"Klaviyo: {trouble.reason.value}, next try in {seconds:,.0f} s"
        self._show(self._progress(trouble=words))
        self._sleep(seconds)

    def _await_check(self) -> None:
        """Wait for the next check of an import job: only such jobs are left for now."""
        if self._now() - self._moved_at > self._give_up_seconds:
            raise NotTaken(
                "Klaviyo has been working on an import job for "
                f"{self._give_up_seconds / 60:.0f} minutes. "
                "What waits is kept: run the same command again later"
            )
        due = self._state.next_due(Lane.CHECKS)
        if due is not None:
            self._sleep(min(max(due - self._now(), 0.0), CHECK_SECONDS[-1]))

    def _keep_pace(self, delivery: Delivery, began: float) -> None:
        """Spread the requests, where a part of the limits is left to others."""
        if self._requests_a_minute < BULK_CREATE_EVENTS.per_minute:
            needed = delivery.requests * 60.0 / self._requests_a_minute
            self._sleep(max(needed - (self._now() - began), 0.0))


def _full(events: list[Waiting], *, keep: bool) -> tuple[list[Waiting], list[Waiting]]:
    """The events that fill whole requests, and those left for the next round if there is one."""
    number = len(events) - len(events) % FULL
    if not keep or number == 0:
        return events, []
    return events[:number], events[number:]


def _about_the_key(trouble: Retryable) -> str:
    if trouble.reason is RetryReason.UNAUTHORIZED:
        return "Klaviyo does not know the key (401): set a valid one and run the same command again"
    return (
        "Klaviyo forbids this to the key (403): give it every scope in docs/settings.md and run "
        "the same command again"
    )
