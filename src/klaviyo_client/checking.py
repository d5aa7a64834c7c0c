"""Judges operations by what the records say of their people, and claims what is to be sent."""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial

from msgspec.structs import replace

from klaviyo_client.api.outcomes import DeliveryWarning, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.judged_results import CONTENDED, not_before
from klaviyo_client.notes import NOTING_SHARE, ROUNDS, are_upserts
from klaviyo_client.people.claims import Checked, Words, Written
from klaviyo_client.people.newest import Judge, Judgement, Verdict, keys_of
from klaviyo_client.people.persons import Key
from klaviyo_client.people.positions import slices
from klaviyo_client.people.records import Record, claimed, overlaid
from klaviyo_client.people.sequence import held_by_deletions, held_by_withdrawals
from klaviyo_client.people.stakes import Stake
from klaviyo_client.people.times import NOTHING
from operations import (
    Operation,
    Subscribe,
    Unsubscribe,
    is_withdrawal_from_all,
    leaves_list,
)

MARGIN = 1.0
"""Seconds by which a claim outlasts its delivery, for clocks that differ."""


class Checks:
    """The checks of one process. `wall` gives Unix seconds.

    What could not be checked in time comes again. Withdrawals from everything whose records were
    read are sent nevertheless, unless a process with more time is the next to ask, or the batch
    deletes their person. What is urgent is sent unchecked. So is everything where the records do
    not answer at all, but for unsubscriptions from a list.
    """

    def __init__(
        self, klaviyo: Klaviyo, words: Words, judge: Judge, wall: Callable[[], float]
    ) -> None:
        self._klaviyo = klaviyo
        self._words = words
        self._judge = judge
        self._wall = wall

    def check(
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
        self._hold_back(operations, checked)

    @staticmethod
    def _hold_back(operations: Sequence[Operation], checked: Checked) -> None:
        """What must not go ahead of a withdrawal or a deletion that waits, waits as well."""
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

        Two kinds come again whatever the table's trouble is. A withdrawal from everything that was
        sent unchecked, to be noted: otherwise an older consent would be given after it. And an
        unsubscription from a list, unsent: if another function has sent the same, Klaviyo would
        unsubscribe the person from everything.
        """
        unchecked = [
            position
            for position in stakes
            if (verdict := checked.verdicts.get(position)) is None
            or DeliveryWarning.ORDER_NOT_CHECKED in verdict.warnings
        ]
        is_late = self._words.is_late
        if not (is_late or any(isinstance(operations[each], Unsubscribe) for each in unchecked)):
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
            elif is_late or leaves_list(operation):
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
        judgement = self._judge.judge(operations, known, records, checked.now)
        claims = self._claims_of(judgement, records, seconds, checked)
        written = self._words.write(
            self._words.change(records, claims),
            keep=NOTING_SHARE,
            meanwhile=partial(self._plan_ahead, operations, judgement.verdicts, checked),
        )
        for key in written.made:
            facts = judgement.facts.get(key, NOTHING)
            checked.claim(key, judgement.claims[key], facts, records[key], claims[key])
        is_all_made = len(written.made) == len(claims)
        wanted = (
            {}
            if is_all_made
            else {position: claims.keys() & set(keys[position]) for position in known}
        )
        return self._settle(known, judgement, wanted, written, records, checked)

    def _claims_of(
        self,
        judgement: Judgement,
        records: Mapping[Key, Record],
        seconds: float,
        checked: Checked,
    ) -> dict[Key, Record]:
        """The records as they are once all is claimed that the judgement wants to send."""
        until = self._wall() + seconds + MARGIN
        return {
            key: claimed(
                records[key],
                checked.claims.get(key, NOTHING).with_(fields),  # with those of the round before
                judgement.facts.get(key, NOTHING),
                until,
                self._words.me,
                checked.now,
            )
            for key, fields in judgement.claims.items()
        }

    def _settle(
        self,
        stakes: Mapping[int, Stake],
        judgement: Judgement,
        wanted: Mapping[int, Set[Key]],
        written: Written,
        records: Mapping[Key, Record],
        checked: Checked,
    ) -> dict[int, Stake]:
        """Keep the verdicts, with a warning where a `wanted` claim is missing; gives those that
        somebody else contends for."""
        made, refused = set(written.made), set(written.refused)
        contended = {}
        for position, stake in stakes.items():
            verdict = judgement.verdicts[position]
            if verdict.outcome is None:
                if not refused.isdisjoint(wanted.get(position, ())):
                    contended[position] = stake
                    continue
                is_claimed = made.issuperset(wanted.get(position, ()))
                if not is_claimed:
                    checked.unclear.add(position)
                    warnings = (*verdict.warnings, DeliveryWarning.ORDER_NOT_CHECKED)
                    verdict = replace(verdict, warnings=warnings)
                if isinstance(verdict.operation, Subscribe):
                    self._tell(verdict.operation, records, checked.now, is_claimed=is_claimed)
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
