"""The messages that came to the webhook, and what became of each, also later.

At first the webhook's answer says it. A waiting message is followed by its id: as long as a queue
has a part of it, it waits or is a dead letter. Once neither queue has one, it is delivered, or
dropped if it was mapped only then. A message whose profile is in a bulk import is followed in the
same way, until the import's result is known.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from cli.dead_letters.entries import message_id_of
from handler.queue.envelope import Entry
from local.aws_stand_in.http_api import Exchange
from local.web_console.watching.fates import Arrival, Fate, fates
from local.web_console.watching.queues import Dead, QueueContents, Waiting

KEPT = 20_000
"""How many messages are kept for display. Waiting ones are always kept."""

FOLLOWED = frozenset({"queued", "rejected"})


@dataclass(frozen=True, slots=True)
class Line:
    """One message and its current fate. Times are Unix seconds.

    `exchange` is the number of its request. `details` are those of the webhook's answer,
    or of the dead letter. `ended_at` is when a message that waited was delivered after all.
    """

    number: int
    exchange: int
    at: float
    message_id: str | None
    type: str | None
    event_name: str | None
    who: str | None
    outcome: str
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Some of the messages that were found, the newest first, and their total number."""

    lines: list[Line]
    number: int


class Journal:
    """Gets every request, and observes the queues. Thread-safe."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        drop_reason: Callable[[Any], str | None] = lambda _: None,
    ) -> None:
        """`drop_reason` says why the running settings drop a message, or `None`."""
        self._clock = clock
        self.drop_reason = drop_reason
        self._unmapped: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._lines: dict[int, Line] = {}
        self._shown: deque[int] = deque()
        self._open: dict[str, set[int]] = {}
        self._latest: dict[str, int] = {}
        self._number = 0
        self._exchange = 0
        self._bodies: deque[tuple[int, bytes]] = deque(maxlen=20)
        self._totals: Counter[str] = Counter()

    def take_exchange(self, exchange: Exchange) -> None:
        """One request to the HTTP API, and its answer."""
        now = self._clock()
        found = list(fates(exchange))
        with self._lock:
            self._exchange += 1
            self._bodies.append((self._exchange, exchange.sent))
            for arrival, fate in found:
                self._add(arrival, fate, now)

    def take_entry(self, entry: Entry) -> None:
        """An entry that somebody puts into the retry queue by hand. It may be gone before the next
        look."""
        message_id = message_id_of(entry)
        if entry.message is not None and message_id is not None:
            with self._lock:
                self._unmapped[message_id] = entry.message

    def exchange_of(self, body: bytes) -> int | None:
        """The number of the latest request with this body."""
        with self._lock:
            return next((number for number, sent in reversed(self._bodies) if sent == body), None)

    @property
    def number(self) -> int:
        """The number of the latest message."""
        with self._lock:
            return self._number

    def observe(self, contents: QueueContents, number: int) -> None:
        """Update the messages that wait.

        `number` is that of the latest message before the look at the queues: later messages are not
        judged by it.
        """
        now = self._clock()
        waiting: dict[str, set[str]] = {}
        for entry in contents.waiting:
            for message_id in entry.message_ids:
                waiting.setdefault(message_id, set()).add(entry.kind)
        dead = {letter.message_id: letter for letter in contents.dead}
        with self._lock:
            self._follow_imports(contents)
            self._unmapped.update(
                (entry.message_ids[0], entry.message)
                for entry in contents.waiting
                if entry.message is not None and entry.message_ids
            )
            for message_id, numbers in list(self._open.items()):
                if message_id in dead:
                    self._change(numbers, **_dead_lettered(dead[message_id]))
                elif message_id in waiting:
                    self._wait(numbers, waiting[message_id])
                elif max(numbers) <= number:
                    del self._open[message_id]
                    self._end(message_id, numbers, now)
                    self._forget()

    def _wait(self, numbers: set[int], kinds: set[str]) -> None:
        """They wait with operations of these kinds. What an earlier reason was about is over when
        only a bulk import's check is left, or when a dead letter was redriven."""
        for number in numbers:
            if kinds == {"check_import"}:
                self._change({number}, outcome="queued", reason="import_pending", details={})
            elif self._lines[number].outcome != "queued":
                self._change({number}, outcome="queued", reason=None, details={})

    def reason_of(self, entry: Waiting) -> str | None:
        """Why the entry waits, as far as the journal knows."""
        if entry.kind == "check_import":
            return "import_pending"
        with self._lock:
            number = self._latest.get(entry.message_ids[0]) if entry.message_ids else None
            line = None if number is None else self._lines.get(number)
            return line.reason if line is not None and line.outcome == "queued" else None

    def _end(self, message_id: str, numbers: set[int], now: float) -> None:
        reason = None
        if message_id in self._unmapped:
            reason = self.drop_reason(self._unmapped.pop(message_id))
        outcome = "delivered" if reason is None else "dropped"
        self._totals[outcome] += len(numbers)
        self._change(numbers, outcome=outcome, reason=reason, details={}, ended_at=now)

    def _follow_imports(self, contents: QueueContents) -> None:
        """Reopen messages whose profiles are in a bulk import without a result yet."""
        for entry in contents.waiting:
            if entry.kind != "check_import":
                continue
            for message_id in entry.message_ids:
                number = self._latest.get(message_id)
                if number is not None and message_id not in self._open:
                    self._open[message_id] = {number}
                    self._change({number}, outcome="queued", reason="import_pending")

    def latest(self, number: int) -> list[Line]:
        """The last messages, the newest first."""
        return self.find("", "", number).lines

    def find(self, text: str, outcome: str, number: int, before: int | None = None) -> Found:
        """The last `number` messages with this outcome (any, if empty) that contain the text.

        The text is searched in the message's id, type, event, person and reason, in any case.
        `before` is a message's number: only earlier ones are returned, but all are counted.
        """
        wanted = text.strip().casefold()
        with self._lock:
            lines = [self._lines[each] for each in reversed(self._shown)]
        fitting = [
            line
            for line in lines
            if (not outcome or line.outcome == outcome) and (not wanted or _holds(line, wanted))
        ]
        earlier = (line for line in fitting if before is None or line.number < before)
        return Found(list(islice(earlier, number)), len(fitting))

    def of_exchange(self, exchange: int) -> list[Line]:
        """The messages of one request, in their order."""
        with self._lock:
            return [self._lines[n] for n in self._shown if self._lines[n].exchange == exchange]

    def totals(self) -> dict[str, int]:
        """How many messages have had each outcome so far. One that waited counts as queued too."""
        with self._lock:
            return dict(self._totals)

    def _add(self, arrival: Arrival, fate: Fate, at: float) -> None:
        self._number += 1
        self._totals["received"] += 1
        self._totals[fate.outcome] += 1
        self._lines[self._number] = Line(
            self._number,
            self._exchange,
            at,
            arrival.message_id,
            arrival.type,
            arrival.event_name,
            arrival.who,
            fate.outcome,
            fate.reason,
            fate.details,
        )
        self._shown.append(self._number)
        if arrival.message_id is not None:
            self._latest[arrival.message_id] = self._number
            if fate.outcome in FOLLOWED:
                self._open.setdefault(arrival.message_id, set()).add(self._number)
        self._forget()

    def _change(self, numbers: set[int], **changed: Any) -> None:
        for number in numbers:
            self._lines[number] = replace(self._lines[number], **changed)

    def _forget(self) -> None:
        while len(self._shown) > KEPT:
            self._shown.popleft()
        if len(self._lines) > 2 * KEPT:
            kept = {*self._shown, *(number for each in self._open.values() for number in each)}
            self._lines = {number: line for number, line in self._lines.items() if number in kept}
            self._latest = {
                message_id: number for message_id, number in self._latest.items() if number in kept
            }


def _dead_lettered(letter: Dead) -> dict[str, Any]:
    details = dict(letter.reason)
    return {
        "outcome": "rejected",
        "reason": str(details.pop("code", None)),
        "details": details,
        "ended_at": None,
    }


def _holds(line: Line, wanted: str) -> bool:
    texts = (line.message_id, line.who, line.event_name, line.type, line.reason)
    return any(text is not None and wanted in text.casefold() for text in texts)
