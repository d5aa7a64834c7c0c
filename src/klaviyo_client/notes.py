"""Notes in the shared records what a delivery has achieved, and so ends its claims."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeGuard

from msgspec.structs import replace

from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Refused,
    Retryable,
    RetryReason,
)
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.claims import Change, Checked, Conclusions, Words
from klaviyo_client.people.newest import Judge, keys_of, take_in
from klaviyo_client.people.persons import Key
from klaviyo_client.people.records import Record, concluded, without_fields
from klaviyo_client.people.stakes import Stake, stake_of
from klaviyo_client.people.times import NOTHING, FieldId, Times
from klaviyo_client.results import Delivery, Result, is_sent
from klaviyo_client.sending.sender import LONGEST_SECONDS
from operations import Operation, Unsubscribe, UpsertProfile, leaves_list

ROUNDS = 3
"""How often a write is attempted if another process has changed the record meanwhile."""

NOTING_SHARE = 1 / 3
"""Of the time for the records, kept for noting what was taken: without, it outdates nothing."""

MAY_LAND_LATER = frozenset(
    {
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_FAILED,
        RetryReason.UNAVAILABLE,
        RetryReason.UNEXPECTED_FAILURE,
    }
)
"""Failures after which Klaviyo may still have accepted the request."""

Afterwards = tuple[Conclusions, Change]
"""What is to be noted, and how, if nobody has changed the records."""


class Notes:
    """The notes of one process's deliveries. `wall` gives Unix seconds."""

    def __init__(
        self, klaviyo: Klaviyo, words: Words, judge: Judge, wall: Callable[[], float]
    ) -> None:
        self._klaviyo = klaviyo
        self._words = words
        self._judge = judge
        self._wall = wall

    def if_all_is_taken(
        self,
        sent: Sequence[int],
        batch: Sequence[Operation],
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        checked: Checked,
    ) -> Afterwards:
        """What is to be noted if Klaviyo accepts everything, which is the usual case."""
        results = [Result(operation, Delivered()) for operation in batch]
        return self.afterwards(dict(zip(sent, results, strict=True)), operations, stakes, checked)

    def afterwards(
        self,
        results: Mapping[int, Result],
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        checked: Checked,
    ) -> Afterwards:
        """What is to be noted, and how, if nobody has changed the records."""
        found = Conclusions()
        for position, result in results.items():
            if position in checked.verdicts:
                stake = stakes[position]
                if result.operation is not operations[position]:
                    stake = stake_of(result.operation) or stake
                self._note(result, stake, checked.now, found)
                self._note_claimed(checked.verdicts[position].operation, result, checked.now, found)
        return found, self._conclusion(checked.records, found, checked)

    def _note_claimed(
        self, operation: Operation, result: Result, now: float, found: Conclusions
    ) -> None:
        """A withdrawal may be sent with an identifier that its message did not name, and whose
        record nobody has claimed. It stays known by those that were."""
        if isinstance(operation, Unsubscribe) and result.operation is not operation:
            stake = stake_of(operation)
            if stake is not None:
                self._note(replace(result, operation=operation), stake, now, found)

    def write(
        self, afterwards: Afterwards, checked: Checked, meanwhile: Callable[[], object]
    ) -> dict[Key, bool]:
        """Note what was accepted, and end the claims. Gives the people for whom that is unknown,
        and whether another process has changed their record each time. For `meanwhile` see
        `Words.write`."""
        found, change = afterwards
        records: Mapping[Key, Record] = checked.records
        open_ = set(records)
        for attempt in range(ROUNDS):
            if attempt:  # Somebody has claimed other fields of them meanwhile.
                records = self._words.read(records, again=True)
                change = self._conclusion(records, found, checked)
            written = self._words.write(change, meanwhile=None if attempt else meanwhile)
            open_.difference_update(written.made)
            if not written.refused:
                break
            records = {key: records[key] for key in written.refused}
        return {key: key in written.refused for key in open_}

    def _conclusion(
        self, records: Mapping[Key, Record], found: Conclusions, checked: Checked
    ) -> Change:
        after = {
            key: self._concluded(key, record, found, checked) for key, record in records.items()
        }
        return self._words.change(records, after)

    def _concluded(self, key: Key, record: Record, found: Conclusions, checked: Checked) -> Record:
        taken_back: dict[FieldId, float] = {}
        if before := checked.before.get(key):
            kept = found.facts.get(key, NOTHING).by_field()
            claimed_facts = checked.records[key].fields
            taken_back = {
                name: said
                for name, said in before.items()
                if name not in kept and record.fields.of_field(name) == claimed_facts.of_field(name)
            }
        return concluded(
            record,
            checked.claims[key],
            found.fields.get(key, NOTHING),
            taken_back,
            found.late.get(key, 0.0),
        )

    def take_back(self, delivery: Delivery, now: float) -> None:
        """Forget what counted as accepted, and was refused later by an import job."""
        refused: dict[Key, Times] = {}
        for result in (*delivery.results, *delivery.import_failures):
            operation = result.operation
            if isinstance(result.outcome, Refused) and isinstance(operation, UpsertProfile):
                stake = stake_of(operation)
                take_in(refused, self._judge.decided(operation, stake, now) if stake else ())
        self._forget(refused)

    def not_sent(
        self, held_back: Iterable[Operation], sent: Iterable[Operation], now: float
    ) -> None:
        """Forget that somebody was about to leave a list, whom the claim for it names if it was
        written after all. What was claimed and not sent would wait for half an hour, as does that
        of which nobody knows."""
        unsent: dict[Key, Times] = {}
        for operation in held_back:
            if leaves_list(operation):
                take_in(unsent, self._judge.sent(operation, now))
        known: dict[Key, Times] = {}
        for operation in sent if unsent else ():
            take_in(known, self._judge.sent(operation, now))
        left = {key: times.without(known.get(key, NOTHING)) for key, times in unsent.items()}
        self._forget({key: times for key, times in left.items() if times})

    def _forget(self, fields: dict[Key, Times]) -> None:
        """Take these fields out of the records that have them of these times."""
        for _ in range(ROUNDS):
            if not fields:
                return
            records = self._words.read(fields, again=True)
            after = {
                key: without_fields(record, fields[key])
                for key, record in records.items()
                if not _disjoint(fields[key], record.fields)
            }
            changed = self._words.write(self._words.change(records, after)).refused
            fields = {key: fields[key] for key in changed}

    def _note(self, result: Result, stake: Stake, now: float, found: Conclusions) -> None:
        """Add to `found` what follows from one result."""
        operation, outcome = result.operation, result.outcome
        may_land = (
            isinstance(outcome, Retryable) and outcome.tried and outcome.reason in MAY_LAND_LATER
        )
        if may_land:
            until = self._wall() + LONGEST_SECONDS
            found.late.update(dict.fromkeys(keys_of(stake), until))
        if is_sent(result):
            take_in(found.fields, self._judge.decided(operation, stake, now))
            if DeliveryWarning.NOT_ON_LIST not in result.warnings:
                take_in(found.fields, self._judge.done(operation, now))
        take_in(found.facts, self._judge.withdrawn(operation, stake, now))
        if isinstance(operation, Unsubscribe):
            # Whether the person is on the list is looked up first: the timeout may be of that
            # look-up.
            of_list = operation.list_id is not None
            may_be_sent = self._klaviyo.may_have_left(operation) if of_list else may_land
            if (is_sent(result) and not _is_of_nobody(operation, result)) or may_be_sent:
                take_in(found.facts, self._judge.sent(operation, now))


def are_upserts(batch: Iterable[Operation]) -> TypeGuard[Sequence[UpsertProfile]]:
    """Whether all are upserts, for which only their acceptance decides what is noted."""
    return {type(operation) for operation in batch} == {UpsertProfile}


def is_taken(batch: Sequence[Operation], results: Sequence[Result]) -> bool:
    """Whether these are upserts, and Klaviyo has accepted each unchanged."""
    return are_upserts(batch) and all(
        result.operation is operation
        and isinstance(result.outcome, Delivered)
        and not result.warnings
        for operation, result in zip(batch, results, strict=True)
    )


def _is_of_nobody(operation: Unsubscribe, result: Result) -> bool:
    """Whether nobody was on the list, so that nothing was sent. Of an address and a number, one may
    have been on it."""
    is_one = operation.email is None or operation.phone_number is None
    return is_one and DeliveryWarning.NOT_ON_LIST in result.warnings


def _disjoint(one: Times, other: Times) -> bool:
    """Whether no field has the same time in both."""
    return one.by_field().items().isdisjoint(other.by_field().items())
