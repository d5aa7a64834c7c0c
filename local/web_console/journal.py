"""The messages that came to the webhook, and what became of each, also later.

The webhook's answer says it for now. A message that waits is followed by its id: as long as a queue
holds something of it, it waits or lies among the dead letters; once neither does, it is delivered.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.aws_stand_in.http_api import Exchange
from local.web_console.queues import Books

KEPT = 2_000
"""Messages that are remembered for show; those that still wait are remembered in any case."""

TURNED_AWAY = "turned_away"
"""The outcome of a message whose whole request was answered with a 4xx or 5xx."""

FOLLOWED = frozenset({"queued", "rejected"})


@dataclass(frozen=True, slots=True)
class Line:
    """One message and its fate as of now. Times are Unix seconds.

    `exchange` numbers the request that it came with. `details` are those of the webhook's answer,
    or of the dead letter. `settled_at` is when a message that waited was delivered after all.
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
    settled_at: float | None = None


class Journal:
    """Hears of every request, looks at the queues now and then. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[int, Line] = {}
        self._shown: deque[int] = deque()
        self._open: dict[str, set[int]] = {}
        self._number = 0
        self._exchange = 0
        self._bodies: deque[tuple[int, bytes]] = deque(maxlen=20)
        self._totals: Counter[str] = Counter()

    def take_exchange(self, exchange: Exchange) -> None:
        """One request to the HTTP API, and its answer."""
        now = self._clock()
        with self._lock:
            self._exchange += 1
            self._bodies.append((self._exchange, exchange.sent))
            for message, (outcome, reason, details) in _fates(exchange):
                self._add(message, outcome, reason, details, now)

    def exchange_of(self, body: bytes) -> int | None:
        """The number of the latest request with this body."""
        with self._lock:
            return next((number for number, sent in reversed(self._bodies) if sent == body), None)

    @property
    def number(self) -> int:
        """That of the latest message."""
        with self._lock:
            return self._number

    def observe(self, books: Books, number: int) -> None:
        """See what became of the messages that wait.

        `number` was the latest message's before the look at the queues: what came since is not
        judged by it.
        """
        now = self._clock()
        waiting = {entry.message_id for entry in books.waiting}
        dead = {entry.message_id: entry.reason for entry in books.dead}
        with self._lock:
            for message_id, numbers in list(self._open.items()):
                if message_id in waiting:
                    self._change(numbers, outcome="queued")
                elif message_id in dead:
                    details = dict(dead[message_id])
                    reason = str(details.pop("code", None))
                    self._change(numbers, outcome="rejected", reason=reason, details=details)
                elif max(numbers) <= number:
                    del self._open[message_id]
                    self._totals["delivered"] += len(numbers)
                    self._change(
                        numbers, outcome="delivered", reason=None, details={}, settled_at=now
                    )
                    self._forget()

    def latest(self, number: int) -> list[Line]:
        """The last messages, the newest first."""
        with self._lock:
            return [self._lines[each] for each in list(self._shown)[: -number - 1 : -1]]

    def of_exchange(self, exchange: int) -> list[Line]:
        """The messages of one request, in their order."""
        with self._lock:
            return [self._lines[n] for n in self._shown if self._lines[n].exchange == exchange]

    def totals(self) -> dict[str, int]:
        """How many messages have met each outcome so far; one that waited counts there, too."""
        with self._lock:
            return dict(self._totals)

    def _add(
        self, message: Any, outcome: str, reason: str | None, details: Mapping[str, Any], at: float
    ) -> None:
        self._number += 1
        self._totals["received"] += 1
        self._totals[outcome] += 1
        message_id = _text(message, "messageId")
        self._lines[self._number] = Line(
            self._number,
            self._exchange,
            at,
            message_id,
            _text(message, "type"),
            _text(message, "event"),
            _who(message),
            outcome,
            reason,
            details,
        )
        self._shown.append(self._number)
        if outcome in FOLLOWED and message_id is not None:
            self._open.setdefault(message_id, set()).add(self._number)
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


def _fates(exchange: Exchange) -> Iterator[tuple[Any, tuple[str, str | None, Mapping[str, Any]]]]:
    """Each message of a request, with its outcome, reason and details by the answer.

    The answer has a line for every message but those that were simply delivered, in their order.
    """
    answer = _object(exchange.body)
    messages = _messages(exchange.sent)
    if exchange.status != 200:
        error = answer.get("error") or {"code": str(exchange.status)}
        for message in messages:
            yield message, (TURNED_AWAY, str(error.get("code")), {"status": exchange.status})
        return
    lines = deque(answer.get("messages") or ())
    left = len(messages)
    for message in messages:
        is_told = bool(lines) and (
            left == len(lines) or lines[0].get("message_id") == _text(message, "messageId")
        )
        left -= 1
        if not is_told:
            yield message, ("delivered", None, {})
            continue
        details = dict(lines.popleft())
        details.pop("message_id", None)
        yield message, (str(details.pop("outcome")), details.pop("reason", None), details)


def _messages(body: bytes) -> Sequence[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return [None]
    return document if isinstance(document, list) and document else [document]


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(message: Any, name: str) -> str | None:
    value = message.get(name) if isinstance(message, dict) else None
    return value if isinstance(value, str) else None


def _who(message: Any) -> str | None:
    """Something to know the person by at a glance; no decision hangs on it."""
    if not isinstance(message, dict):
        return None
    context = message.get("context")
    places = (
        message.get("traits"),
        message.get("properties"),
        context.get("traits") if isinstance(context, dict) else None,
    )
    emails = (_text(place, "email") for place in places)
    return next((email for email in emails if email), None) or _text(message, "userId")
