"""One batch of the retry queue: what is due is delivered, and the rest is put back or
dead-lettered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handler.aws.credentials import Credentials, CredentialStore, CredentialsUnavailable
from handler.deadline import Schedule, of_retry
from handler.isolation import Account, deliver
from handler.queue.backoff import PACE, Pace
from handler.queue.batch import Batch, failures, read, records_of
from handler.queue.envelope import Entry
from handler.queue.queues import Queue
from handler.queue.routing import Routing, route
from handler.queue.storing import Stored, store
from handler.report.delivery import report_delivery
from handler.report.message_ids import shown_id
from handler.report.telemetry import Metric, Telemetry
from handler.sorting import Sorted, Sorter
from klaviyo_client.api.outcomes import Delivered
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery
from klaviyo_mapping import Settings
from operations import leaves_list

if TYPE_CHECKING:
    from handler.books.opening import Books
    from handler.books.page import Page


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
        clock = self.klaviyo.clock
        sorter = Sorter(self.settings, self.telemetry, clock, self.retry_seconds, now)
        found = sorter.sort(batch.entries, schedule.mapping_until(clock()))
        page = None if self.books is None else self.books.open(credentials.ledger_key)
        account = (
            self.klaviyo
            if page is None
            else page.in_order(self.klaviyo, urgent=self._urgent(found.ready, now.timestamp()))
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

    def _urgent(self, entries: Iterable[Entry], moment: float) -> frozenset[int]:
        """The operations, by their `id`, that wait for a late ledger no longer."""
        patience = min(LEDGER_PATIENCE_SECONDS, self.retry_seconds / 2)
        return frozenset(
            id(entry.operation)
            for entry in entries
            if entry.first_failed_at is not None and entry.first_failed_at + patience < moment
        )

    def _deliver(
        self, entries: Sequence[Entry], account: Account, key: str, schedule: Schedule
    ) -> tuple[Routing, Delivery]:
        """Carry out what is ready, and say where each entry goes."""
        if not entries:
            return Routing(), Delivery(())
        for entry in entries:
            if entry.may_be_sent and leaves_list(entry.operation):
                self.klaviyo.note_leaving(entry.operation)
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
        from handler.books.decided import Decided
        from handler.books.recording import record_retry

        moment = now.timestamp()
        page.allowance.renew(self._left(schedule.queues) + FATES_SECONDS)
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
"""So long an operation waits for a ledger that is late: then it goes without. But it waits for half
of its retry window at most, so that it is tried without before that ends."""


def _message_ids(entries: Iterable[Entry]) -> list[str | None]:
    """Each message id once, in order."""
    ids = {entry.operation.message_id: None for entry in entries if entry.operation is not None}
    return list(ids)
