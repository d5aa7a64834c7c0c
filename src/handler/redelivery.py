"""One batch of the retry queue: what is due is delivered, the rest goes where it belongs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from handler.backoff import PACE, Pace
from handler.codes import RejectionCode
from handler.credentials import CredentialStore, CredentialsUnavailable
from handler.deadline import Schedule, of_retry
from handler.door.validation import Malformed, validate
from handler.envelope import Entry, unpack
from handler.queues import Queue, QueueUnavailable
from handler.reporting import report_delivery
from handler.settlement import (
    FULL_REQUESTS_SECONDS,
    due,
    full_requests,
    invalid_reason,
    settle,
    wait_left,
)
from handler.telemetry import Metric, Telemetry
from klaviyo_client.delivery import Delivery, Klaviyo
from klaviyo_client.outcomes import Delivered
from klaviyo_mapping import Dropped, Settings, map_message
from klaviyo_mapping.instants import NEVER, instant


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

    def handle(self, lambda_event: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The partial batch response to one SQS event, within `seconds`.

        An SQS message is reported as failed only when what is left of it could not be stored; SQS
        then shows it again, whole, and the repeats do no harm.
        """
        records = _records(lambda_event)
        try:
            self._take(records, of_retry(self.klaviyo.clock(), seconds))
        except QueueUnavailable as error:
            self.telemetry.warning("queue unavailable", code=str(error), records=len(records))
        except CredentialsUnavailable as error:
            self.telemetry.warning("credentials unavailable", detail=str(error))
        else:
            return {"batchItemFailures": []}
        return failed(lambda_event)

    def _take(self, records: Sequence[tuple[str, str]], schedule: Schedule) -> None:
        key = self.credentials.get(self._left(schedule.secret)).klaviyo_private_key
        now = self.now()
        ready: list[Entry] = []
        early: dict[int, list[Entry]] = {}
        unreadable: list[Entry] = []
        hopeless: list[Entry] = []
        redriven = 0
        for entry in (entry for _, text in records for entry in unpack(text)):
            if entry.unreadable is not None:
                unreadable.append(entry)
            elif not due(entry, now.timestamp()):
                early.setdefault(wait_left(entry, now.timestamp()), []).append(entry)
            else:
                before = len(ready) + len(hopeless)
                self._make_ready(entry, now, ready, hopeless)
                if entry.reason is not None:
                    redriven += len(ready) + len(hopeless) - before
        ready, later = full_requests(sorted(ready, key=_sent_at))
        if later:
            # Without its reason: a redriven one has been counted as such.
            waiting = early.setdefault(FULL_REQUESTS_SECONDS, [])
            waiting.extend(replace(entry, reason=None) for entry in later)
        self._bury([*unreadable, *hopeless], schedule)
        for delay, entries in early.items():
            self.retry_queue.send(entries, delay, seconds=self._left(schedule.queues))
        if ready:
            self._deliver(ready, key, now, schedule)
        # Counted once all is safe: a batch that fails comes again, and is counted then.
        telemetry = self.telemetry
        telemetry.count(Metric.OPERATIONS_REDRIVEN, redriven)
        telemetry.count(Metric.OPERATIONS_RETRIED, len(ready) + len(hopeless))
        telemetry.count(Metric.RETRY_DEAD_LETTERED, len(hopeless))
        telemetry.count(Metric.DEAD_LETTERED, len(unreadable) + len(hopeless))

    def _make_ready(
        self, entry: Entry, now: datetime, ready: list[Entry], hopeless: list[Entry]
    ) -> None:
        """An operation is ready; a message that never became any tries door and mapping again."""
        if entry.operation is not None:
            ready.append(entry)
            return
        message = validate(entry.message)
        if isinstance(message, Malformed):
            hopeless.append(Entry(message=entry.message, reason=invalid_reason(message)))
            return
        try:
            decision = map_message(message, self.settings, now)
        except Exception as error:  # one message must never cost its neighbours
            self.telemetry.failure("mapping failed", error)
            reason = {"code": RejectionCode.INTERNAL_ERROR.value}
            hopeless.append(Entry(message=entry.message, reason=reason))
            return
        if isinstance(decision, Dropped):
            self.telemetry.messages("dropped", decision.reason.value, [message.message_id])
            return
        ready.extend(replace(entry, operation=operation) for operation in decision.operations)

    def _deliver(
        self, entries: Sequence[Entry], key: str, now: datetime, schedule: Schedule
    ) -> None:
        operations = [entry.operation for entry in entries if entry.operation is not None]
        delivery = self.klaviyo.deliver(operations, key, self._left(schedule.delivery))
        settlement = settle(
            entries,
            delivery,
            now=self.now().timestamp(),
            retry_seconds=self.retry_seconds,
            chance=self.chance(),
            pace=self.pace,
        )
        self._bury(settlement.dead, schedule)
        for delay, waiting in settlement.waiting.items():
            self.retry_queue.send(waiting, delay, seconds=self._left(schedule.queues))
        new, failed_imports = len(delivery.follow_ups), len(delivery.import_failures)
        telemetry = self.telemetry
        telemetry.count(Metric.OPERATIONS_QUEUED, new)
        telemetry.count(Metric.RETRY_REQUEUED, settlement.number_waiting - new)
        telemetry.count(Metric.RETRY_DEAD_LETTERED, len(settlement.dead) - failed_imports)
        telemetry.count(Metric.DEAD_LETTERED, len(settlement.dead))
        self._report(entries, delivery, now)

    def _left(self, until: float) -> float:
        return max(until - self.klaviyo.clock(), 0.0)

    def _bury(self, dead: Sequence[Entry], schedule: Schedule) -> None:
        if not dead:
            return
        self.dead_letter_queue.send(dead, seconds=self._left(schedule.queues))
        for entry in dead:
            self.telemetry.warning(
                "dead letter",
                code=(entry.reason or {}).get("code"),
                message_id=entry.operation.message_id if entry.operation else None,
            )

    def _report(self, entries: Sequence[Entry], delivery: Delivery, now: datetime) -> None:
        delivered = [
            entry
            for entry, result in zip(entries, delivery.results, strict=True)
            if isinstance(result.outcome, Delivered)
        ]
        telemetry = self.telemetry
        telemetry.count(Metric.RETRY_DELIVERED, len(delivered))
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


def failed(lambda_event: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that leaves every message of the batch to SQS, to be shown again."""
    items = [{"itemIdentifier": identifier} for identifier, _ in _records(lambda_event)]
    return {"batchItemFailures": items}


def _records(lambda_event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The SQS messages of an event as (message id, body).

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    records = lambda_event.get("Records")
    return [
        (str(record.get("messageId", "")), str(record.get("body", "")))
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, Mapping)
    ]


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
