"""What of a batch may be sent, given what other processes have sent or are sending. Pure.

A record is what all processes together know of the person of one identifier. Before a process
sends something, it claims it in the record. So of two that send at the same moment one is second,
and sees the other's claim. While that claim lasts, nobody knows which of two requests Klaviyo takes
last, so the second one waits. What Klaviyo has accepted is noted afterwards. Only what is older
than such a note is left out: a claim that ends without a note has no effect.

Times of messages are Unix seconds, and so are the moments (`now`, `busy_until`), on a clock that
all processes share.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from msgspec import Struct

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Outcome, Retryable, RetryReason
from klaviyo_client.people import field_names as named
from klaviyo_client.people.persons import Key
from klaviyo_client.people.records import Record
from klaviyo_client.people.stakes import (
    Stake,
    Staked,
    by_channel,
    own_keys,
    stake_of,
    subscriber,
    what_stands,
)
from klaviyo_client.people.times import NOTHING, FieldId, FieldIds, Times
from operations import DeleteProfile, Operation, Subscribe, Unsubscribe, consent_time
from operations.instants import NEVER, instant

Noted = tuple[Key, Times]
"""A person, and the times to note for some fields."""

Withdrawal = tuple[str, Key, float, float]
"""A channel, the identifier that its consent belongs to, the time of the message, and the time
until which Klaviyo's date of a withdrawal counts as the date of this one."""

ONCE_SECONDS = 1800.0
"""Klaviyo recommends at most one subscription of a profile within this time."""

JOINING_SECONDS = 60.0
"""How long it takes until a new subscriber shows on the list, and can leave it."""


class Verdict(Struct, frozen=True):
    """The operation to send, or the `outcome` that it gets without being sent."""

    operation: Operation
    outcome: Outcome | None = None
    warnings: tuple[DeliveryWarning, ...] = ()


@dataclass(slots=True)
class Judgement:
    """Verdicts by position; by person the claims that are needed to send them, and the facts that
    hold from then on, whatever becomes of the requests."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    claims: dict[Key, Times] = field(default_factory=dict)
    facts: dict[Key, Times] = field(default_factory=dict)


class _Known:
    """What the records say about people while a batch is judged."""

    def __init__(self, records: Mapping[Key, Record]) -> None:
        self._records = records
        self._latest: dict[Key, float] = {}

    def of(self, key: Key) -> Times:
        """The person's fields; none of somebody whom no channel of the operation goes by."""
        record = self._records.get(key)
        return NOTHING if record is None else record.fields

    def is_older(self, stake: Stake, said: float) -> bool:
        """Whether every known time of these people is older than `said`, or the same."""
        for key, _ in stake.against:
            latest = self._latest.get(key)
            if latest is None:
                latest = self._latest[key] = self._records[key].fields.latest
            if latest > said:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Judge:
    """`me` is this process. `field_id` and `field_ids` give the ids under which fields are stored.
    `once_seconds` is how long a consent stays unchanged after a change."""

    me: str
    field_id: Callable[[str], FieldId]
    field_ids: Callable[[tuple[str, ...]], FieldIds]
    once_seconds: float

    def judge(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        records: Mapping[Key, Record],
        now: float,
    ) -> Judgement:
        """The verdicts on the operations at the positions of `stakes`, in their order."""
        busy = self._busy(operations, stakes, records, now)
        judgement = Judgement()
        known = _Known(records)
        for position, stake in stakes.items():
            operation = operations[position]
            if busy:
                until = max((busy.get(key, 0.0) for key in keys_of(stake)), default=0.0)
                if until > now:
                    wait = Retryable(RetryReason.PERSON_BUSY, until - now, tried=False)
                    judgement.verdicts[position] = Verdict(operation, wait)
                    continue
            said = said_at(operation, now)
            verdict = self._verdict(operation, stake, known, said, now)
            judgement.verdicts[position] = verdict
            if verdict.outcome is None:
                same = verdict.operation is operation
                self._claim(verdict.operation, stake if same else None, now, judgement)
        return judgement

    def _busy(
        self,
        operations: Sequence[Operation],
        stakes: Mapping[int, Stake],
        records: Mapping[Key, Record],
        now: float,
    ) -> dict[Key, float]:
        """The people about whom another process is sending something that decides the same fields,
        and everybody in an operation with them: operations about one person stay together."""
        claimed = {
            key: record for key, record in records.items() if record.is_claimed(now, self.me)
        }
        busy: dict[Key, float] = {}
        if not claimed:
            return busy
        for position, stake in stakes.items():
            operation = operations[position]
            said, given = said_at(operation, now), _given_at(operation, now)
            for key, names in (*stake.sets, *stake.against):
                record = claimed.get(key)
                if record is not None and any(
                    record.claims.of_field(self.field_id(name))
                    not in (NEVER, _time_of(name, said, given))
                    for name in names
                ):
                    busy[key] = record.busy_until
        grows = bool(busy)
        while grows:
            grows = False
            for stake in stakes.values():
                keys = keys_of(stake)
                until = max((busy.get(key, 0.0) for key in keys), default=0.0)
                fresh = [key for key in keys if until and key not in busy]
                busy.update(dict.fromkeys(fresh, until))
                grows = grows or bool(fresh)
        return busy

    def _verdict(
        self,
        operation: Operation,
        stake: Stake,
        known: "_Known",
        said: float,
        now: float,
    ) -> Verdict:
        if not isinstance(operation, Staked):
            return Verdict(operation)
        if known.is_older(stake, said) and not isinstance(operation, Subscribe | Unsubscribe):
            return Verdict(operation)

        given = _given_at(operation, now)

        def is_newer(key: Key, name: str) -> bool:
            return known.of(key).of_field(self.field_id(name)) > _time_of(name, said, given)

        left = what_stands(operation, stake, is_newer)
        if left is None:
            return Verdict(operation, Delivered(), (DeliveryWarning.SUPERSEDED,))
        warnings: tuple[DeliveryWarning, ...] = ()
        if left is not operation:
            warnings = (DeliveryWarning.OLDER_PARTS_LEFT_OUT,)
        if not isinstance(left, Subscribe | Unsubscribe):
            return Verdict(left, None, warnings)
        outcome = self._once(left, said, known, now)
        if outcome is None and isinstance(left, Subscribe) and not left.is_consent:
            off = self._opted_out(left, said, known, now).values()
            if min(off) > NEVER:
                opted_out = (*warnings, DeliveryWarning.OPTED_OUT)
                return Verdict(operation, Delivered(), opted_out)
            if max(off) > NEVER:
                wait = max(off) + self.once_seconds - now  # then Klaviyo shows which channels
                outcome = Retryable(RetryReason.CONSENT_TOO_SOON, wait, tried=False)
        return Verdict(left, outcome, warnings)

    def _opted_out(
        self, operation: Subscribe, said: float, known: "_Known", now: float
    ) -> dict[str, float]:
        """When some process has sent an opt-out a short time ago, by channel, that an identify's
        subscription would undo, else NEVER: Klaviyo carries it out some time after accepting it,
        and does not show it before (https://github.com/klaviyo/klaviyo-api-python/issues/52)."""
        who = subscriber(operation)

        def last(name: str, *keys: Key) -> float:
            return max(known.of(key).of_field(self.field_id(name)) for key in keys)

        channels = by_channel(operation)
        has_left = named.sent(named.left(operation.list_id))
        left = last(has_left, who, *(key for _, key in channels))
        long_ago = now - self.once_seconds
        if last(named.DELETED, who) < said:
            long_ago = max(long_ago, last(named.SENT_DELETION, who))
        found: dict[str, float] = {}
        for channel, key in channels:
            off = max(left, last(named.sent(named.off(channel)), who, key))
            back = max(
                last(named.SENT_SUBSCRIPTION, who, key),
                last(named.sent(named.on(channel)), who, key),
                long_ago,
            )
            found[channel] = off if off > back else NEVER
        return found

    def _once(
        self,
        operation: Subscribe | Unsubscribe,
        said: float,
        known: "_Known",
        now: float,
    ) -> Outcome | None:
        """The outcome of a consent that was changed a short time ago."""
        of_list = operation.list_id

        def last(name: str, key: Key | None = None) -> float:
            return known.of(key or subscriber(operation)).of_field(self.field_id(name))

        done = min(last(name, key) for key, name in _done(operation))
        subscribed = last(named.SENT_SUBSCRIPTION)
        if isinstance(operation, Subscribe):
            if self._is_new(known.of(subscriber(operation)), subscribed, said):
                return None
            until = subscribed + self.once_seconds
            gone = max(last(named.left(of_list)), last(named.of_list(named.UNSUBSCRIBED, of_list)))
            is_repeat = done >= said if operation.is_consent else done > gone
        elif of_list is not None:
            joining = NEVER
            if last(named.joined(of_list)) > NEVER:
                joining = subscribed + JOINING_SECONDS
            until = max(last(named.sent(named.left(of_list))) + self.once_seconds, joining)
            is_repeat = done >= said
        else:
            return None
        if until <= now:
            return None
        if is_repeat:
            return Delivered()
        return Retryable(RetryReason.CONSENT_TOO_SOON, until - now, tried=False)

    def _is_new(self, fields: Times, subscribed: float, said: float) -> bool:
        """Whether the person was deleted after being subscribed, and `said` is later than that."""
        deleted = fields.of_field(self.field_id(named.SENT_DELETION))
        return deleted > subscribed and said > fields.of_field(self.field_id(named.DELETED))

    def _claim(
        self,
        operation: Operation,
        stake: Stake | None,
        now: float,
        judgement: Judgement,
    ) -> None:
        stake = stake or stake_of(operation)
        if stake is None:
            return
        take_in(judgement.claims, self.decided(operation, stake, now))
        if isinstance(operation, Unsubscribe):
            take_in(judgement.facts, self.withdrawn(operation, stake, now))
            take_in(judgement.facts, self.sent(operation, now))

    def decided(self, operation: Operation, stake: Stake, now: float) -> list[Noted]:
        """The fields that the operation decides, each with the time of what it says about them."""
        said, given = said_at(operation, now), _given_at(operation, now)
        if given != said:
            return [
                (key, self._at(_time_of(name, said, given), name))
                for key, names in stake.sets
                for name in names
            ]
        noted: list[Noted] = []
        last: tuple[str, ...] = ()
        times = NOTHING
        for key, names in stake.sets:
            if names is not last:  # an upsert decides the same fields for each identifier
                last, times = names, Times(((said, self.field_ids(names)),) if names else ())
            noted.append((key, times))
        return noted

    def withdrawn(self, operation: Operation, stake: Stake, now: float) -> list[Noted]:
        """The fields that an opt-out decides at once: it stops an older consent even before Klaviyo
        has accepted it."""
        return self.decided(operation, stake, now) if isinstance(operation, Unsubscribe) else []

    def sent(self, operation: Operation, now: float) -> list[Noted]:
        """What to note before the operation is sent, besides what it decides."""
        if not isinstance(operation, Unsubscribe):
            return []
        if operation.list_id is None:
            return [
                (key, self._at(now, named.sent(named.off(channel))))
                for channel, key in by_channel(operation)
            ]
        has_left = named.sent(named.left(operation.list_id))
        return [(subscriber(operation), self._at(now, has_left))]

    def _at(self, moment: float, name: str) -> Times:
        return Times(((moment, self.field_ids((name,))),))

    def done(self, operation: Operation, now: float) -> list[Noted]:
        """What to note once the operation was delivered, besides what it decides."""
        if isinstance(operation, DeleteProfile):
            sent_now = self._at(now, named.SENT_DELETION)
            return [(key, sent_now) for key in own_keys(operation.identity)]
        if not isinstance(operation, Subscribe | Unsubscribe):
            return []
        if isinstance(operation, Unsubscribe) and operation.list_id is None:
            return self.sent(operation, now)
        said = said_at(operation, now)
        sent = (
            named.SENT_SUBSCRIPTION
            if isinstance(operation, Subscribe)
            else named.sent(named.left(operation.list_id))
        )
        given = by_channel(operation) if isinstance(operation, Subscribe) else []
        return [
            (subscriber(operation), self._at(now, sent)),
            *(
                (key, self._at(now, named.sent(named.on(channel))))
                for channel, key in given
                if key != subscriber(operation)  # a withdrawal may name the number only
            ),
            *((key, self._at(said, name)) for key, name in _done(operation)),
        ]

    def is_undone(self, operation: Subscribe | Unsubscribe, records: Mapping[Key, Record]) -> bool:
        """Whether something older that says the opposite was sent after the operation was, or may
        have been. Nothing is undone about somebody who was deleted later than the operation's
        message.

        The time of sending that is noted is that of the claim, and two that decide the same fields
        never have a claim at once.
        """
        sent_at = operation.sent_at
        if sent_at is None:
            return False
        said, given = said_at(operation, sent_at), _given_at(operation, sent_at)

        def last(key: Key, name: str) -> float:
            return records[key].fields.of_field(self.field_id(name)) if key in records else NEVER

        if last(subscriber(operation), named.DELETED) > said:
            return False
        against: list[tuple[Key, str, tuple[str, ...]]] = []
        for channel, key in by_channel(operation):
            if isinstance(operation, Unsubscribe):
                on = named.on(channel)
                against.append((key, on, (named.SENT_SUBSCRIPTION, named.sent(on))))
            else:
                off = named.off(channel)
                against.append((key, off, (named.sent(off),)))

        def is_older(key: Key, name: str, sent: tuple[str, ...]) -> bool:
            is_noted = NEVER < last(key, name) < given
            is_sent = is_noted and any(last(key, each) > sent_at for each in sent)
            return is_sent or self._is_claimed(records[key], name, given, sent_at)

        return any(is_older(*each) for each in against)

    def _is_claimed(self, record: Record, name: str, said: float, since: float) -> bool:
        """Whether something older may have been sent `since` then that decides the field: a claim
        that has ended without a note stays in the record until somebody claims again."""
        claim = record.claims.of_field(self.field_id(name))
        return NEVER < claim < said and record.busy_until > since

    def withdrawals(self, operation: Subscribe, records: Mapping[Key, Record]) -> list[Withdrawal]:
        """Those of the operation's channels for which we have sent a withdrawal, however long ago.

        Klaviyo dates a withdrawal by its arrival. The consent may have been given between the
        withdrawal and its arrival.
        """
        if not operation.is_consent:
            return []
        found: list[Withdrawal] = []
        for channel, key in by_channel(operation):
            fields = records[key].fields
            sent = fields.of_field(self.field_id(named.sent(named.off(channel))))
            if sent > NEVER:
                said = fields.of_field(self.field_id(named.off(channel)))
                found.append((channel, key, said, sent + self.once_seconds))
        return found

    def deletion(
        self, operation: Subscribe, records: Mapping[Key, Record], now: float
    ) -> tuple[Key, float] | None:
        """The subscriber, if deleted before the operation's message, and the deletion's time."""
        key = subscriber(operation)
        fields, said = _Known(records).of(key), said_at(operation, now)
        if not self._is_new(fields, fields.of_field(self.field_id(named.SENT_SUBSCRIPTION)), said):
            return None
        return key, fields.of_field(self.field_id(named.DELETED))


_instant = lru_cache(maxsize=8_192)(instant)
"""A batch's times are needed several times each."""


def said_at(operation: Operation, now: float) -> float:
    """The time of the operation's message, but at most `now`: a clock that is ahead must not
    outdate what comes until then."""
    said = _instant(getattr(operation, "time", None))
    return NEVER if said is None else min(said, now)


def _given_at(operation: Operation, now: float) -> float:
    """The time of the consent itself: of one from earlier, before its message. Of anything else,
    as `said_at`."""
    if isinstance(operation, Subscribe) and operation.historical_import:
        given = _instant(consent_time(operation))
        if given is not None:
            return min(given, now)
    return said_at(operation, now)


def _time_of(name: str, said: float, given: float) -> float:
    """The time of what is said about a field."""
    return given if given != said and named.is_of_consent(name) else said


def take_in(known: dict[Key, Times], noted: Iterable[Noted]) -> None:
    """Add these times; for each field the later one stays."""
    for key, times in noted:
        before = known.get(key)
        known[key] = times if before is None else before.with_(times)


def _done(operation: Subscribe | Unsubscribe) -> list[tuple[Key, str]]:
    """The fields that mark the operation as done, one for each of its channels."""
    what = "leave"
    if isinstance(operation, Subscribe):
        what = "import" if operation.historical_import else "subscribe"
    return [
        (key, named.done(what, channel, operation.list_id))
        for channel, key in by_channel(operation)
    ]


def keys_of(stake: Stake) -> list[Key]:
    """The identifiers of the person."""
    if stake.against is stake.sets:
        return [key for key, _ in stake.sets]
    return list(dict.fromkeys(key for key, _ in (*stake.sets, *stake.against)))
