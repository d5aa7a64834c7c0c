"""Deliveries that respect what other processes have sent: the last word about a person wins.

Around `Klaviyo.deliver`: first the records of the batch's people are read, what is too late is left
out, and what is to be sent is claimed; then it is sent; then it is noted what was not taken. Where
the records cannot be read or written in time, operations are sent without, and say so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Retryable,
    RetryReason,
)
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.newest import (
    MANY,
    ONCE_SECONDS,
    FieldId,
    Judge,
    Record,
    Verdict,
    claimed,
    keys_of,
    said_at,
)
from klaviyo_client.people.stakes import Key, Stake, stake_of
from klaviyo_client.results import Delivery, Result
from klaviyo_client.sending.sender import LONGEST_SECONDS
from operations import CreateEvent, Operation, Unsubscribe, UpsertProfile
from operations.instants import NEVER

ROUNDS = 3
"""How often a claim is tried of whom somebody else has claimed meanwhile."""

CONTENDED = Retryable(RetryReason.PERSON_BUSY, 1.0, tried=False)
"""Somebody else was faster each time."""

MARGIN = 1.0
"""Seconds by which a claim outlasts its delivery, for clocks that differ."""

MAY_LAND_LATER = frozenset(
    {
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_FAILED,
        RetryReason.UNAVAILABLE,
        RetryReason.UNEXPECTED_FAILURE,
    }
)
"""Failures after which Klaviyo may still take the request."""


@dataclass(frozen=True, slots=True)
class Written:
    """Whose records were written, and whose were `refused` because they had changed; of the others
    nobody knows."""

    made: Collection[Key] = ()
    refused: Collection[Key] = ()


class Words(Protocol):
    """Records that all processes share. Nothing here raises."""

    @property
    def me(self) -> str:
        """The name of this process."""

    def field_id(self, name: str) -> FieldId:
        """What a field is stored as."""

    def field_ids(self, names: tuple[str, ...]) -> tuple[FieldId, ...]:
        """What several are."""

    def read(self, names: Iterable[Key], *, again: bool) -> Mapping[Key, Record]:
        """The records as far as they could be read; an empty one where there is none. `again`: they
        have changed a moment ago."""

    def write(self, before: Mapping[Key, Record], after: Mapping[Key, Record]) -> Written:
        """Put the records in the place of those `before`, where these are still there."""


@dataclass(slots=True)
class _Checked:
    """What came of the check: verdicts by position; by person the record with the claim upon it,
    and what the fields that were claimed have held before."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    records: dict[Key, Record] = field(default_factory=dict)
    before: dict[Key, dict[FieldId, float]] = field(default_factory=dict)

    def claim(self, key: Key, fields: Iterable[FieldId], old: Record, new: Record) -> None:
        """A claim was written."""
        before = self.before.setdefault(key, {})
        for name in fields:
            before.setdefault(name, old.fields.get(name, NEVER))
        self.records[key] = new

    def unclaimed(self, key: Key) -> dict[FieldId, float]:
        """The person's fields, as if nothing had been claimed."""
        fields = {**self.records[key].fields, **self.before[key]}
        return {name: said for name, said in fields.items() if said != NEVER}


class InOrder:
    """A Klaviyo account, for one process, as `Klaviyo` is.

    `most_released` claims are ended after a delivery; more run out by themselves, a moment after
    the delivery's time. `wall` gives Unix seconds.
    """

    def __init__(
        self,
        klaviyo: Klaviyo,
        words: Words,
        *,
        wall: Callable[[], float],
        most_released: int,
        once_seconds: float = ONCE_SECONDS,
    ) -> None:
        self.clock = klaviyo.clock
        self._klaviyo = klaviyo
        self._words = words
        self._wall = wall
        self._most_released = most_released
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
        stakes = _stakes_of(operations)
        if not stakes:
            return self._klaviyo.deliver(operations, private_key, seconds, attempts)
        checked = self._check(operations, stakes, seconds)
        verdicts = checked.verdicts
        sent = [
            position
            for position in range(len(operations))
            if position not in verdicts or verdicts[position].outcome is None
        ]
        delivery = self._klaviyo.deliver(
            [
                verdicts[position].operation if position in verdicts else operations[position]
                for position in sent
            ],
            private_key,
            until - self.clock(),
            [attempts[position] for position in sent] if attempts else (),
        )
        results = dict(zip(sent, delivery.results, strict=True))
        self._settle(results, stakes, checked)
        return replace_results(
            delivery,
            [
                _result(position, operation, stakes, verdicts, results)
                for position, operation in enumerate(operations)
            ],
        )

    # Before

    def _check(
        self, operations: Sequence[Operation], stakes: Mapping[int, Stake], seconds: float
    ) -> _Checked:
        """Verdicts on all that could be checked."""
        checked = _Checked()
        open_ = dict(stakes)
        for attempt in range(ROUNDS):
            if not open_:
                break
            open_ = self._check_once(operations, open_, seconds, checked, again=attempt > 0)
        for position in open_:
            checked.verdicts[position] = Verdict(operations[position], CONTENDED)
        return checked

    def _check_once(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        seconds: float,
        checked: _Checked,
        *,
        again: bool,
    ) -> dict[int, Stake]:
        """Judge and claim; gives those whose people somebody else has claimed meanwhile."""
        keys = {position: keys_of(stake) for position, stake in stakes.items()}
        names = {key for of_one in keys.values() for key in of_one}
        records = self._words.read(names, again=again)
        known = {
            position: stake
            for position, stake in stakes.items()
            if all(key in records for key in keys[position])
        }
        now = self._wall()
        judgement = self._judge.judge(operations, known, records, now)
        claims = {
            key: claimed(records[key], fields, now + seconds + MARGIN, self._words.me, now)
            for key, fields in judgement.claims.items()
        }
        written = self._words.write(records, claims)
        made, refused = set(written.made), set(written.refused)
        for key in made:
            checked.claim(key, judgement.claims[key], records[key], claims[key])
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
                for withdrawal in self._judge.withdrawals(verdict.operation, records, now):
                    self._klaviyo.note_withdrawal(*withdrawal)
                if deletion := self._judge.deletion(verdict.operation, records):
                    self._klaviyo.note_deletion(*deletion)
            checked.verdicts[position] = verdict
        return contended

    # After

    def _settle(
        self,
        results: Mapping[int, Result],
        stakes: Mapping[int, Stake],
        checked: _Checked,
    ) -> None:
        """Note what was not taken, and what was done once; end the claims, if they are few."""
        if len(checked.records) > self._most_released and all(map(_is_plain, results.values())):
            return  # All was taken as it was claimed, and the claims run out by themselves.
        now = self._wall()
        fields: dict[Key, dict[FieldId, float]] = {}
        late: dict[Key, float] = {}
        for position, result in results.items():
            if position not in checked.verdicts:
                continue
            self._note(result, stakes[position], now, fields, late)
        after = {}
        for key, record in checked.records.items():
            known = checked.unclaimed(key)
            for name, said in fields.get(key, {}).items():
                known[name] = max(said, known.get(name, NEVER))
            owner = MANY if key in late else record.owner
            after[key] = Record(known, late.get(key, 0.0), owner, record.version + 1)
        if len(after) > self._most_released:
            after = {
                key: record
                for key, record in after.items()
                if key in late or record.fields != checked.records[key].fields
            }
        self._words.write(checked.records, after)

    def _note(
        self,
        result: Result,
        stake: Stake,
        now: float,
        fields: dict[Key, dict[FieldId, float]],
        late: dict[Key, float],
    ) -> None:
        """What one result means for the records."""
        operation, outcome = result.operation, result.outcome
        may_land = (
            isinstance(outcome, Retryable) and outcome.tried and outcome.reason in MAY_LAND_LATER
        )
        if may_land:
            late.update(dict.fromkeys(keys_of(stake), now + LONGEST_SECONDS))
        noted = []
        if may_land or isinstance(outcome, Delivered):
            noted += self._judge.decided(operation, stake_of(operation) or stake)
        if isinstance(outcome, Delivered) and DeliveryWarning.NOT_ON_LIST not in result.warnings:
            noted += self._judge.done(operation, now)
        if isinstance(operation, Unsubscribe) and self._klaviyo.may_have_left(operation):
            noted += self._judge.sent(operation, now)
        for key, of_key in noted:
            fields.setdefault(key, {}).update(of_key)


def _is_plain(result: Result) -> bool:
    return isinstance(result.outcome, Delivered) and isinstance(
        result.operation, UpsertProfile | CreateEvent
    )


def replace_results(delivery: Delivery, results: Iterable[Result]) -> Delivery:
    """The delivery with these results."""
    return Delivery(
        results=tuple(results),
        follow_ups=delivery.follow_ups,
        import_failures=delivery.import_failures,
        requests=delivery.requests,
    )


def _stakes_of(operations: Sequence[Operation]) -> dict[int, Stake]:
    """What could come too late, by position; what has no time cannot be compared."""
    return {
        position: stake
        for position, operation in enumerate(operations)
        if (stake := stake_of(operation)) is not None and stake.sets and said_at(operation) != NEVER
    }


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
    return replace(result, warnings=(*result.warnings, *added)) if added else result
