"""Deliveries that respect what other processes have sent: the last word about a person wins.

Around `Klaviyo.deliver`: first the records of the batch's people are read, what is too late is left
out, and what is to be sent is claimed; then it is sent; then it is noted what Klaviyo has taken.
What a table that is late could not check or note waits (`LEDGER_LATE`). What is urgent is sent
without, and says so, and so is most of the rest if the table refuses or does not answer at all:
`Checks` and `LateNotes` name the exceptions.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.checking import Checks
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.judged_results import (
    CONTENDED,
    judged_results,
    not_before,
    not_noted,
    to_come_again,
    with_results,
)
from klaviyo_client.late_notes import LateNotes
from klaviyo_client.notes import Notes, are_upserts, is_taken
from klaviyo_client.people.claims import Checked, Words
from klaviyo_client.people.newest import ONCE_SECONDS, Judge, Verdict, keys_of
from klaviyo_client.people.persons import Key
from klaviyo_client.people.positions import in_time, stakes_of
from klaviyo_client.people.sequence import held_by_withdrawals
from klaviyo_client.people.stakes import Stake
from klaviyo_client.people.times import Times
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.ahead import Ahead
from operations import Operation


class InOrder:
    """A Klaviyo account, for one process, as `Klaviyo` is. `wall` gives Unix seconds.

    What could not be checked in time comes again; `Checks` says what is sent nevertheless. The
    operations that are `urgent` (by their `id`) are sent unchecked. `stakes` are those that are
    known already, by the `id` of their operation.
    """

    def __init__(
        self,
        klaviyo: Klaviyo,
        words: Words,
        *,
        wall: Callable[[], float],
        once_seconds: float = ONCE_SECONDS,
        urgent: Set[int] = frozenset(),
        stakes: Mapping[int, Stake | None] | None = None,
    ) -> None:
        self.clock = klaviyo.clock
        self._urgent = urgent
        self._stakes = stakes or {}
        self._klaviyo = klaviyo
        self._words = words
        self._wall = wall
        judge = Judge(words.me, words.field_id, words.field_ids, once_seconds)
        self._checks = Checks(klaviyo, words, judge, wall)
        self._notes = Notes(klaviyo, words, judge, wall)
        self._late_notes = LateNotes(words, judge)

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        """As `Klaviyo.deliver`. First it notes what was sent before: what comes with it may be
        given only because that is known."""
        until = self.clock() + seconds
        noted = self._late_notes.write(operations, self._urgent, self._wall())
        if not (noted.results or noted.again):
            return self._deliver(operations, private_key, until, attempts, self._urgent, {})
        again = noted.again
        urgent = {id(again[place]) for place in again if id(operations[place]) in self._urgent}
        places = [place for place in range(len(operations)) if place not in noted.results]
        delivery = self._deliver(
            [again.get(place, operations[place]) for place in places],
            private_key,
            until,
            [attempts[place] for place in places] if attempts else (),
            self._urgent | urgent,
            noted.told,
        )
        results = {**noted.results, **dict(zip(places, delivery.results, strict=True))}
        return with_results(delivery, [results[place] for place in range(len(operations))])

    def _deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        until: float,
        attempts: Sequence[int],
        urgent: Set[int],
        told: Mapping[Key, Times],
    ) -> Delivery:
        """Deliver what was not sent before, until then on the clock. `told` is what was."""
        now = self._wall()
        stakes = stakes_of(operations, now, self._stakes)
        if not stakes:
            left = until - self.clock()
            delivery = self._klaviyo.deliver(operations, private_key, left, attempts)
            self._notes.take_back(delivery, now)
            return delivery
        order = Ahead[Sequence[int]](partial(in_time, operations, now))
        checked = Checked(now, order.get, urgent, told)
        self._checks.check(operations, stakes, until - self.clock(), checked)
        verdicts = checked.verdicts
        sent = [
            position
            for position in checked.order()
            if position not in verdicts or verdicts[position].outcome is None
        ]
        batch = [
            verdicts[position].operation if position in verdicts else operations[position]
            for position in sent
        ]
        usual = Ahead(
            partial(self._notes.if_all_is_taken, sent, batch, operations, stakes, checked)
        )
        if are_upserts(batch):
            self._klaviyo.meanwhile(usual.get)
        delivery = self._klaviyo.deliver(
            batch,
            private_key,
            until - self.clock(),
            [attempts[position] for position in sent] if attempts else (),
        )
        results = dict(zip(sent, delivery.results, strict=True))
        if is_taken(batch, delivery.results):
            afterwards = usual.get()
        else:
            afterwards = self._notes.afterwards(results, operations, stakes, checked)
        judged = Ahead(partial(judged_results, operations, stakes, verdicts, results))
        unnoted = self._notes.write(afterwards, checked, judged.get)
        if unnoted or checked.again_in:
            self._have_come_again(operations, stakes, results, unnoted, checked)
            judged = Ahead(partial(judged_results, operations, stakes, verdicts, results))
        self._notes.take_back(delivery, now)
        if checked.unclear:
            self._notes.not_sent(
                [operations[position] for position in checked.unclear - results.keys()],
                [result.operation for result in results.values()],
                now,
            )
        return with_results(delivery, judged.get())

    def _have_come_again(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        results: dict[int, Result],
        unnoted: Mapping[Key, bool],
        checked: Checked,
    ) -> None:
        """Change the results of what could not be noted, and of what was sent unchecked and has to
        be noted."""
        for position in stakes.keys() & results.keys() if unnoted else ():
            changed = [unnoted[key] for key in keys_of(stakes[position]) if key in unnoted]
            if changed:
                is_urgent = id(operations[position]) in checked.urgent
                again = None if is_urgent else self._to_repeat(is_contended=all(changed))
                results[position] = not_noted(results[position], again, checked.now)
        for position, seconds in checked.again_in.items():
            results[position] = to_come_again(results[position], seconds, checked.now)
        self._keep_together(operations, results, checked)

    def _to_repeat(self, *, is_contended: bool) -> Retryable | None:
        """When to note again what could not be noted; `None` if that does not help."""
        if self._words.is_late:
            return Retryable(RetryReason.LEDGER_LATE, self._words.late_seconds)
        return CONTENDED if is_contended else None

    @staticmethod
    def _keep_together(
        operations: Sequence[Operation], results: dict[int, Result], checked: Checked
    ) -> None:
        """A subscription that comes again comes with the withdrawal that it must not overtake, or
        later. Otherwise it would go ahead of it, and of one that came alone and failed again."""
        sent_again = {
            position: outcome
            for position in checked.again_in
            if isinstance(outcome := results[position].outcome, Retryable)
        }
        for position, outcome in held_by_withdrawals(operations, sent_again).items():
            verdict = checked.verdicts.get(position)
            waits = None if verdict is None else verdict.outcome
            if isinstance(waits, Retryable):
                if waits.reason is RetryReason.LEDGER_LATE:
                    together = replace(waits, delay=outcome.delay)
                else:
                    together = not_before(waits, outcome)
                checked.verdicts[position] = Verdict(operations[position], together)
            elif position in results and isinstance(again := results[position].outcome, Retryable):
                together = not_before(again, outcome)
                results[position] = replace(results[position], outcome=together)
