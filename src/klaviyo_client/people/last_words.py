"""The last word in a batch on each consent of a person. Pure.

Thousands of consents of one person become a few, and a consent that was withdrawn later in the
batch is never given. The order is that of the operations' times; without times, that of the batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from klaviyo_client.people.persons import Key
from klaviyo_client.people.stakes import by_channel, subscriber
from operations import Operation, Subscribe, Unsubscribe, consent_time
from operations.instants import instant

Consent = tuple[str, Key]
"""A channel and the identifier that its consent belongs to."""


@dataclass(slots=True)
class LastWords:
    """`superseded` operations have a later one that says the same or the opposite. Those
    `opted_out` are subscriptions, by an identify, of people who opted out earlier in the batch.
    `in_order` has all positions, with each person's consents sorted by their times."""

    in_order: list[int]
    superseded: list[int] = field(default_factory=list)
    opted_out: set[int] = field(default_factory=set)


def may_repeat(operations: Iterable[Operation]) -> bool:
    """Whether anybody is subscribed to one list more than once."""
    subscribed = [
        (operation.list_id, subscriber(operation))
        for operation in operations
        if isinstance(operation, Subscribe)
    ]
    return len(set(subscribed)) < len(subscribed)


def last_words(
    operations: Sequence[Operation],
    positions: Sequence[int],
    persons: Mapping[int, object],
) -> LastWords:
    """Which of the consents at these positions remain; in linear time, except for sorting."""
    found = LastWords(list(positions))
    slots: dict[object, list[int]] = {}
    for slot, position in enumerate(positions):
        if isinstance(operations[position], Subscribe | Unsubscribe):
            slots.setdefault(persons[position], []).append(slot)
    for of_person in slots.values():
        if len(of_person) > 1:
            said = _in_time(operations, [positions[slot] for slot in of_person])
            for slot, position in zip(of_person, said, strict=True):
                found.in_order[slot] = position
            consents = [(position, operations[position]) for position in said]
            _collapse(consents, found)
            _leave_alone(consents, found)
    return found


def _in_time(operations: Sequence[Operation], positions: list[int]) -> list[int]:
    """The positions by the times of their operations, if all have one."""
    times = {
        position: instant(consent_time(operation))
        for position in positions
        if isinstance(operation := operations[position], Subscribe | Unsubscribe)
    }
    known = {position: time for position, time in times.items() if time is not None}
    return sorted(positions, key=known.__getitem__) if len(known) == len(positions) else positions


def _collapse(consents: Sequence[tuple[int, Operation]], found: LastWords) -> None:
    """Backwards from the last one: an operation that later ones decide completely is superseded."""
    given: set[tuple[str | None, Consent, bool]] = set()
    asked: set[tuple[str | None, Consent]] = set()
    left: set[tuple[str, Consent]] = set()
    withdrawn: set[Consent] = set()
    resumed: set[Consent] = set()
    for position, operation in reversed(consents):
        if isinstance(operation, Subscribe):
            list_id, kind = operation.list_id, operation.historical_import
            about = by_channel(operation)
            is_decided = all(
                (list_id, each, kind) in given
                or each in withdrawn
                or (list_id is not None and (list_id, each) in left)
                or (not operation.is_consent and (list_id, each) in asked)
                for each in about
            )
            if is_decided:
                found.superseded.append(position)
                continue
            asked.update((list_id, each) for each in about)
            if operation.is_consent:
                given.update((list_id, each, kind) for each in about)
                resumed.update(about)
        elif isinstance(operation, Unsubscribe):
            about = by_channel(operation)
            list_id = operation.list_id
            if list_id is None:
                is_decided = all(each in resumed or each in withdrawn for each in about)
            else:
                is_decided = all(
                    (list_id, each) in left
                    or (list_id, each, False) in given
                    or (list_id, each, True) in given
                    for each in about
                )
            if is_decided:
                found.superseded.append(position)
            elif list_id is None:
                withdrawn.update(about)
            else:
                left.update((list_id, each) for each in about)


def _leave_alone(consents: Sequence[tuple[int, Operation]], found: LastWords) -> None:
    """Forwards from the first one: an identify after a withdrawal is not a consent."""
    withdrawn: set[Consent] = set()
    left: set[tuple[str, Consent]] = set()
    superseded = set(found.superseded)
    for position, operation in consents:
        if isinstance(operation, Unsubscribe):
            about = by_channel(operation)
            if operation.list_id is None:
                withdrawn.update(about)
            else:
                left.update((operation.list_id, each) for each in about)
        elif isinstance(operation, Subscribe):
            about = by_channel(operation)
            of_list = [(operation.list_id, each) for each in about if operation.list_id is not None]
            if operation.is_consent:
                withdrawn.difference_update(about)
                left.difference_update(of_list)
            elif position not in superseded and (
                not withdrawn.isdisjoint(about) or not left.isdisjoint(of_list)
            ):
                found.opted_out.add(position)
