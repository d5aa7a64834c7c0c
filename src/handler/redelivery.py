"""One batch of the retry queue: what is due is delivered, and the rest is put back or
dead-lettered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from handler.aws.credentials import Credentials, CredentialStore, CredentialsUnavailable
from handler.deadline import Schedule, is_enough, of_retry
from handler.decision import Decision, Sender, Unmapped, decide, sender_of
from handler.door.admission import Arrivals
from handler.door.body import Body
from handler.door.refusals import Refusal
from handler.door.validation import Malformed
from handler.isolation import Account, deliver
from handler.queue.backoff import PACE, Pace
from handler.queue.batch import Batch, failures, read, records_of
from handler.queue.envelope import Entry
from handler.queue.queues import Queue
from handler.queue.routing import (
    FULL_REQUESTS_SECONDS,
    Routing,
    dead_letter,
    due,
    full_requests,
    is_exhausted,
    no_message_reason,
    overdue_reason,
    rejected_reason,
    route,
    stamped,
    wait_left,
    written,
)
from handler.queue.storing import Stored, store
from handler.report.delivery import report_delivery
from handler.report.message_ids import shown_id
from handler.report.telemetry import Metric, Telemetry
from klaviyo_client.api.outcomes import Delivered
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery
from klaviyo_mapping import Dropped, Message, Settings
from operations.instants import NEVER, instant

if TYPE_CHECKING:
    from handler.books.opening import Books
    from handler.books.page import Page


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
class Redelivery:
    """What a batch needs; one for each process."""

    settings: Settings
    credentials: CredentialStore
    klaviyo: Klaviyo
    retry_queue: Queue
    dead_letter_queue: Queue
    retry_seconds: int
    telemetry: Telemetry
    now: Callable[[], datetime]
    chance: Callable[[], float]
    pace: Pace = PACE
    books: "Books | None" = None
    is_paused: bool = False

    def handle(self, lambda_event: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The partial batch response to one SQS event, within `seconds`.

        An SQS message is reported as failed only when something of it could not be stored, or when
        there was no memory left to read it; SQS then shows it again, whole, and the repeats do no
        harm.
        """
        if self.is_paused:
            # An invocation that was under way when the pause began. SQS shows its messages again.
            records = records_of(lambda_event)
            self.telemetry.info("paused", records=len(records))
            return failures(record.id for record in records)
        schedule = of_retry(self.klaviyo.clock(), seconds)
        try:
            credentials = self.credentials.get(self._left(schedule.secret))
        except CredentialsUnavailable as error:
            self.telemetry.warning("credentials unavailable", detail=str(error))
            return self.all_failed(lambda_event)
        batch = read(lambda_event, self.now().timestamp())
        missing = self._take(batch, credentials, schedule)
        ids = [record.id for record in batch.records]
        failed = ids if None in missing else [each for each in ids if each in missing]
        self.telemetry.count(Metric.RETRY_FAILURES, len(failed))
        return failures(each for each in ids if each in batch.left or each in failed)

    def all_failed(self, lambda_event: Mapping[str, Any]) -> dict[str, Any]:
        """The answer that leaves every message of the batch to SQS, to be shown again."""
        ids = [record.id for record in records_of(lambda_event)]
        self.telemetry.count(Metric.RETRY_FAILURES, len(ids))
        return failures(ids)

    def _take(
        self, batch: Batch, credentials: Credentials, schedule: Schedule
    ) -> frozenset[str | None]:
        """Do what is due, and store the rest; gives the SQS messages that something is missing of,
        `None` among them where it is of the batch as a whole."""
        now = self.now()
        found = self._sort(batch.entries, now, schedule.mapping_until(self.klaviyo.clock()))
        page = None if self.books is None else self.books.open(credentials.ledger_key)
        account = (
            self.klaviyo
            if page is None
            else page.in_order(self.klaviyo, urgent=_urgent(found.ready, now.timestamp()))
        )
        key = credentials.klaviyo_private_key
        routing, delivery = self._deliver(found.ready, account, key, schedule)
        waiting = {delay: list(entries) for delay, entries in routing.waiting.items()}
        for delay, entries in found.early.items():
            waiting.setdefault(delay, []).extend(entries)
        stored = store(
            self.retry_queue,
            self.dead_letter_queue,
            waiting,
            [*found.unreadable, *found.hopeless, *routing.dead],
            lambda: self._left(schedule.queues),
        )
        if stored.missing:
            self.telemetry.warning(
                "queue unavailable", code=stored.codes[0], records=len(stored.missing)
            )
        if page is not None:
            self._record(page, found, delivery, routing, stored, now, schedule)
        self._report_dead(stored.dead)
        self._count(batch, found, routing, delivery, stored)
        self._report(found.ready, delivery, now)
        return stored.missing

    def _sort(self, entries: Iterable[Entry], now: datetime, until: float) -> Sorted:
        """The entries by what is to be done with them; messages are mapped `until` then."""
        found = Sorted()
        moment = now.timestamp()
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
                found.hopeless.append(dead_letter(entry, overdue_reason()))
            else:
                found.wait(entry, wait_left(entry, moment))
        self._map_all(messages, now, until, found)
        found.ready, found.later = full_requests(sorted(found.ready, key=_sent_at))
        for entry in found.later:
            # Without its reason: a redriven one has been counted as such.
            waits_until = moment + FULL_REQUESTS_SECONDS
            found.wait(replace(entry, reason=None, not_before=waits_until), FULL_REQUESTS_SECONDS)
        return found

    def _map_all(
        self, messages: Iterable[Entry], now: datetime, until: float, found: Sorted
    ) -> None:
        """Map messages while there is time, and room for operations; the others wait."""
        for entry in messages:
            try:
                arrivals = _arrivals_in(entry)
            except Refusal as refusal:
                found.hopeless.append(dead_letter(entry, no_message_reason(refusal)))
                continue
            each = iter(arrivals)
            while found.has_room and self.klaviyo.clock() < until:
                arrival = next(each, None)
                if arrival is None:
                    break
                self._map(arrival, entry, now, found)
            self._leave(arrivals, entry, now, found)

    def _leave(self, arrivals: Arrivals, entry: Entry, now: datetime, found: Sorted) -> None:
        """Put the unread part of the entry back on the queue, unless its retry window has
        passed."""
        if is_exhausted(entry, now.timestamp(), self.retry_seconds):
            found.hopeless += [
                dead_letter(replace(entry, message=value, messages=None), overdue_reason())
                for value in arrivals.values()
            ]
            return
        if entry.messages is None:
            left = [replace(entry, message=value) for value in arrivals.values()]
        else:
            left = [replace(entry, messages=part.text()) for part in arrivals.rest()]
        waits_until = now.timestamp() + FULL_REQUESTS_SECONDS
        for each in left:
            found.wait(replace(each, not_before=waits_until), FULL_REQUESTS_SECONDS)

    def _map(
        self, arrival: Message | Malformed, entry: Entry, now: datetime, found: Sorted
    ) -> None:
        """Map a message that has not become operations yet."""
        before = found.number
        self._decide(arrival, entry, now, found)
        counted = found.mapped if entry.reason is None else found.redriven
        counted += [entry] * (found.number - before)

    def _decide(
        self, arrival: Message | Malformed, entry: Entry, now: datetime, found: Sorted
    ) -> None:
        decision = decide(arrival, self.settings, now)
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
        found.ready += mapped if since is None else stamped(mapped, written(since))

    def _deliver(
        self, entries: Sequence[Entry], account: Account, key: str, schedule: Schedule
    ) -> tuple[Routing, Delivery]:
        """Carry out what is ready, and say where each entry goes."""
        if not entries:
            return Routing(), Delivery(())
        delivery = deliver(
            account,
            [entry.operation for entry in entries if entry.operation is not None],
            key,
            lambda: self._left(schedule.delivery),
            self.telemetry,
            apart=True,
            attempts=[entry.attempts for entry in entries],
        )
        routing = route(
            entries,
            delivery,
            now=self.now().timestamp(),
            retry_seconds=self.retry_seconds,
            chance=self.chance(),
            pace=self.pace,
        )
        return routing, delivery

    def _record(
        self,
        page: "Page",
        found: Sorted,
        delivery: Delivery,
        routing: Routing,
        stored: Stored,
        now: datetime,
        schedule: Schedule,
    ) -> None:
        """Write into the ledger what became of the batch."""
        from handler.books.page import Decided
        from handler.books.recording import record_retry

        moment = now.timestamp()
        page.allowance.end_within(self._left(schedule.queues) + FATES_SECONDS)
        record_retry(
            page,
            [
                Decided(message_id, *sender, decision, moment, since)
                for message_id, sender, decision, since in found.decided
            ],
            found.ready,
            found.later,
            found.hopeless,
            delivery,
            routing,
            stored,
            pace=self.pace,
            at=moment,
        )

    def _left(self, until: float) -> float:
        return max(until - self.klaviyo.clock(), 0.0)

    def _count(
        self,
        batch: Batch,
        found: Sorted,
        routing: Routing,
        delivery: Delivery,
        stored: Stored,
    ) -> None:
        """Count what is safe: an SQS message that is shown again is counted then."""
        if None in stored.missing:
            return

        def safe(entries: Iterable[Entry]) -> int:
            return sum(entry.record not in stored.missing for entry in entries)

        new, failed_imports = len(delivery.follow_ups), len(delivery.import_failures)
        ready, hopeless = safe(found.ready), safe(found.hopeless)
        telemetry = self.telemetry
        telemetry.count(Metric.OPERATIONS_REDRIVEN, safe(found.redriven))
        telemetry.count(Metric.OPERATIONS_MERGED, batch.merged)
        telemetry.count(Metric.OPERATIONS_RETRIED, ready + hopeless)
        telemetry.count(Metric.OPERATIONS_QUEUED, new + safe(found.mapped))
        requeued = sum(map(safe, routing.waiting.values())) - new
        telemetry.count(Metric.RETRY_REQUEUED, requeued)
        dead = safe(routing.dead) - failed_imports + hopeless
        telemetry.count(Metric.RETRY_DEAD_LETTERED, dead)
        telemetry.count(Metric.RETRY_DELIVERED, ready + hopeless - requeued - dead)
        telemetry.count(Metric.DEAD_LETTERED, len(stored.dead))

    def _report_dead(self, dead: Iterable[Entry]) -> None:
        for entry in dead:
            self.telemetry.warning(
                "dead letter",
                code=(entry.reason or {}).get("code"),
                message_id=shown_id(entry.operation.message_id) if entry.operation else None,
            )

    def _report(self, entries: Sequence[Entry], delivery: Delivery, now: datetime) -> None:
        delivered = [
            entry
            for entry, result in zip(entries, delivery.results, strict=True)
            if isinstance(result.outcome, Delivered)
        ]
        telemetry = self.telemetry
        ages = [now.timestamp() - (entry.first_failed_at or now.timestamp()) for entry in delivered]
        telemetry.count(Metric.RETRY_AGE, round(max(ages, default=0.0)), seconds=True)
        report_delivery(telemetry, delivery)
        telemetry.messages("delivered later", None, _message_ids(delivered))
        telemetry.info(
            "batch done",
            operations=len(entries),
            delivered=len(delivered),
            requests=delivery.requests,
        )


FATES_SECONDS = 0.3
"""For writing what became of the batch after the time for the queues: the end is near."""

LEDGER_PATIENCE_SECONDS = 3_600.0
"""So long an operation waits for a ledger that is late: then it goes without."""


def _urgent(entries: Iterable[Entry], moment: float) -> frozenset[int]:
    """The operations, by their `id`, that have waited for so long."""
    return frozenset(
        id(entry.operation)
        for entry in entries
        if entry.first_failed_at is not None
        and entry.first_failed_at + LEDGER_PATIENCE_SECONDS < moment
    )


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


def _message_ids(entries: Iterable[Entry]) -> list[str | None]:
    """Each message id once, in order."""
    ids = {entry.operation.message_id: None for entry in entries if entry.operation is not None}
    return list(ids)
