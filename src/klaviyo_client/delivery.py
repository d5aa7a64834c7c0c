"""Carries operations out: plan, send within the time left, mend what was refused, account for all.

The client makes no promise about time but one: `deliver` returns when the deadline has passed, with
an outcome for every operation. What was not answered by then is retryable; since each operation
can be repeated without harm, it does not matter whether Klaviyo has seen it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from klaviyo_client.ledger import Ledger
from klaviyo_client.outcomes import (
    UNTRIED,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.persons import SHARED_BY_SEVERAL, identifiers
from klaviyo_client.planner import (
    UNPLANNABLE,
    Item,
    Request,
    can_be_planned,
    plan_profiles,
    plan_steps,
)
from klaviyo_client.sending import LONGEST_SECONDS, WORKERS, Limits, Sender
from klaviyo_client.settling import Settler
from klaviyo_client.transport import HttpTransport, Transport
from klaviyo_client.waiting import Key, WaitingPersons
from klaviyo_mapping.operations import AddToList, Operation, Subscribe, UpsertProfile
from klaviyo_mapping.values import value

UNWRITABLE = Refused(0, "not_serialisable", "the operation cannot be written as JSON")

Plan = TypeVar("Plan")


@value(frozen=True, slots=True)
class Result:
    """An operation as it was last sent, and what became of it."""

    operation: Operation
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one `deliver` call.

    `results` stand in the order of the operations given. `follow_ups` are new operations that must
    be kept and carried out later: checks of import jobs; of the profiles that a job refused, those
    that can be sent in another form, and their list steps. `import_failures` are profiles that a
    job has refused for good. `requests` counts what was sent.
    """

    results: tuple[Result, ...]
    follow_ups: tuple[Operation, ...] = ()
    import_failures: tuple[Result, ...] = ()
    requests: int = 0


class Klaviyo:
    """A Klaviyo account, for one process. One `deliver` at a time.

    `patience` is for how many seconds a pause of Klaviyo's is waited out in place; whatever has to
    wait longer is returned untried. `probe_seconds` is what a probe of an open circuit may take.
    For `remember_seconds` after an upsert has failed, later ones of its person are returned untried
    as well, so that they do not overtake it on its way through a queue.
    """

    def __init__(
        self,
        api_url: str,
        *,
        patience: float = 0.0,
        probe_seconds: float = LONGEST_SECONDS,
        remember_seconds: float = 0.0,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self._waiting = WaitingPersons(remember_seconds)
        self._sender = Sender(
            transport or HttpTransport(api_url, WORKERS),
            patience=patience,
            probe_seconds=probe_seconds,
            clock=clock,
            sleep=sleep,
        )

    def deliver(
        self, operations: Sequence[Operation], private_key: str, seconds: float
    ) -> Delivery:
        """Carry the operations out within `seconds`, and say what became of each."""
        waiting = self._waiting.at(self.clock())
        delivery = _Run(self._sender, operations, private_key, seconds, waiting).carry_out()
        self._waiting.remember(_failed_upserts(delivery), self.clock())
        return delivery


def _failed_upserts(delivery: Delivery) -> dict[Key, Retryable]:
    """Whose upserts must come again, other than for waiting behind one that must."""
    return {
        key: result.outcome
        for result in delivery.results
        if isinstance(result.operation, UpsertProfile)
        and isinstance(result.outcome, Retryable)
        and result.outcome.reason is not RetryReason.WAITS_FOR_PROFILE
        for key in identifiers(result.operation.identity)
        if key[0] not in SHARED_BY_SEVERAL
    }


class _Run:
    """One `deliver` call: first the upserts, then what depends on them, and the events.

    A profile stands before the first event about it arrives, so that flows find its attributes.
    """

    def __init__(
        self,
        sender: Sender,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        waiting: Mapping[Key, Retryable],
    ) -> None:
        self._sender = sender
        self._private_key = private_key
        self._ledger = Ledger(list(operations))
        self._settler = Settler(self._ledger)
        self._deadline = sender.clock() + seconds
        self._held_back = dict(waiting)
        self._requests = 0

    def carry_out(self) -> Delivery:
        if self._time_is_left():
            self._send_upserts()
        if self._time_is_left():
            self._hold_back_subscriptions()
            self._send(self._plan(plan_steps), self._deadline)
        ledger = self._ledger
        return Delivery(
            results=tuple(
                Result(operation, ledger.outcomes.get(position, UNTRIED))
                for position, operation in enumerate(ledger.operations)
            ),
            follow_ups=tuple(ledger.follow_ups),
            import_failures=tuple(Result(*failure) for failure in ledger.import_failures),
            requests=self._requests,
        )

    def _send_upserts(self) -> None:
        start_by = self._end_of_upserts()
        for requests in self._plan(plan_profiles):
            self._send(self._in_order(requests), start_by)
            self._hold_back(requests)

    def _time_is_left(self) -> bool:
        """Planning writes every body; that, too, would come too late."""
        return self._sender.clock() < self._deadline

    def _plan(self, plan: Callable[[Sequence[Operation], list[int]], Plan]) -> Plan:
        ledger = self._ledger
        try:
            return plan(ledger.operations, ledger.pending())
        except UNPLANNABLE:
            for position in ledger.pending():
                if not can_be_planned(ledger.operations[position]):
                    ledger.outcomes[position] = UNWRITABLE
            return plan(ledger.operations, ledger.pending())

    def _send(self, requests: Iterable[Request], start_by: float) -> None:
        limits = Limits(start_by, self._deadline)
        self._requests += self._sender.send(
            requests, self._private_key, limits, self._settler.settle
        )

    def _end_of_upserts(self) -> float:
        """Half of the time, where something else waits for its turn."""
        if all(isinstance(operation, UpsertProfile) for operation in self._ledger.operations):
            return self._deadline
        return (self._sender.clock() + self._deadline) / 2

    # The order of one person's operations

    def _hold_back(self, requests: Iterable[Request]) -> None:
        """An upsert that must come again holds back what else is about its person."""
        for request in requests:
            for item in request.items:
                for position in item.covers:
                    outcome = self._ledger.outcomes.get(position)
                    if isinstance(outcome, Retryable):
                        keys = self._identifiers(position)
                        self._held_back.update(dict.fromkeys(keys, outcome))

    def _in_order(self, requests: list[Request]) -> list[Request]:
        """The requests without those items that would overtake an earlier upsert."""
        if not self._held_back:
            return requests
        ready = (replace(request, items=self._ready(request)) for request in requests)
        return [request for request in ready if request.items]

    def _ready(self, request: Request) -> tuple[Item, ...]:
        ready = []
        for item in request.items:
            earlier = self._blocker(item)
            if earlier is None:
                ready.append(item)
            else:
                self._ledger.record_item(request, item, waiting_for(earlier))
        return tuple(ready)

    def _blocker(self, item: Item) -> Retryable | None:
        """Why an upsert of the item's person must come again, if one must."""
        keys = (key for n in (*item.covers, *item.joins) for key in self._identifiers(n))
        return next((self._held_back[key] for key in keys if key in self._held_back), None)

    def _identifiers(self, position: int) -> list[tuple[str, str]]:
        operation = self._ledger.operations[position]
        if isinstance(operation, UpsertProfile | AddToList):
            return identifiers(operation.identity)
        return []

    def _hold_back_subscriptions(self) -> None:
        """A subscription must not overtake its profile, or the list's flows would lack it."""
        if not self._held_back:
            return
        for position in self._ledger.pending():
            operation = self._ledger.operations[position]
            if isinstance(operation, Subscribe):
                earlier = self._held_back.get(("email", str(operation.email).lower()))
                if earlier is not None:
                    self._ledger.outcomes[position] = waiting_for(earlier)
