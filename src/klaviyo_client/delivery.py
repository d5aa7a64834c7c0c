"""Carries out operations: plan, send within the time left, repair refusals, account for all.

`deliver` returns when the deadline has passed, with an outcome for every operation. What was not
answered by then is retryable. Each operation can be repeated without harm, so it does not matter
whether Klaviyo has received it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.api.outcomes import (
    UNTRIED,
    Delivered,
    DeliveryWarning,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.people.newest import ONCE_SECONDS
from klaviyo_client.people.persons import SHARED_BY_SEVERAL
from klaviyo_client.people.sequence import Order, holds_back, keys_of, order_of, waits_for
from klaviyo_client.people.waiting import Key, LatestRetry, WaitingPersons
from klaviyo_client.planning.caution import SUSPECT_AFTER, cautious
from klaviyo_client.planning.consent import (
    plan_introductions,
    plan_subscriptions,
    plan_unsubscriptions,
)
from klaviyo_client.planning.consent_lookups import addresses_to_ask, judge, plan_standing_lookups
from klaviyo_client.planning.lists import KnownLists, fill_in_known, has_no_list, plan_list_lookups
from klaviyo_client.planning.lookups import (
    plan_member_lookups,
    plan_profile_lookups,
    settle_unknown,
)
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.recent_consents import RecentConsents
from klaviyo_client.planning.removals import plan_deletions, plan_merges, plan_removals
from klaviyo_client.planning.requests import UNPLANNABLE, Item, Request, plan_profiles, plan_steps
from klaviyo_client.planning.rewriting import can_be_planned
from klaviyo_client.recovery.replies import ReplyReader
from klaviyo_client.sending.sender import (
    LONGEST_SECONDS,
    WORKERS,
    Courier,
    Limits,
    Sender,
    Transport,
)
from klaviyo_client.sending.transport import HttpTransport
from operations import (
    CheckImport,
    CreateEvent,
    Operation,
    Unsubscribe,
    UpsertProfile,
)

DELETION_SECONDS = 300.0
"""For how long what follows a deletion waits: Klaviyo carries it out some time after accepting it,
and would delete a person who has come back since. How long that takes is not published."""

TOO_SOON = Retryable(RetryReason.WAITS_FOR_PROFILE, 60.0, tried=False)
"""Klaviyo carries a subscription out some time after accepting it. Before that, its profile
is on no list yet, so an unsubscription would find nothing to do."""

PASSES = 3
"""How often steps are planned: a list and a profile may each turn out not to exist."""

PLAIN = frozenset({UpsertProfile, CreateEvent, CheckImport})
"""Operations that need nothing looked up."""

UNWRITABLE = Refused(0, "not_serialisable", "the operation cannot be written as JSON")

Plan = TypeVar("Plan")


class Result(Struct, frozen=True):
    """An operation as it was last sent, what became of it, and what it goes on without."""

    operation: Operation
    outcome: Outcome
    warnings: tuple[DeliveryWarning, ...] = ()


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
    as well, so that they do not overtake it on its way through a queue: to be retried after
    `latest_retry` of the delay that Klaviyo named, in seconds. Consents that were changed are
    remembered for `once_seconds`.
    """

    def __init__(
        self,
        api_url: str,
        *,
        patience: float = 0.0,
        probe_seconds: float = LONGEST_SECONDS,
        remember_seconds: float = 0.0,
        latest_retry: LatestRetry = lambda named: named,
        once_seconds: float = ONCE_SECONDS,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self._waiting = WaitingPersons(remember_seconds, latest_retry)
        self._lists = KnownLists()
        self._recent = RecentConsents(once_seconds)
        self._sender = Sender(
            transport or HttpTransport(api_url, WORKERS),
            patience=patience,
            probe_seconds=probe_seconds,
            clock=clock,
            sleep=sleep,
        )

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        """Carry the operations out within `seconds`, and say what became of each.

        `attempts` says of each how often it has failed; without them none has.
        """
        waiting = self._waiting.at(self.clock())
        run = Run(
            self._sender,
            self._lists,
            operations,
            private_key,
            seconds,
            waiting,
            attempts,
            self._recent,
        )
        delivery = run.carry_out()
        self._waiting.remember(_failed(delivery), self.clock())
        return delivery

    def may_have_left(self, operation: Unsubscribe) -> bool:
        """Whether a list unsubscription of the same person was sent a while ago and not answered:
        nobody knows whether Klaviyo carries it out."""
        return self._recent.is_uncertain(operation, self.clock())

    def note_withdrawal(self, channel: str, key: Key, said: float) -> None:
        """Another process has withdrawn this consent a short time ago, as was `said` then."""
        self._recent.note_withdrawal(channel, key, said, self.clock())


def _failed(delivery: Delivery) -> dict[Key, Retryable]:
    """What must come again, other than for waiting behind something that must."""
    return {
        key: result.outcome
        for result in delivery.results
        if isinstance(result.outcome, Retryable)
        and result.outcome.reason is not RetryReason.WAITS_FOR_PROFILE
        for key in holds_back(result.operation)
        if key[0] not in SHARED_BY_SEVERAL
    }


class Run:
    """One `deliver` call: first the upserts, then what depends on them, and the events.

    A profile stands before the first event about it arrives, so that flows find its attributes.
    `courier` is a `Sender`, or whatever else takes requests and answers each of them.
    """

    def __init__(
        self,
        courier: Courier,
        lists: KnownLists,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        waiting: Mapping[Key, Retryable],
        attempts: Sequence[int] = (),
        recent: RecentConsents | None = None,
    ) -> None:
        self._courier = courier
        self._recent = recent or RecentConsents()
        self._lists = lists
        self._private_key = private_key
        self._progress = Progress(list(operations))
        self._replies = ReplyReader(self._progress, lists)
        self._order = Order()
        self._act: frozenset[int] | None = None
        self._deadline = courier.clock() + seconds
        self._held_back = dict(waiting)
        self._attempts = attempts if max(attempts, default=0) >= SUSPECT_AFTER else ()
        self._requests = 0

    def carry_out(self) -> Delivery:
        progress = self._progress
        if {type(operation) for operation in progress.operations} <= PLAIN:
            self._perform_plain()
        else:
            self._perform_all()
        return Delivery(
            results=tuple(
                Result(
                    operation,
                    progress.outcomes.get(position, UNTRIED),
                    progress.warnings.get(position, ()),
                )
                for position, operation in enumerate(progress.operations)
            ),
            follow_ups=tuple(progress.follow_ups),
            import_failures=tuple(Result(*failure) for failure in progress.import_failures),
            requests=self._requests,
        )

    def _perform_plain(self) -> None:
        if self._time_is_left():
            self._send_upserts()
        if self._time_is_left():
            self._send(self._plan(plan_steps), self._deadline)

    def _perform_all(self) -> None:
        """Lists and order first; then act by act; merges, deletions and what follows them last."""
        self._find_lists()
        if not self._time_is_left():
            return
        self._order = order = self._plan(order_of)
        self._progress.outcomes.update(dict.fromkeys(order.superseded, Delivered()))
        for position in order.opted_out:
            self._progress.warn(position, DeliveryWarning.OPTED_OUT)
            self._progress.outcomes[position] = Delivered()
        for act in order.acts:
            if len(order.acts) > 1 or order.followers or order.doomed:
                self._act = frozenset(act)
            for position in order.too_soon.intersection(act):
                self._progress.outcomes[position] = TOO_SOON
            self._perform_act()
            self._recent.remember(self._progress, self._courier.clock())
            self._hold_back_failed(act)
        self._act = None
        if order.doomed:
            self._merge_and_delete()

    def _perform_act(self) -> None:
        for _ in range(PASSES):
            if not (self._time_is_left() and self._pending()):
                return
            self._find_lists()
            self._send_upserts()
            self._hold_back_steps()
            self._send_steps()

    def _send_upserts(self) -> None:
        start_by = self._end_of_upserts()
        doomed = self._order.doomed
        progress = self._progress
        rounds = self._plan(
            lambda operations, pending: plan_profiles(
                operations, pending, doomed, addresses_to_ask(operations, pending, progress)
            )
        )
        for requests in rounds:
            self._send(self._in_order(requests), start_by)
            self._hold_back(requests)

    def _send_steps(self) -> None:
        """Events and look-ups side by side; then what the look-ups were for."""
        progress = self._progress
        if not self._time_is_left():
            return
        self._judge()
        requests = self._plan(
            lambda operations, pending: [
                *plan_steps(operations, pending),
                *plan_member_lookups(operations, pending, progress),
                *plan_standing_lookups(operations, pending, progress),
                *plan_subscriptions(operations, pending, progress),
            ]
        )
        self._send([*requests, *self._plan_lookups()], self._deadline)
        self._look_up()
        self._judge()
        if self._time_is_left():
            requests = self._plan(
                lambda operations, pending: [
                    *plan_removals(operations, pending),
                    *plan_unsubscriptions(operations, pending, progress),
                    *plan_introductions(operations, pending, progress),
                    *plan_subscriptions(operations, pending, progress),
                ]
            )
            self._send(requests, self._deadline)
        if self._time_is_left():
            requests = self._plan(
                lambda operations, pending: plan_subscriptions(operations, pending, progress)
            )
            self._send(requests, self._deadline)

    def _judge(self) -> None:
        """Decide on consents, by what was looked up and by what was sent a while ago."""
        now = self._courier.clock()
        self._recent.apply(self._progress, self._pending(), now)
        judge(self._progress, self._pending(), partial(self._withdrawn, now))

    def _withdrawn(self, now: float, channel: str, value: str) -> float | None:
        return self._recent.withdrawn(channel, value, now)

    def _find_lists(self) -> None:
        """Give every step on a named list that list's id."""
        progress = self._progress
        if not any(has_no_list(progress.operations[position]) for position in self._pending()):
            return
        self._plan(lambda _, pending: fill_in_known(progress, self._lists, pending))
        self._send(self._plan(plan_list_lookups), self._deadline)

    def _plan_lookups(self) -> list[Request]:
        progress = self._progress
        return self._plan(
            lambda operations, pending: plan_profile_lookups(operations, pending, progress)
        )

    def _look_up(self) -> None:
        """Ask by one identifier after the other, until there is none left."""
        while self._time_is_left() and (requests := self._plan_lookups()):
            self._send(requests, self._deadline)
        settle_unknown(self._progress, self._pending())

    def _merge_and_delete(self) -> None:
        """Merge and delete profiles, once nothing that was said of them before is left to do."""
        progress, order = self._progress, self._order
        if self._time_is_left():
            self._act = frozenset(progress.pending()).difference(order.followers)
            self._hold_back_steps()
            self._send(self._plan_lookups(), self._deadline)
            self._look_up()
        if self._time_is_left():
            concerned = self._pending()
            requests = self._plan(
                lambda operations, pending: plan_merges(operations, pending, progress)
            )
            self._send(requests, self._deadline)
            self._hold_back_failed(each for each in concerned if each in progress.outcomes)
            self._hold_back_steps()
        if self._time_is_left():
            requests = self._plan(
                lambda operations, pending: plan_deletions(operations, pending, progress)
            )
            self._send(requests, self._deadline)
        for position, deletion in order.followers.items():
            outcome = progress.outcomes.get(deletion, UNTRIED)
            if isinstance(outcome, Delivered):
                outcome = Retryable(RetryReason.WAITS_FOR_PROFILE, DELETION_SECONDS, tried=False)
            waits = waiting_for(outcome if isinstance(outcome, Retryable) else UNTRIED)
            progress.outcomes[position] = waits

    def _pending(self) -> list[int]:
        pending = self._progress.pending()
        if self._act is None:
            return pending
        return [position for position in pending if position in self._act]

    def _time_is_left(self) -> bool:
        """Planning writes every body; that, too, would come too late."""
        return self._courier.clock() < self._deadline

    def _plan(self, plan: Callable[[Sequence[Operation], list[int]], Plan]) -> Plan:
        progress = self._progress
        try:
            return plan(progress.operations, self._pending())
        except UNPLANNABLE:
            for position in progress.pending():
                if not can_be_planned(progress.operations[position]):
                    progress.outcomes[position] = UNWRITABLE
            return plan(progress.operations, self._pending())

    def _send(self, requests: Iterable[Request], start_by: float) -> None:
        limits = Limits(start_by, self._deadline)
        if self._attempts:
            requests = cautious(requests, self._attempts)
        self._requests += self._courier.send(
            requests, self._private_key, limits, self._replies.read
        )

    def _end_of_upserts(self) -> float:
        """Half of the time, where something else waits for its turn."""
        if all(isinstance(operation, UpsertProfile) for operation in self._progress.operations):
            return self._deadline
        return (self._courier.clock() + self._deadline) / 2

    # The order of one person's operations

    def _hold_back(self, requests: Iterable[Request]) -> None:
        """An upsert that must come again holds back what else is about its person."""
        for request in requests:
            for item in request.items:
                for position in item.covers:
                    outcome = self._progress.outcomes.get(position)
                    if isinstance(outcome, Retryable):
                        keys = keys_of(self._progress.operations[position])
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
                self._progress.record_item(request, item, waiting_for(earlier))
        return tuple(ready)

    def _blocker(self, item: Item) -> Retryable | None:
        """Why an upsert of the item's person must come again, if one must."""
        found = map(self._earlier, (*item.covers, *item.joins))
        return next((earlier for earlier in found if earlier is not None), None)

    def _earlier(self, position: int) -> Retryable | None:
        """What must come again before this operation may go."""
        keys = waits_for(self._progress.operations[position])
        return next((self._held_back[key] for key in keys if key in self._held_back), None)

    def _hold_back_steps(self) -> None:
        """A step must not overtake its profile, or a list's flows would lack it."""
        if not self._held_back:
            return
        for position in self._pending():
            earlier = self._earlier(position)
            if earlier is not None:
                self._progress.outcomes[position] = waiting_for(earlier)

    def _hold_back_failed(self, act: Iterable[int]) -> None:
        """What must come again holds back what an act or a deletion would put in its place."""
        for position in act:
            outcome = self._progress.outcomes.get(position, UNTRIED)
            if isinstance(outcome, Retryable):
                operation = self._progress.operations[position]
                keys = holds_back(operation)
                if position in self._order.doomed:
                    keys = [*keys, *keys_of(operation)]
                self._held_back.update(dict.fromkeys(keys, outcome))
