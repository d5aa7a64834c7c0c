"""Consents that Klaviyo has taken, and that could not be noted in time.

They come again from a queue, with the time at which they were sent (`sent_at`). They are noted as
of then, and not sent: somebody would get two letters, or would be withdrawn again who has come back
at Klaviyo's own form. But as long as such a consent was not noted, it stopped nothing: if something
older that says the opposite was sent meanwhile, or may have been, it is sent again. The operations
that are judged with them know of them whether they could be noted or not.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable, RetryReason
from klaviyo_client.judged_results import CONTENDED
from klaviyo_client.notes import NOTING_SHARE, ROUNDS
from klaviyo_client.people.claims import Words
from klaviyo_client.people.newest import Judge, keys_of, take_in
from klaviyo_client.people.persons import Key
from klaviyo_client.people.positions import stakes_of
from klaviyo_client.people.records import overlaid, with_fields
from klaviyo_client.people.stakes import Stake
from klaviyo_client.people.times import Times
from klaviyo_client.results import Result
from operations import Operation, Subscribe, Unsubscribe, was_sent


@dataclass(slots=True)
class Noted:
    """By position, the `results` of what is settled, and what is to be sent `again`. `told` is what
    to note of the former, by person, whether it could be noted or not."""

    results: dict[int, Result] = field(default_factory=dict)
    again: dict[int, Operation] = field(default_factory=dict)
    told: dict[Key, Times] = field(default_factory=dict)


class LateNotes:
    """Notes what was sent before, for one process."""

    def __init__(self, words: Words, judge: Judge) -> None:
        self._words = words
        self._judge = judge

    def write(self, operations: Sequence[Operation], urgent: Set[int], now: float) -> Noted:
        """Note those of the operations that were sent before.

        What cannot be noted because the records are late comes again, and so does what somebody
        else changes each time. If the records have another trouble, a withdrawal comes again, and a
        subscription is given up with a warning. So is whatever is `urgent` (by the operation's
        `id`). `now` is in Unix seconds.
        """
        found = Noted()
        sent = {
            position: operation
            for position, operation in enumerate(operations)
            if was_sent(operation)
        }
        if not sent:
            return found
        stakes = stakes_of(list(sent.values()), now)
        open_ = {position: stakes[place] for place, position in enumerate(sent) if place in stakes}
        for position in sent.keys() - open_.keys():  # without a time there is nothing to note
            found.results[position] = Result(sent[position], Delivered())
        notes = {
            position: self._notes_on(sent[position], stake, now)
            for position, stake in open_.items()
        }
        for attempt in range(ROUNDS):
            if not open_:
                break
            open_ = self._write_once(sent, open_, notes, found, again=attempt > 0)
        for position in open_:
            if id(sent[position]) not in urgent:
                found.results[position] = Result(sent[position], CONTENDED)
        for position in sent.keys() - found.results.keys() - found.again.keys():
            found.results[position] = self._not_noted(sent[position], urgent)
        found.told = _all_of(notes, notes.keys() - found.again.keys())
        return found

    def _notes_on(
        self, operation: Subscribe | Unsubscribe, stake: Stake, now: float
    ) -> dict[Key, Times]:
        """What is to be noted of the operation, by person."""
        # An edited dead letter may have any time: from the future it would hold up others.
        sent_at = min(operation.sent_at or 0.0, now)
        times: dict[Key, Times] = {}
        take_in(times, self._judge.decided(operation, stake, sent_at))
        take_in(times, self._judge.done(operation, sent_at))
        return times

    def _write_once(
        self,
        sent: Mapping[int, Subscribe | Unsubscribe],
        stakes: Mapping[int, Stake],
        notes: Mapping[int, Mapping[Key, Times]],
        found: Noted,
        *,
        again: bool,
    ) -> dict[int, Stake]:
        """Note what can be; gives those whose records another process has changed meanwhile."""
        keys = {position: keys_of(stake) for position, stake in stakes.items()}
        names = {key for of_one in keys.values() for key in of_one}
        records = self._words.read(names, again=again, keep=NOTING_SHARE)
        as_noted = overlaid(records, _all_of(notes, notes))
        noted: list[int] = []
        for position in stakes:
            operation = sent[position]
            if not all(key in records for key in keys[position]):
                continue
            if self._judge.is_undone(operation, as_noted):
                found.again[position] = replace(operation, sent_at=None)
                continue
            noted.append(position)
        after = {
            key: with_fields(records[key], fields)
            for key, fields in _all_of(notes, noted).items()
            if key in records
        }
        written = self._words.write(self._words.change(records, after), keep=NOTING_SHARE)
        made, refused = set(written.made), set(written.refused)
        contended = {}
        for position in noted:
            if not refused.isdisjoint(keys[position]):
                contended[position] = stakes[position]
            elif made.issuperset(keys[position]):
                found.results[position] = Result(sent[position], Delivered())
        return contended

    def _not_noted(self, operation: Operation, urgent: Set[int]) -> Result:
        """What becomes of it. A withdrawal waits whatever the records' trouble is."""
        is_to_wait = self._words.is_late or isinstance(operation, Unsubscribe)
        if is_to_wait and id(operation) not in urgent:
            seconds = self._words.late_seconds
            return Result(operation, Retryable(RetryReason.LEDGER_LATE, seconds, tried=False))
        return Result(operation, Delivered(), (DeliveryWarning.ORDER_NOT_CHECKED,))


def _all_of(notes: Mapping[int, Mapping[Key, Times]], positions: Iterable[int]) -> dict[Key, Times]:
    """The notes at these positions, by person."""
    times: dict[Key, Times] = {}
    for position in positions:
        take_in(times, notes[position].items())
    return times
