"""One webhook call: door, mapping, delivery, queue, answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from handler.aws.credentials import Credentials, CredentialStore, CredentialsUnavailable
from handler.deadline import MOST_MESSAGES, Schedule, is_enough, of_webhook
from handler.decision import Decision, Unmapped, decide, sender_of
from handler.door.admission import Arrivals, Slice, admit
from handler.door.refusals import InvalidSignature, InvalidToken, Refusal
from handler.door.validation import Malformed
from handler.isolation import deliver
from handler.pause import Pause
from handler.queue.backoff import PACE, Pace
from handler.queue.envelope import Entry
from handler.queue.queues import Queue
from handler.queue.routing import Routing, rejected_reason, route, stamped
from handler.queue.storing import Stored, store
from handler.report.answer import Fate, MessageFate, accepted, turned_away
from handler.report.codes import DeferralCode, RejectionCode, TroubleCode
from handler.report.delivery import refusal_details, report_delivery
from handler.report.telemetry import Metric, Telemetry
from klaviyo_client.api.outcomes import DeliveryWarning, Refused, Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.ahead import Ahead
from klaviyo_mapping import Dropped, Mapped, Message, Settings
from operations import Json, Operation

if TYPE_CHECKING:
    from handler.books.decided import Decided
    from handler.books.opening import Books
    from handler.books.page import Page


@dataclass(slots=True)
class Work:
    """What a batch came to: a decision for each message that was mapped, an entry for each that
    waits to be, and the `rest` as it came, which is more than Segment sends.

    For the ledger, `senders` are the messages' types and user ids, and `repeated` has the positions
    of those that are known to be delivered: their operations are not among the `operations`.
    """

    message_ids: list[str | None] = field(default_factory=list)
    senders: list[tuple[str | None, str | None]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    later: list[Entry] = field(default_factory=list)
    rest: list[Slice] = field(default_factory=list)
    repeated: frozenset[int] = frozenset()

    def leave_out(self, repeated: frozenset[int]) -> None:
        """Do not carry out what is known to be delivered."""
        self.repeated = repeated
        if repeated:
            self.operations = [
                operation
                for position, decision in enumerate(self.decisions)
                if isinstance(decision, Mapped) and position not in repeated
                for operation in decision.operations
            ]

    @property
    def received(self) -> int:
        """The number of messages."""
        unread = sum(len(each.texts) for each in self.rest)
        return len(self.decisions) + len(self.later) + unread


@dataclass(frozen=True, slots=True)
class Intake:
    """What a webhook call needs; one for each process."""

    settings: Settings
    credentials: CredentialStore
    klaviyo: Klaviyo | Pause
    retry_queue: Queue
    dead_letter_queue: Queue
    retry_seconds: int
    telemetry: Telemetry
    now: Callable[[], datetime]
    chance: Callable[[], float]
    pace: Pace = PACE
    books: "Books | None" = None

    def handle(self, lambda_event: dict[str, Any]) -> dict[str, Any]:
        """The HTTP response to one API Gateway event. Never raises for what Segment sends.

        Once it is admitted, the body is taken out of `lambda_event`: while the runtime holds that,
        it would be there beside all that was made of it.

        Statuses: 200 when every message is delivered, on a queue or dropped on purpose; 401, 400
        and 413 for a request that is refused; 503 for trouble of our own.
        """
        schedule = of_webhook(self.klaviyo.clock())
        try:
            credentials = self.credentials.get(self._left(schedule.secret))
            arrivals = self._admit(lambda_event, credentials, schedule)
            lambda_event.pop("body", None)
        except CredentialsUnavailable as error:
            self.telemetry.warning("credentials unavailable", detail=str(error))
            return self._failed(TroubleCode.CREDENTIALS_UNAVAILABLE, str(error))
        except Refusal as refusal:
            if isinstance(refusal, InvalidSignature | InvalidToken):
                self.telemetry.count(Metric.SIGNATURE_FAILURES, 1)
            self.telemetry.warning("turned away", code=refusal.code, detail=str(refusal))
            return turned_away(refusal.status, refusal.code, str(refusal))
        return self._take(arrivals, credentials, schedule)

    def _left(self, until: float) -> float:
        return max(until - self.klaviyo.clock(), 0.0)

    def _admit(
        self, lambda_event: Mapping[str, Any], credentials: Credentials, schedule: Schedule
    ) -> Arrivals:
        try:
            return admit(lambda_event, credentials.shared_secrets, credentials.webhook_tokens)
        except (InvalidSignature, InvalidToken):
            # The secret may have been changed since it was read. While nobody can say so, what
            # seems to be a stranger's may be Segment's, which would discard it on a 401.
            fresh = self.credentials.fresh(self._left(schedule.secret))
            if fresh == credentials:
                raise
            return admit(lambda_event, fresh.shared_secrets, fresh.webhook_tokens)

    def _failed(self, code: TroubleCode, text: str, received: int = 0) -> dict[str, Any]:
        self.telemetry.count(Metric.FAILED_REQUESTS, 1)
        return turned_away(503, code, text, received)

    def _take(
        self, arrivals: Arrivals, credentials: Credentials, schedule: Schedule
    ) -> dict[str, Any]:
        received_at = self.now()
        began = self.klaviyo.clock()
        work = self._map(arrivals, received_at, schedule.mapping_until(began))
        page = None if self.books is None else self.books.open(credentials.ledger_key)
        since = received_at.timestamp()
        decided = [] if page is None else _decided(work, since)
        if page is not None:
            work.leave_out(page.repeated(decided))
        new = [each for place, each in enumerate(decided) if place not in work.repeated]
        delivery_until = schedule.delivery_until(self.klaviyo.clock() - began)
        delivery = deliver(
            self.klaviyo if page is None else page.in_order(self.klaviyo, new),
            work.operations,
            credentials.klaviyo_private_key,
            lambda: self._left(delivery_until),
            self.telemetry,
            apart=False,
        )
        routing, stored = self._keep(work, delivery, received_at, schedule.queues)
        answer = Ahead(partial(self._answer, work, delivery, stored))
        if page is not None:
            self._record(page, new, work.later, delivery, routing, stored, since, answer)
        return answer.get()

    def _answer(self, work: Work, delivery: Delivery, stored: Stored) -> dict[str, Any]:
        """The answer to Segment, counted and logged."""
        if stored.missing:
            self.telemetry.warning(
                "queue unavailable", code=stored.codes[0], received=work.received
            )
            return self._failed(
                TroubleCode.QUEUE_UNAVAILABLE,
                "Not every message could be kept. Segment sends the batch again.",
                work.received,
            )
        fates = self._fates(work, delivery)
        unnamed = work.received - len(fates)
        self.telemetry.count(Metric.REPEATED, len(work.repeated))
        self._report(fates, unnamed, delivery)
        return accepted(fates, unnamed)

    def _map(self, arrivals: Arrivals, received_at: datetime, until: float) -> Work:
        """Map the messages, until it is enough for one call or the time is up."""
        work = Work()
        operations, clock = work.operations, self.klaviyo.clock
        # One message after the other, while its parts are in the processor's cache.
        for arrival in arrivals:
            decision = self._decide(arrival, received_at)
            work.message_ids.append(arrival.message_id)
            if self.books is not None:
                work.senders.append(sender_of(arrival))
            work.decisions.append(decision)
            if isinstance(decision, Mapped):
                operations += decision.operations
            if clock() >= until or is_enough(len(work.decisions), len(operations)):
                break
        since = received_at.timestamp()
        work.later.extend(
            Entry(message=each, first_failed_at=since, not_before=since)
            for each in islice(arrivals.values(), MOST_MESSAGES)
        )
        work.rest.extend(arrivals.rest())
        return work

    def _decide(self, arrival: Message | Malformed, received_at: datetime) -> Decision:
        decision = decide(arrival, self.settings, received_at)
        if isinstance(decision, Unmapped):
            self.telemetry.failure("mapping failed", decision.error)
        return decision

    def _keep(
        self, work: Work, delivery: Delivery, received_at: datetime, until: float
    ) -> tuple[Routing, Stored]:
        """Put on the queues what is not done.

        Counted once all is safe: what Segment has to send again is counted then.
        """
        since = received_at.timestamp()
        routing = route(
            [Entry(operation=operation) for operation in work.operations],
            delivery,
            now=since,
            retry_seconds=self.retry_seconds,
            chance=self.chance(),
            pace=self.pace,
        )
        dead = [
            *routing.dead,
            *(
                Entry(message=decision.raw, reason=rejected_reason(decision))
                for decision in work.decisions
                if isinstance(decision, Malformed | Unmapped)
            ),
        ]
        waiting = {delay: stamped(entries, since) for delay, entries in routing.waiting.items()}
        unread = [
            *work.later,
            *(
                Entry(messages=each.text(), first_failed_at=since, not_before=since)
                for each in work.rest
            ),
        ]
        if unread:
            waiting[0] = [*waiting.get(0, ()), *unread]
        stored = store(
            self.retry_queue, self.dead_letter_queue, waiting, dead, lambda: self._left(until)
        )
        if not stored.missing:
            self.telemetry.count(Metric.DEAD_LETTERED, len(stored.dead))
            self.telemetry.count(Metric.OPERATIONS_QUEUED, routing.number_waiting)
        return routing, stored

    def _record(
        self,
        page: "Page",
        decided: "Sequence[Decided]",
        later: Sequence[Entry],
        delivery: Delivery,
        routing: Routing,
        stored: Stored,
        since: float,
        answer: "Ahead[dict[str, Any]]",
    ) -> None:
        """Write into the ledger what became of the messages decided on, and which are for later;
        meanwhile, make the answer."""
        from handler.books.recording import record_webhook

        record_webhook(
            page,
            decided,
            delivery,
            routing,
            stored,
            pace=self.pace,
            unread=(entry.message_id for entry in later),
            at=since,
            meanwhile=answer.get,
        )

    def _fates(self, work: Work, delivery: Delivery) -> list[MessageFate]:
        """The fate of each message, but of no more than `MOST_MESSAGES` that were not read."""
        fates: list[MessageFate] = []
        results = iter(delivery.results)
        for number, decision in enumerate(work.decisions):
            message_id = work.message_ids[number]
            if number in work.repeated:
                fates.append(MessageFate(message_id, Fate.DELIVERED, None, {"repeated": True}))
            elif isinstance(decision, Mapped):
                of_message = [next(results) for _ in decision.operations]
                fates.append(_mapped_fate(message_id, decision, of_message))
            elif isinstance(decision, Dropped):
                fates.append(MessageFate(message_id, Fate.DROPPED, decision.reason.value))
            else:
                reason = rejected_reason(decision)
                code = str(reason.pop("code"))
                fates.append(MessageFate(message_id, Fate.REJECTED, code, reason))
        fates.extend(
            MessageFate(entry.message_id, Fate.QUEUED, DeferralCode.NOT_MAPPED_YET.value)
            for entry in work.later
        )
        return fates

    def _report(self, fates: Sequence[MessageFate], unnamed: int, delivery: Delivery) -> None:
        counts = dict.fromkeys(Fate, 0)
        by_reason: dict[tuple[Fate, str], list[str | None]] = {}
        for message in fates:
            counts[message.fate] += 1
            key = (message.fate, message.reason or "")
            by_reason.setdefault(key, []).append(message.message_id)
        counts[Fate.QUEUED] += unnamed
        telemetry = self.telemetry
        telemetry.count(Metric.RECEIVED, len(fates) + unnamed)
        telemetry.count(Metric.DELIVERED, counts[Fate.DELIVERED])
        telemetry.count(Metric.QUEUED, counts[Fate.QUEUED])
        telemetry.count(Metric.DROPPED, counts[Fate.DROPPED])
        telemetry.count(Metric.REJECTED, counts[Fate.REJECTED])
        report_delivery(telemetry, delivery)
        for (fate, reason), ids in by_reason.items():
            if fate is Fate.DROPPED:
                telemetry.count_reason(Metric.DROPPED, reason, len(ids))
            telemetry.messages(fate.value, reason or None, ids)
        telemetry.info(
            "webhook answered",
            received=len(fates) + unnamed,
            requests=delivery.requests,
            **{fate.value: number for fate, number in counts.items()},
        )


def _decided(work: Work, at: float) -> "list[Decided]":
    """The messages that were mapped, for the ledger."""
    from handler.books.decided import Decided

    return [
        Decided(message_id, *sender, decision, at)
        for message_id, sender, decision in zip(
            work.message_ids, work.senders, work.decisions, strict=True
        )
    ]


NOT_ANSWERED = frozenset({DeliveryWarning.ORDER_NOT_CHECKED})
"""Logged and counted only: what was sent without the ledger is answered as it would be without."""


def _mapped_fate(
    message_id: str | None, decision: Mapped, results: Sequence[Result]
) -> MessageFate:
    warnings = [warning.text for warning in decision.warnings]
    warnings += [
        each.value for result in results for each in result.warnings if each not in NOT_ANSWERED
    ]
    details: dict[str, Json] = {"warnings": list(dict.fromkeys(warnings))} if warnings else {}
    for result in results:
        if isinstance(result.outcome, Refused):
            details.update(refusal_details(result))
            return MessageFate(message_id, Fate.REJECTED, RejectionCode.REFUSED.value, details)
    for result in results:
        if isinstance(result.outcome, Retryable):
            return MessageFate(message_id, Fate.QUEUED, result.outcome.reason.value, details)
    return MessageFate(message_id, Fate.DELIVERED, None, details)
