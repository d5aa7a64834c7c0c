"""Deliveries that respect what other processes have sent: the last word about a person wins.

Around `Klaviyo.deliver`: first the records of the batch's people are read, what is too late is left
out, and what is to be sent is claimed; then it is sent; then it is noted what Klaviyo has taken.
Where the records cannot be read or written in time, operations are sent without, and say so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from klaviyo_client.api.outcomes import (
    UNTRIED,
    Delivered,
    DeliveryWarning,
    Refused,
    Retryable,
    RetryReason,
)
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.claims import Checked, Settling, Words
from klaviyo_client.people.newest import (
    ONCE_SECONDS,
    Judge,
    Verdict,
    keys_of,
    said_at,
    take_in,
)
from klaviyo_client.people.records import Record, claimed, settled, without_fields
from klaviyo_client.people.sequence import held_by_deletions
from klaviyo_client.people.stakes import Key, Stake, stake_of
from klaviyo_client.people.times import NOTHING, FieldId, Times
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.ahead import Ahead
from klaviyo_client.sending.sender import LONGEST_SECONDS
from operations import DeleteProfile, MergeProfiles, Operation, Unsubscribe, UpsertProfile
from operations.instants import NEVER

ROUNDS = 3
"""How often a claim is tried of whom somebody else has claimed meanwhile."""

CONTENDED = Retryable(RetryReason.PERSON_BUSY, 1.0, tried=False)
"""Somebody else was faster each time."""

NOTING_SECONDS = 0.1
"""Of the time for the records, kept for noting what was taken: what is not noted outdates nothing,
and nobody would learn of it."""

MARGIN = 1.0
"""Seconds by which a claim outlasts its delivery, for clocks that differ."""

NOT_SENT = frozenset({DeliveryWarning.OPTED_OUT, DeliveryWarning.SUPERSEDED})
"""Warnings of what counts as done without a request: nothing was said by it."""

MAY_LAND_LATER = frozenset(
    {
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_FAILED,
        RetryReason.UNAVAILABLE,
        RetryReason.UNEXPECTED_FAILURE,
    }
)
"""Failures after which Klaviyo may still take the request."""


class InOrder:
    """A Klaviyo account, for one process, as `Klaviyo` is. `wall` gives Unix seconds.

    With `defers`, what could not be checked in time comes again, to a process that has more time.
    Else it is sent unchecked, and so it is where the records do not answer at all.
    """

    def __init__(
        self,
        klaviyo: Klaviyo,
        words: Words,
        *,
        wall: Callable[[], float],
        once_seconds: float = ONCE_SECONDS,
        defers: bool = False,
    ) -> None:
        self.clock = klaviyo.clock
        self._defers = defers
        self._klaviyo = klaviyo
        self._words = words
        self._wall = wall
        self._judge = Judge(words.me, words.field_id, words.field_ids, once_seconds)

    def deliver(
        self,
        operations: Sequence[Operation],
        private_key: str,
        seconds: float,
        attempts: Sequence[int] = (),
    ) -> Delivery:
        """As `Klaviyo.deliver`."""
        until = self.clock() + seconds
        now = self._wall()
        stakes = _stakes_of(operations, now)
        if not stakes:
            delivery = self._klaviyo.deliver(operations, private_key, seconds, attempts)
            self._take_back(delivery, now)
            return delivery
        checked = self._check(operations, stakes, seconds, now)
        verdicts = checked.verdicts
        sent = [
            position
            for position in _in_time(operations, now)
            if position not in verdicts or verdicts[position].outcome is None
        ]
        batch = [
            verdicts[position].operation if position in verdicts else operations[position]
            for position in sent
        ]
        usual = Ahead(partial(self._if_all_is_taken, sent, batch, operations, stakes, checked))
        if _are_upserts(batch):
            self._klaviyo.meanwhile(usual.get)
        delivery = self._klaviyo.deliver(
            batch,
            private_key,
            until - self.clock(),
            [attempts[position] for position in sent] if attempts else (),
        )
        results = dict(zip(sent, delivery.results, strict=True))
        if _is_taken(batch, delivery.results):
            after = usual.get()
        else:
            after = self._afterwards(results, operations, stakes, checked)
        unnoted = self._settle(after, checked)
        for position in stakes.keys() & results.keys() if unnoted else ():
            if not unnoted.isdisjoint(keys_of(stakes[position])):
                results[position] = _with(results[position], DeliveryWarning.ORDER_NOT_CHECKED)
        self._take_back(delivery, now)
        return replace_results(
            delivery,
            [
                _result(position, operation, stakes, verdicts, results)
                for position, operation in enumerate(operations)
            ],
        )

    # Before

    def _check(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        seconds: float,
        now: float,
    ) -> Checked:
        """Verdicts on all that could be checked."""
        checked = Checked(now)
        open_ = dict(stakes)
        for attempt in range(ROUNDS):
            if not open_:
                break
            open_ = self._check_once(operations, open_, seconds, checked, again=attempt > 0)
        for position in open_:
            checked.verdicts[position] = Verdict(operations[position], CONTENDED)
        if self._defers and self._words.is_late:
            for position in stakes:
                verdict = checked.verdicts.get(position)
                if verdict is None or DeliveryWarning.ORDER_NOT_CHECKED in verdict.warnings:
                    checked.verdicts[position] = Verdict(operations[position], UNTRIED)
        waiting = {
            position: verdict.outcome
            for position, verdict in checked.verdicts.items()
            if isinstance(verdict.outcome, Retryable)
        }
        for position, outcome in held_by_deletions(operations, waiting).items():
            verdict = checked.verdicts.get(position)
            if verdict is None or verdict.outcome is None:
                checked.verdicts[position] = Verdict(operations[position], outcome)
        return checked

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
        records = self._words.read(names, again=again, leave=NOTING_SECONDS)
        known = {
            position: stake
            for position, stake in stakes.items()
            if all(key in records for key in keys[position])
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
        written = self._words.write(records, claims, leave=NOTING_SECONDS)
        made, refused = set(written.made), set(written.refused)
        for key in made:
            facts = judgement.facts.get(key, NOTHING)
            checked.claim(key, judgement.claims[key], facts, records[key], claims[key])
        contended = {}
        for position, stake in known.items():
            verdict = judgement.verdicts[position]
            if verdict.outcome is None:
                wanted = [key for key in keys[position] if key in claims]
                if not refused.isdisjoint(wanted):
                    contended[position] = stake
                    continue
                if not made.issuperset(wanted):
                    warnings = (*verdict.warnings, DeliveryWarning.ORDER_NOT_CHECKED)
                    verdict = replace(verdict, warnings=warnings)
                for withdrawal in self._judge.withdrawals(verdict.operation, records):
                    self._klaviyo.note_withdrawal(*withdrawal)
                if deletion := self._judge.deletion(verdict.operation, records, now):
                    self._klaviyo.note_deletion(*deletion)
            checked.verdicts[position] = verdict
        return contended

    # After

    def _if_all_is_taken(
        self,
        sent: Sequence[int],
        batch: Sequence[Operation],
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        checked: Checked,
    ) -> "_Afterwards":
        """What there will be to note in the usual case."""
        results = [Result(operation, Delivered()) for operation in batch]
        return self._afterwards(dict(zip(sent, results, strict=True)), operations, stakes, checked)

    def _afterwards(
        self,
        results: Mapping[int, Result],
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        checked: Checked,
    ) -> "_Afterwards":
        """What is to be noted, and the records as they are then if nobody has changed them."""
        found = Settling()
        for position, result in results.items():
            if position in checked.verdicts:
                stake = stakes[position]
                if result.operation is not operations[position]:
                    stake = stake_of(result.operation) or stake
                self._note(result, stake, checked.now, found)
        return found, self._all_settled(checked.records, found, checked)

    def _settle(self, afterwards: "_Afterwards", checked: Checked) -> set[Key]:
        """Note what was taken, and end the claims; of whom nobody knows whether it was noted."""
        found, after = afterwards
        records: Mapping[Key, Record] = checked.records
        open_ = set(records)
        for attempt in range(ROUNDS):
            if attempt:  # Somebody has claimed other fields of them meanwhile.
                records = self._words.read(records, again=True)
                after = self._all_settled(records, found, checked)
            written = self._words.write(records, after)
            open_.difference_update(written.made)
            if not written.refused:
                break
            records = {key: records[key] for key in written.refused}
        return open_

    def _all_settled(
        self, records: Mapping[Key, Record], found: Settling, checked: Checked
    ) -> dict[Key, Record]:
        return {key: self._settled(key, record, found, checked) for key, record in records.items()}

    def _settled(self, key: Key, record: Record, found: Settling, checked: Checked) -> Record:
        taken_back: dict[FieldId, float] = {}
        if before := checked.before.get(key):
            kept = found.facts.get(key, NOTHING).by_field()
            claimed_facts = checked.records[key].fields
            taken_back = {
                name: said
                for name, said in before.items()
                if name not in kept and record.fields.of_field(name) == claimed_facts.of_field(name)
            }
        return settled(
            record,
            checked.claims[key],
            found.fields.get(key, NOTHING),
            taken_back,
            found.late.get(key, 0.0),
        )

    def _take_back(self, delivery: Delivery, now: float) -> None:
        """Forget what counted as taken, until it was refused: an import job decides later."""
        refused: dict[Key, Times] = {}
        for result in (*delivery.results, *delivery.import_failures):
            operation = result.operation
            if isinstance(result.outcome, Refused) and isinstance(operation, UpsertProfile):
                stake = stake_of(operation)
                take_in(refused, self._judge.decided(operation, stake, now) if stake else ())
        for _ in range(ROUNDS):
            if not refused:
                return
            records = self._words.read(refused, again=True)
            after = {
                key: without_fields(record, refused[key])
                for key, record in records.items()
                if not _disjoint(refused[key], record.fields)
            }
            changed = self._words.write(records, after).refused
            refused = {key: refused[key] for key in changed}

    def _note(self, result: Result, stake: Stake, now: float, found: Settling) -> None:
        """What one result means for the records."""
        operation, outcome = result.operation, result.outcome
        may_land = (
            isinstance(outcome, Retryable) and outcome.tried and outcome.reason in MAY_LAND_LATER
        )
        if may_land:
            until = self._wall() + LONGEST_SECONDS
            found.late.update(dict.fromkeys(keys_of(stake), until))
        is_sent = isinstance(outcome, Delivered) and NOT_SENT.isdisjoint(result.warnings)
        if is_sent:
            take_in(found.fields, self._judge.decided(operation, stake, now))
            if DeliveryWarning.NOT_ON_LIST not in result.warnings:
                take_in(found.fields, self._judge.done(operation, now))
        take_in(found.facts, self._judge.withdrawn(operation, stake, now))
        if isinstance(operation, Unsubscribe):
            # Before somebody leaves a list it is looked whether they are on it: that may be what
            # had no answer.
            of_list = operation.list_id is not None
            may_be_sent = self._klaviyo.may_have_left(operation) if of_list else may_land
            if is_sent or may_be_sent:
                take_in(found.facts, self._judge.sent(operation, now))


_Afterwards = tuple[Settling, dict[Key, Record]]


def _are_upserts(batch: Iterable[Operation]) -> bool:
    """Whether nothing but what was taken decides what is noted of them."""
    return {type(operation) for operation in batch} == {UpsertProfile}


def _is_taken(batch: Sequence[Operation], results: Sequence[Result]) -> bool:
    """Whether these are upserts, and Klaviyo has taken each as it was."""
    return _are_upserts(batch) and all(
        result.operation is operation
        and isinstance(result.outcome, Delivered)
        and not result.warnings
        for operation, result in zip(batch, results, strict=True)
    )


def replace_results(delivery: Delivery, results: Iterable[Result]) -> Delivery:
    """The delivery with these results."""
    return Delivery(
        results=tuple(results),
        follow_ups=delivery.follow_ups,
        import_failures=delivery.import_failures,
        requests=delivery.requests,
    )


def _stakes_of(operations: Sequence[Operation], now: float) -> dict[int, Stake]:
    """What could come too late, by position; what has no time cannot be compared."""
    return {
        position: stake
        for position, operation in enumerate(operations)
        if (stake := stake_of(operation)) is not None
        and stake.sets
        and said_at(operation, now) != NEVER
    }


def _disjoint(one: Times, other: Times) -> bool:
    """Whether no field has the same time in both."""
    return one.by_field().items().isdisjoint(other.by_field().items())


def _in_time(operations: Sequence[Operation], now: float) -> list[int]:
    """The positions, those of upserts by the times of their messages: of one person's the later
    one is sent last, whatever becomes of it. None passes a deletion or a merge."""
    positions: list[int] = []
    timed: list[tuple[float, int]] = []
    places: list[int] = []

    def arrange() -> None:
        for place, (_, position) in zip(places, sorted(timed), strict=True):
            positions[place] = position
        timed.clear()
        places.clear()

    for position, operation in enumerate(operations):
        if isinstance(operation, DeleteProfile | MergeProfiles):
            arrange()
        elif isinstance(operation, UpsertProfile) and (said := said_at(operation, now)) != NEVER:
            timed.append((said, position))
            places.append(len(positions))
        positions.append(position)
    arrange()
    return positions


def _result(
    position: int,
    operation: Operation,
    stakes: Mapping[int, Stake],
    verdicts: Mapping[int, Verdict],
    results: Mapping[int, Result],
) -> Result:
    verdict, result = verdicts.get(position), results.get(position)
    if verdict is not None and verdict.outcome is not None:
        return Result(operation, verdict.outcome, verdict.warnings)
    if result is None:
        raise LookupError(f"operation {position} has no result")
    added: tuple[DeliveryWarning, ...] = ()
    if verdict is not None:
        added = verdict.warnings
    elif position in stakes:
        added = (DeliveryWarning.ORDER_NOT_CHECKED,)
    return _with(result, *added)


def _with(result: Result, *added: DeliveryWarning) -> Result:
    """The result with these warnings, each once."""
    new = [warning for warning in added if warning not in result.warnings]
    return replace(result, warnings=(*result.warnings, *new)) if new else result
