"""The consents that this process has changed within the last half hour.

Klaviyo answers 202 and changes a consent some time later, so a look-up may still show the state of
before (https://github.com/klaviyo/klaviyo-api-python/issues/52). Whoever is taken off a list twice
is unsubscribed from everything
(https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles).
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable, RetryReason
from klaviyo_client.api.queries import comparable
from klaviyo_client.people.newest import JOINING_SECONDS, ONCE_SECONDS
from klaviyo_client.planning.consent_lookups import IDENTIFIERS, Withdrawn
from klaviyo_client.planning.progress import Changes, Known, Progress
from operations import (
    Operation,
    Subscribe,
    Unsubscribe,
    channels_of,
    consent_time,
    leaves_list,
    with_channels,
)
from operations.channels import identifier_of
from operations.instants import NEVER, instant

MOST = 20_000
"""The most that is kept; beyond it, the oldest is forgotten first."""

Key = tuple[str, ...]


class ConsentChange(Struct, frozen=True):
    """`said` is the operation's own time; what is not `certain` got no answer. A withdrawal that
    Klaviyo dates `until` then is this one, where all processes know of each other's. Unix seconds,
    and `since` the process's clock."""

    since: float
    said: float | None
    certain: bool
    until: float = NEVER


class RecentConsents:
    """Remembers for `seconds` what was sent; bounded. `now` is in seconds that never go back."""

    def __init__(self, seconds: float = ONCE_SECONDS) -> None:
        self.seconds = seconds
        self._changes: dict[Key, ConsentChange] = {}
        self._excused: list[Key] = []

    def apply(self, known: Known, pending: Iterable[int], now: float) -> Changes:
        """The outcome of what must not be sent now, because of what was sent a while ago."""
        changes = Changes()
        if not self._changes:
            return changes
        for position in pending:
            operation = known.operations[position]
            if leaves_list(operation):
                self._apply_leaving(changes, position, operation, now)
            elif isinstance(operation, Subscribe) and operation.is_consent:
                self._apply_consent(changes, position, operation, now)
            elif isinstance(operation, Subscribe):
                self._apply_identify(changes, position, operation, now)
        return changes

    def _apply_leaving(
        self, changes: Changes, position: int, operation: Unsubscribe, now: float
    ) -> None:
        left = [self._get(key, now) for key in _list_keys("left", operation)]
        known = [change for change in left if change is not None]
        said = instant(operation.time)
        if known and len(known) == len(left) and all(_is_repeat(each, said) for each in known):
            changes.outcomes[position] = Delivered()
            return
        joined = [self._get(key, now) for key in _list_keys("joined", operation)]
        waits = [change.since + self.seconds for change in known]
        waits += [change.since + JOINING_SECONDS for change in joined if change is not None]
        until = max(waits, default=now)
        if until > now:
            wait = Retryable(RetryReason.WAITS_FOR_PROFILE, until - now, tried=False)
            changes.outcomes[position] = wait

    def _apply_consent(
        self, changes: Changes, position: int, operation: Subscribe, now: float
    ) -> None:
        """What was said later stands, whether or not Klaviyo shows it yet."""
        said = instant(consent_time(operation))
        if said is None:
            return

        def is_outdated(keys: Iterable[Key]) -> bool:
            known = (self._get(key, now) for key in keys)
            return any(each is not None and (each.said or NEVER) > said for each in known)

        channels = channels_of(operation)
        has_left = is_outdated(_list_keys("left", operation))
        kept = tuple(
            each
            for each in channels
            if not (has_left or is_outdated(_channel_keys(with_channels(operation, (each,)))))
        )
        if len(kept) < len(channels):
            changes.warn(position, DeliveryWarning.OPTED_OUT)
            if kept:
                changes.operations[position] = with_channels(operation, kept)
            else:
                changes.outcomes[position] = Delivered()

    def _apply_identify(
        self, changes: Changes, position: int, operation: Subscribe, now: float
    ) -> None:
        """Who has opted out stays so. If only some channels are withdrawn, Klaviyo shows which ones
        once half an hour is over."""
        left = [self._get(key, now) for key in _list_keys("left", operation)]
        off = [self._withdrawal(operation, each, now) for each in channels_of(operation)]
        known = [change for change in off if change is not None]
        if any(left) or (known and len(known) == len(off)):
            changes.warn(position, DeliveryWarning.OPTED_OUT)
            changes.outcomes[position] = Delivered()
        elif known:
            wait = max(change.since for change in known) + self.seconds - now
            changes.outcomes[position] = Retryable(RetryReason.CONSENT_TOO_SOON, wait, tried=False)
        elif operation.list_id is not None and all(
            (joined := self._get(key, now)) is not None
            and not self._has_come_back(key[2:], joined, operation, now)
            for key in _list_keys("joined", operation)
        ):
            changes.outcomes[position] = Delivered()

    def _withdrawal(self, operation: Subscribe, channel: str, now: float) -> ConsentChange | None:
        """The withdrawal of the channel, by whichever identifier the message named."""
        found = [self._get(key, now) for key in _keys_of_channel(channel, operation)]
        return next((change for change in found if change is not None), None)

    def _has_come_back(
        self, identifier: Key, joined: ConsentChange, operation: Subscribe, now: float
    ) -> bool:
        """Whether the person was deleted after joining, and the operation is from after that."""
        deleted = self._get(("deleted", *identifier), now)
        if deleted is None or deleted.since < joined.since or deleted.said is None:
            return False
        said = instant(operation.time)
        return said is not None and said > deleted.said

    def withdrawn(self, channel: str, value: str, now: float) -> Withdrawn | None:
        """The withdrawal that all processes together have sent last, of a channel by its
        identifier. One that only this process knows of may hide a later one of another process,
        and so excuses nothing that Klaviyo shows."""
        change = self._get(("withdrawn", channel, value), now)
        if change is None or change.said is None or change.until == NEVER:
            return None
        return Withdrawn(change.said, change.until)

    def note_withdrawal(
        self, channel: str, identifier: tuple[str, str], said: float, until: float, now: float
    ) -> None:
        """Note a withdrawal that some process has sent, for one delivery. A later one that this
        process has sent stays: the others may not know of it."""
        field, value = identifier
        key = ("withdrawn", channel, comparable(field, value))
        known = self._get(key, now)
        if known is None or (known.said or NEVER) <= said:
            self._put([key], ConsentChange(now, said, True, until))
            self._excused.append(key)

    def end_excuses(self) -> None:
        """From here on Klaviyo's dates count again: another process may withdraw more."""
        for key in self._excused:
            change = self._changes.get(key)
            if change is not None:
                self._changes[key] = replace(change, until=NEVER)
        self._excused.clear()

    def note_deletion(self, identifier: tuple[str, str], said: float | None, now: float) -> None:
        """Note that a person is deleted, who is on no list any more."""
        field, value = identifier
        self._put([("deleted", field, comparable(field, value))], ConsentChange(now, said, True))

    def note_leaving(self, operation: Unsubscribe, now: float) -> None:
        """Note that some process may have sent this unsubscription from a list a short time ago.
        What this process knows for certain stays."""
        said = instant(operation.time)
        for key in _list_keys("left", operation):
            known = self._get(key, now)
            if known is None or not _is_repeat(known, said):
                self._put([key], ConsentChange(now, said, certain=False))

    def is_uncertain(self, operation: Unsubscribe, now: float) -> bool:
        """Whether the same was sent, and not answered."""
        changes = (self._get(key, now) for key in _list_keys("left", operation))
        return any(change is not None and not change.certain for change in changes)

    def remember(self, progress: Progress, now: float) -> None:
        """Note the consents that this delivery has changed, or may have."""
        for position in progress.carried_out:
            operation = progress.operations[position]
            if isinstance(operation, Subscribe):
                for channel in channels_of(operation):
                    self._forget(_keys_of_channel(channel, operation))
                self._forget(_list_keys("left", operation))
                self._note(_list_keys("joined", operation), operation, now)
            elif isinstance(operation, Unsubscribe):
                self._forget(_list_keys("joined", operation))
                keys = _list_keys("left", operation)
                self._note(keys or _channel_keys(operation), operation, now)
        for position in progress.uncertain:
            operation = progress.operations[position]
            self._note(_list_keys("left", operation), operation, now, certain=False)
        progress.carried_out.clear()
        progress.uncertain.clear()

    def _get(self, key: Key, now: float) -> ConsentChange | None:
        change = self._changes.get(key)
        return change if change is not None and now - change.since < self.seconds else None

    def _note(
        self, keys: Iterable[Key], operation: Operation, now: float, *, certain: bool = True
    ) -> None:
        self._put(keys, ConsentChange(now, instant(getattr(operation, "time", None)), certain))

    def _put(self, keys: Iterable[Key], change: ConsentChange) -> None:
        for key in keys:
            self._changes.pop(key, None)
            self._changes[key] = change
        while len(self._changes) > MOST:
            del self._changes[next(iter(self._changes))]

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._changes.pop(key, None)


def _is_repeat(change: ConsentChange, said: float | None) -> bool:
    """Whether it is what was sent already, or older than that."""
    if not change.certain:
        return False
    return change.said == said or (
        change.said is not None and said is not None and said < change.said
    )


def _list_keys(what: str, operation: Operation) -> list[Key]:
    if not isinstance(operation, Subscribe | Unsubscribe) or operation.list_id is None:
        return []
    return [
        (what, operation.list_id, field, comparable(field, value))
        for field in IDENTIFIERS
        if (value := getattr(operation, field)) is not None
    ]


def _keys_of_channel(channel: str, operation: Operation) -> list[Key]:
    """Under which a withdrawal of the person may be known, whichever identifier it named."""
    return [
        ("withdrawn", channel, comparable(field, value))
        for field in IDENTIFIERS
        if (value := getattr(operation, field)) is not None
    ]


def _channel_keys(operation: Subscribe | Unsubscribe) -> list[Key]:
    keys: list[Key] = []
    for channel in channels_of(operation):
        needed = identifier_of(channel) or "email"
        # A withdrawal may name the address only, of whoever has a number.
        for field in (needed, *IDENTIFIERS):
            value = getattr(operation, field)
            if value is not None:
                keys.append(("withdrawn", channel, comparable(field, value)))
                break
    return keys
