"""One delivery: plans, sends within the time left, and accounts for every operation.

Functions that plan and decide read what is known so far, and return requests or changes. Only
`OneDelivery` and the reader of replies change anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from klaviyo_client.api.outcomes import (
    UNTRIED,
    Delivered,
    DeliveryWarning,
    Refused,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.people.sequence import Acts, Key, acts_of
from klaviyo_client.people.stakes import own_keys
from klaviyo_client.planning.caution import SUSPECT_AFTER, cautious
from klaviyo_client.planning.consent import (
    plan_introductions,
    plan_subscriptions,
    plan_unsubscriptions,
)
from klaviyo_client.planning.consent_lookups import addresses_to_ask, judge, plan_standing_lookups
from klaviyo_client.planning.held_back import HeldBack
from klaviyo_client.planning.lists import KnownLists, fill_in_known, has_no_list, plan_list_lookups
from klaviyo_client.planning.lookups import (
    plan_member_lookups,
    plan_profile_lookups,
    without_object,
)
from klaviyo_client.planning.progress import Changes, Known, Progress
from klaviyo_client.planning.recent_consents import RecentConsents
from klaviyo_client.planning.requests import UNPLANNABLE, Request
from klaviyo_client.planning.rewriting import can_be_planned
from klaviyo_client.planning.steps import plan_deletions, plan_merges, plan_removals, plan_steps
from klaviyo_client.planning.upserts import Rounds, plan_profiles
from klaviyo_client.recovery.replies import ReplyReader
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.sender import Courier, Limits
from operations import (
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Operation,
    UpsertProfile,
    was_sent,
)
from operations.instants import instant

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

Planned = TypeVar("Planned")

PlanFunction = Callable[[Known, Sequence[int]], Planned]
"""Gets what is known, and the positions of the operations that have no outcome yet."""


AT_ONCE = (plan_steps, plan_subscriptions, plan_profile_lookups)
"""What goes first: steps that need nothing, and look-ups for the others."""

BEFORE_CONSENTS = (plan_removals, plan_member_lookups, plan_standing_lookups)
"""What goes then. The state of people's consents is looked up last of all, directly before
something is sent on the strength of it: another function may change it meanwhile."""

CONSENTS = (plan_unsubscriptions, plan_introductions, plan_subscriptions)

FRESH_SECONDS = 2.0
"""How long after an answer about a person's consents something may be sent on the strength of it.
The answer to an upsert has them as well, so a look-up follows if the upserts took longer."""


class OneDelivery:
    """One `deliver` call: first the upserts, then what depends on them, and the events.

    A profile stands before the first event about it arrives, so that flows find its attributes.
    `courier` is a `Sender`, or whatever else takes requests and answers each of them. If there are
    only upserts, they may be `planned` already.
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
        planned: Rounds = (),
    ) -> None:
        self._courier = courier
        self._recent = recent or RecentConsents()
        self._lists = lists
        self._private_key = private_key
        self._progress = Progress(list(operations))
        self._replies = ReplyReader(self._progress, lists, self._recent.seconds)
        self._act: frozenset[int] | None = None
        self._deadline = courier.clock() + seconds
        self._held_back = HeldBack(waiting)
        self._attempts = attempts if max(attempts, default=0) >= SUSPECT_AFTER else ()
        self._requests = 0
        self._planned = planned

    def carry_out(self) -> Delivery:
        """Send what can be sent within the time, and say what became of each operation."""
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

    # The stages

    def _perform_plain(self) -> None:
        if self._time_is_left():
            self._send_upserts(doomed=frozenset())
        self._send_stage(plan_steps)

    def _perform_all(self) -> None:
        """Lists and order first; then act by act; merges, deletions and what follows them last."""
        for position, operation in enumerate(self._progress.operations):
            if was_sent(operation):  # without a ledger there is nothing left to do
                self._progress.outcomes[position] = Delivered()
        self._find_lists()
        if not self._time_is_left():
            return
        order = self._plan(lambda known, pending: acts_of(known.operations, pending))
        self._progress.take(_decided_by(order))
        for act in order.acts:
            if len(order.acts) > 1 or order.followers or order.doomed:
                self._act = frozenset(act)
            self._progress.outcomes.update(
                dict.fromkeys(order.too_soon.intersection(act), TOO_SOON)
            )
            try:
                self._perform_act(order.doomed)
            except Exception:
                self._progress.uncertain.update(self._may_be_leaving())
                raise
            finally:
                self._recent.remember(self._progress, self._courier.clock())
            self._held_back.add_failed(self._progress, act, order.doomed)
        self._act = None
        if order.doomed:
            self._merge_and_delete(order)

    def _perform_act(self, doomed: frozenset[int]) -> None:
        for _ in range(PASSES):
            if not (self._time_is_left() and self._pending()):
                return
            self._find_lists()
            began = self._courier.clock()
            self._send_upserts(doomed)
            if self._courier.clock() > began + FRESH_SECONDS:
                self._progress.standings.clear()
            self._hold_back_steps()
            self._send_steps()

    def _may_be_leaving(self) -> set[int]:
        """The positions of those who were found on the list that they leave: their request may be
        on its way."""
        found = {position for (position, _), member in self._progress.members.items() if member}
        return found.intersection(self._progress.pending())

    def _send_upserts(self, doomed: frozenset[int]) -> None:
        """In rounds, the upserts of one person in their order."""
        start_by = self._end_of_upserts()
        rounds = self._planned or self._plan(
            lambda known, pending: plan_profiles(
                known.operations, pending, doomed, addresses_to_ask(known, pending)
            )
        )
        for requests in rounds:
            ready, blocked = self._held_back.in_order(self._progress, requests)
            for request, item, outcome in blocked:
                self._progress.record_item(request, item, outcome)
            self._send(ready, start_by)
            self._held_back.add_upserts(self._progress, requests)

    def _send_steps(self) -> None:
        """Events and look-ups side by side; then what the look-ups were for."""
        if not self._time_is_left():
            return
        self._judge()
        self._send_stage(*AT_ONCE)
        self._look_up()
        self._send_stage(*BEFORE_CONSENTS)
        self._progress.take(without_object(self._progress, self._pending()))
        self._judge()
        start_by = min(self._courier.clock() + FRESH_SECONDS, self._deadline)
        self._send_stage(*CONSENTS, start_by=start_by)
        self._send_stage(plan_subscriptions, plan_unsubscriptions, start_by=start_by)

    def _find_lists(self) -> None:
        """Give every step on a named list that list's id."""
        progress = self._progress
        if not any(has_no_list(progress.operations[position]) for position in self._pending()):
            return
        self._lists.forget(progress.gone)
        progress.take(self._plan(lambda known, pending: fill_in_known(known, self._lists, pending)))
        self._send(self._plan(plan_list_lookups), self._deadline)

    def _look_up(self) -> None:
        """Ask by one identifier after the other, until there is none left."""
        while self._time_is_left() and (requests := self._plan(plan_profile_lookups)):
            self._send(requests, self._deadline)
        self._progress.take(without_object(self._progress, self._pending()))

    def _hold_back_steps(self) -> None:
        self._progress.take(self._held_back.steps(self._progress, self._pending()))

    def _judge(self) -> None:
        """Decide on consents, by what was looked up and by what was sent a while ago."""
        now, progress = self._courier.clock(), self._progress
        progress.take(self._recent.apply(progress, self._pending(), now))
        withdrawn = partial(self._recent.withdrawn, now=now)
        progress.take(judge(progress, self._pending(), withdrawn))

    def _merge_and_delete(self, order: Acts) -> None:
        """Merge and delete profiles, once nothing that was said of them before is left to do."""
        progress = self._progress
        if self._time_is_left():
            self._act = frozenset(progress.pending()).difference(order.followers)
            self._hold_back_steps()
            self._send(self._plan(plan_profile_lookups), self._deadline)
            self._look_up()
        if self._time_is_left():
            concerned = self._pending()
            self._send(self._plan(plan_merges), self._deadline)
            ended = [each for each in concerned if each in progress.outcomes]
            self._held_back.add_failed(progress, ended, order.doomed)
            self._hold_back_steps()
        self._send_stage(plan_deletions)
        self._note_deletions()
        for position, deletion in order.followers.items():
            outcome = progress.outcomes.get(deletion, UNTRIED)
            if isinstance(outcome, Delivered):
                outcome = Retryable(RetryReason.WAITS_FOR_PROFILE, DELETION_SECONDS, tried=False)
            waits = waiting_for(outcome if isinstance(outcome, Retryable) else UNTRIED)
            progress.outcomes[position] = waits

    def _note_deletions(self) -> None:
        progress, now = self._progress, self._courier.clock()
        for position, operation in enumerate(progress.operations):
            if not isinstance(operation, DeleteProfile):
                continue
            if isinstance(progress.outcomes.get(position), Delivered):
                for identifier in own_keys(operation.identity):
                    self._recent.note_deletion(identifier, instant(operation.time), now)

    # Planning and sending

    def _pending(self) -> list[int]:
        pending = self._progress.pending()
        if self._act is None:
            return pending
        return [position for position in pending if position in self._act]

    def _time_is_left(self) -> bool:
        """Planning writes every body; that, too, would come too late."""
        return self._courier.clock() < self._deadline

    def _end_of_upserts(self) -> float:
        """Half of the time, where something else waits for its turn."""
        if all(isinstance(operation, UpsertProfile) for operation in self._progress.operations):
            return self._deadline
        return (self._courier.clock() + self._deadline) / 2

    def _send_stage(
        self, *functions: PlanFunction[list[Request]], start_by: float | None = None
    ) -> None:
        """Send what these plan, all at once."""
        if self._time_is_left():
            requests = self._plan(
                lambda known, pending: [
                    request for plan in functions for request in plan(known, pending)
                ]
            )
            self._send(requests, self._deadline if start_by is None else start_by)

    def _plan(self, plan: PlanFunction[Planned]) -> Planned:
        """What `plan` returns, without the operations that cannot be written at all."""
        progress = self._progress
        try:
            return plan(progress, self._pending())
        except UNPLANNABLE:
            for position in progress.pending():
                if not can_be_planned(progress.operations[position]):
                    progress.outcomes[position] = UNWRITABLE
            return plan(progress, self._pending())

    def _send(self, requests: Iterable[Request], start_by: float) -> None:
        limits = Limits(start_by, self._deadline)
        if self._attempts:
            requests = cautious(requests, self._attempts)
        self._requests += self._courier.send(
            requests, self._private_key, limits, self._replies.read
        )


def _decided_by(order: Acts) -> Changes:
    """What the order of a person's operations decides about those that are not sent."""
    changes = Changes()
    changes.outcomes = dict.fromkeys((*order.superseded, *order.opted_out), Delivered())
    for position in order.superseded:
        changes.warn(position, DeliveryWarning.SUPERSEDED)
    for position in order.opted_out:
        changes.warn(position, DeliveryWarning.OPTED_OUT)
    return changes
