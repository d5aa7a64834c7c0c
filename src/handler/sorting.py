"""What is to be done with each entry of a batch of the retry queue; messages become operations."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from handler.deadline import is_enough
from handler.decision import Decision, Sender, Unmapped, decide, sender_of
from handler.door.admission import Arrivals
from handler.door.body import Body
from handler.door.refusals import Refusal
from handler.door.validation import Malformed
from handler.queue.envelope import Entry
from handler.queue.routing import (
    dead_letter,
    due,
    full_requests,
    is_exhausted,
    no_message_reason,
    overdue_reason,
    rejected_reason,
    stamped,
    wait_left,
)
from handler.report.telemetry import Telemetry
from klaviyo_mapping import Dropped, Message, Settings
from operations import was_sent
from operations.instants import NEVER, instant


@dataclass(slots=True)
class Sorted:
    """What a batch holds, by what is to be done with it; `early` by the seconds still to wait.

    `redriven` names each operation that is back from the dead-letter queue, `mapped` each that the
    webhook had no time for; `decided` has, of each message that was put to the mapping, id, type
    and user id, decision and time of arrival. `later` are operations that wait for others
    to fill a request.
    """

    ready: list[Entry] = field(default_factory=list)
    early: dict[int, list[Entry]] = field(default_factory=dict)
    unreadable: list[Entry] = field(default_factory=list)
    hopeless: list[Entry] = field(default_factory=list)
    redriven: list[Entry] = field(default_factory=list)
    mapped: list[Entry] = field(default_factory=list)
    decided: list[tuple[str | None, Sender, Decision, float | None]] = field(default_factory=list)
    later: list[Entry] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        """Whether one call can do more than that."""
        return not is_enough(len(self.decided), self.number)

    def wait(self, entry: Entry, seconds: int) -> None:
        """Put the entry back untried."""
        self.early.setdefault(seconds, []).append(entry)

    @property
    def number(self) -> int:
        """The operations that are ready or hopeless."""
        return len(self.ready) + len(self.hopeless)


@dataclass(frozen=True, slots=True)
class Sorter:
    """Sorts one batch, as of `now`. `retry_seconds` are those of the retry window."""

    settings: Settings
    telemetry: Telemetry
    clock: Callable[[], float]
    retry_seconds: int
    now: datetime
    _found: Sorted = field(default_factory=Sorted)

    def sort(self, entries: Iterable[Entry], until: float) -> Sorted:
        """The entries by what is to be done with them; messages are mapped `until` then, on
        `clock`."""
        found = self._found
        moment = self.now.timestamp()
        messages: list[Entry] = []
        for entry in entries:
            if entry.unreadable is not None:
                found.unreadable.append(entry)
            elif due(entry, moment):
                if entry.operation is None:
                    messages.append(entry)
                    continue
                found.ready.append(entry)
                if entry.reason is not None:
                    found.redriven.append(entry)
            elif is_exhausted(entry, moment, self.retry_seconds):
                if entry.operation is not None and was_sent(entry.operation):
                    found.ready.append(entry)  # Klaviyo has taken it: only its record is missing
                    continue
                found.hopeless.append(dead_letter(entry, overdue_reason()))
            else:
                found.wait(entry, wait_left(entry, moment))
        self._map_all(messages, until)
        found.ready, found.later = full_requests(sorted(found.ready, key=_sent_at))
        for entry in found.later:
            # Without its reason: a redriven one has been counted as such.
            found.wait(replace(entry, reason=None, not_before=moment), 0)
        return found

    def _map_all(self, messages: Iterable[Entry], until: float) -> None:
        """Map messages while there is time, and room for operations; the others wait."""
        found = self._found
        for entry in messages:
            try:
                arrivals = _arrivals_in(entry)
            except Refusal as refusal:
                found.hopeless.append(dead_letter(entry, no_message_reason(refusal)))
                continue
            each = iter(arrivals)
            while found.has_room and self.clock() < until:
                arrival = next(each, None)
                if arrival is None:
                    break
                self._map(arrival, entry)
            self._leave(arrivals, entry)

    def _leave(self, arrivals: Arrivals, entry: Entry) -> None:
        """Put the unread part of the entry back on the queue, unless its retry window has
        passed."""
        moment = self.now.timestamp()
        if is_exhausted(entry, moment, self.retry_seconds):
            self._found.hopeless += [
                dead_letter(replace(entry, message=value, messages=None), overdue_reason())
                for value in arrivals.values()
            ]
            return
        if entry.messages is None:
            left = [replace(entry, message=value) for value in arrivals.values()]
        else:
            left = [replace(entry, messages=part.text()) for part in arrivals.rest()]
        for each in left:
            self._found.wait(replace(each, not_before=moment), 0)

    def _map(self, arrival: Message | Malformed, entry: Entry) -> None:
        """Map a message that has not become operations yet."""
        found = self._found
        before = found.number
        self._decide(arrival, entry)
        counted = found.mapped if entry.reason is None else found.redriven
        counted += [entry] * (found.number - before)

    def _decide(self, arrival: Message | Malformed, entry: Entry) -> None:
        found = self._found
        decision = decide(arrival, self.settings, self.now)
        sender = sender_of(arrival)
        found.decided.append((arrival.message_id, sender, decision, entry.first_failed_at))
        if isinstance(decision, Malformed | Unmapped):
            if isinstance(decision, Unmapped):
                self.telemetry.failure("mapping failed", decision.error)
            message = replace(entry, message=decision.raw, messages=None)
            found.hopeless.append(dead_letter(message, rejected_reason(decision)))
            return
        if isinstance(decision, Dropped):
            self.telemetry.messages("dropped", decision.reason.value, [arrival.message_id])
            return
        mapped = [
            replace(entry, operation=each, message=None, messages=None)
            for each in decision.operations
        ]
        since = entry.first_failed_at
        found.ready += mapped if since is None else stamped(mapped, since)


def _arrivals_in(entry: Entry) -> Arrivals:
    """The messages of an entry without an operation. Raises a `Refusal` where there is none."""
    if entry.messages is None:
        return Arrivals(Body.of(entry.message))
    return Arrivals(Body.read(entry.messages.encode()))


def _sent_at(entry: Entry) -> float:
    """When the message was sent; a queue keeps no order, so this restores a person's own.

    What has no time stands in front, in the order in which it came.
    """
    sent_at = instant(getattr(entry.operation, "time", None))
    return NEVER if sent_at is None else sent_at
