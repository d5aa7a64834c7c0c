"""Deliveries that respect what other processes have sent: the last word about a person wins.

Around `Klaviyo.deliver`: first the records of the batch's people are read, what is too late is left
out, and what is to be sent is claimed; then it is sent; then it is noted what Klaviyo has taken.
Where the records cannot be read or written in time, operations are sent without, and say so.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial

from msgspec.structs import replace

from klaviyo_client.api.outcomes import DeliveryWarning, Retryable, RetryReason
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
from klaviyo_client.notes import NOTING_SHARE, ROUNDS, Notes, are_upserts, is_taken
from klaviyo_client.people.claims import Checked, Words
from klaviyo_client.people.newest import (
    ONCE_SECONDS,
    Judge,
    Verdict,
    keys_of,
)
from klaviyo_client.people.positions import (
    in_time,
    slices,
    stakes_of,
)
from klaviyo_client.people.records import Record, claimed, overlaid
from klaviyo_client.people.sequence import held_by_deletions, held_by_withdrawals
from klaviyo_client.people.stakes import Key, Stake
from klaviyo_client.people.times import NOTHING, Times
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.ahead import Ahead
from operations import Operation, Subscribe, is_withdrawal_from_all

MARGIN = 1.0
"""Seconds by which a claim outlasts its delivery, for clocks that differ."""


class InOrder:
    """A Klaviyo account, for one process, as `Klaviyo` is. `wall` gives Unix seconds.

    What could not be checked in time comes again. Withdrawals from everything whose records were
    read are sent nevertheless, unless a process with more time is the next to ask, or the batch
    deletes their person. The operations that are `urgent` (by their `id`) are sent unchecked, and
    so is everything where the records do not answer at all. `stakes` are those that are known
    already, by the `id` of their operation.
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
        self._judge = Judge(words.me, words.field_id, words.field_ids, once_seconds)
        self._notes = Notes(klaviyo, words, self._judge, wall)
        self._late_notes = LateNotes(words, self._judge)

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
        self._check(operations, stakes, until - self.clock(), checked)
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

    def _check(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        seconds: float,
        checked: Checked,
    ) -> None:
        """Add verdicts on all that could be checked."""
        parts = slices(operations, stakes) if self._words.has_time else [dict(stakes)]
        for part in parts:
            open_ = part
            for attempt in range(ROUNDS):
                if not open_:
                    break
                open_ = self._check_once(operations, open_, seconds, checked, again=attempt > 0)
            for position in open_:
                checked.verdicts[position] = Verdict(operations[position], CONTENDED)
        self._leave_unchecked(operations, stakes, checked)
        waiting = {
            position: verdict.outcome
            for position, verdict in checked.verdicts.items()
            if isinstance(verdict.outcome, Retryable)
        }
        for position, outcome in held_by_withdrawals(operations, waiting).items():
            verdict = checked.verdicts.get(position)
            waits = None if verdict is None else verdict.outcome
            is_urgent = id(operations[position]) in checked.urgent
            if isinstance(waits, Retryable):
                waiting[position] = not_before(waits, outcome)
            elif waits is None and not is_urgent:
                waiting[position] = outcome
            else:
                continue
            checked.verdicts[position] = Verdict(operations[position], waiting[position])
        for position, outcome in held_by_deletions(operations, waiting).items():
            verdict = checked.verdicts.get(position)
            if verdict is None or verdict.outcome is None:
                checked.verdicts[position] = Verdict(operations[position], outcome)
                checked.again_in.pop(position, None)  # a withdrawal waits as well

    def _leave_unchecked(
        self, operations: Sequence[Operation], stakes: Mapping[int, Stake], checked: Checked
    ) -> None:
        """What a late table could not check comes again. A withdrawal from everything that nothing
        newer contradicts does not wait until it can be claimed; an unread one could undo a newer
        consent.

        Whatever the table's trouble is, a withdrawal that was sent unchecked comes again to be
        noted: otherwise an older consent would be given after it.
        """
        unchecked = [
            position
            for position in stakes
            if (verdict := checked.verdicts.get(position)) is None
            or DeliveryWarning.ORDER_NOT_CHECKED in verdict.warnings
        ]
        is_late = self._words.is_late
        withdrawing = [each for each in unchecked if is_withdrawal_from_all(operations[each])]
        if not (is_late or withdrawing):
            return
        again_in = self._words.late_seconds
        comes_again = Retryable(RetryReason.LEDGER_LATE, again_in, tried=False)
        for position in unchecked:
            operation = operations[position]
            if id(operation) in checked.urgent:
                continue
            was_read = position in checked.verdicts
            if is_withdrawal_from_all(operation) and (
                not is_late or (again_in is not None and was_read)
            ):
                checked.again_in[position] = again_in
            elif is_late:
                checked.verdicts[position] = Verdict(operation, comes_again)

    def _plan_ahead(
        self, operations: Sequence[Operation], verdicts: Mapping[int, Verdict], checked: Checked
    ) -> None:
        """Plan upserts as they will be sent if all of them are claimed, which is the usual case."""
        if len(verdicts) == len(operations):
            batch = [
                verdict.operation
                for position in checked.order()
                if (verdict := verdicts[position]).outcome is None
            ]
            if are_upserts(batch):
                self._klaviyo.plan(batch)

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

    def _check_once(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        seconds: float,
        checked: Checked,
        *,
        again: bool,
    ) -> dict[int, Stake]:
        """Judge and claim; gives those whose people somebody else has claimed meanwhile."""
        keys = {position: keys_of(stake) for position, stake in stakes.items()}
        names = {key for of_one in keys.values() for key in of_one}
        records = overlaid(self._words.read(names, again=again, keep=NOTING_SHARE), checked.told)
        known: Mapping[int, Stake] = stakes
        if len(records) < len(names):
            known = {
                position: stake
                for position, stake in stakes.items()
                if records.keys() >= set(keys[position])
            }
        now = checked.now
        until = self._wall() + seconds + MARGIN
        judgement = self._judge.judge(operations, known, records, now)
        claims = {
            key: claimed(
                records[key],
                checked.claims.get(key, NOTHING).with_(fields),  # with those of the round before
                judgement.facts.get(key, NOTHING),
                until,
                self._words.me,
                now,
            )
            for key, fields in judgement.claims.items()
        }
        written = self._words.write(
            self._words.change(records, claims),
            keep=NOTING_SHARE,
            meanwhile=partial(self._plan_ahead, operations, judgement.verdicts, checked),
        )
        made, refused = set(written.made), set(written.refused)
        for key in made:
            facts = judgement.facts.get(key, NOTHING)
            checked.claim(key, judgement.claims[key], facts, records[key], claims[key])
        contended = {}
        is_all_made = len(made) == len(claims)
        for position, stake in known.items():
            verdict = judgement.verdicts[position]
            if verdict.outcome is None:
                wanted = () if is_all_made else claims.keys() & set(keys[position])
                if not refused.isdisjoint(wanted):
                    contended[position] = stake
                    continue
                is_claimed = made.issuperset(wanted)
                if not is_claimed:
                    checked.unclear.add(position)
                    warnings = (*verdict.warnings, DeliveryWarning.ORDER_NOT_CHECKED)
                    verdict = replace(verdict, warnings=warnings)
                if isinstance(verdict.operation, Subscribe):
                    self._tell(verdict.operation, records, now, is_claimed=is_claimed)
            checked.verdicts[position] = verdict
        return contended

    def _tell(
        self,
        subscription: Subscribe,
        records: Mapping[Key, Record],
        now: float,
        *,
        is_claimed: bool,
    ) -> None:
        """Tell the client what the records say of a person who is to be subscribed."""
        if is_claimed:  # or else somebody may have withdrawn more since the record was read
            for withdrawal in self._judge.withdrawals(subscription, records):
                self._klaviyo.note_withdrawal(*withdrawal)
        if deletion := self._judge.deletion(subscription, records, now):
            self._klaviyo.note_deletion(*deletion)
