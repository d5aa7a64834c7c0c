"""The order of one person's operations where they contradict each other. Pure.

Upserts come first. Unrelated operations are sent side by side. Only an operation that would undo
an earlier one waits for it, in a later act.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from klaviyo_client.api.outcomes import Retryable, RetryReason, waiting_for
from klaviyo_client.people.last_words import last_words, may_repeat
from klaviyo_client.people.persons import identifiers, own
from operations import (
    AddToList,
    CreateEvent,
    DeleteProfile,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    is_withdrawal_from_all,
    kind_of,
    leaves_list,
)
from operations.instants import is_before

Key = tuple[str, str]
"""An identifier, or an identifier on a list: its name and its value."""

Effect = tuple[Key | None, str]
"""Something that can be done and undone: a person's consent, or membership of a list."""

CONSENT, JOIN = "consent", "join"


@dataclass(slots=True)
class Acts:
    """`acts` follow one another. `superseded` steps have a later one that says the opposite.

    `followers` come after a deletion of their person; each has the position of that deletion. An
    operation in none of these is a deletion or a merge. `doomed` operations must be done before
    one. Those `too_soon` end a membership that a subscription of the same batch begins. Those
    `opted_out` are subscriptions by an identify of people who opted out in the same batch.
    """

    acts: list[list[int]] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)
    followers: dict[int, int] = field(default_factory=dict)
    doomed: frozenset[int] = frozenset()
    too_soon: set[int] = field(default_factory=set)
    opted_out: set[int] = field(default_factory=set)


def can_contradict(operations: Iterable[Operation]) -> bool:
    """Whether any of the operations can undo another."""
    return not {type(operation) for operation in operations}.isdisjoint(_UNDOING)


_UNDOING = frozenset({RemoveFromList, Unsubscribe, DeleteProfile, MergeProfiles})
_OF_ONE_PROFILE = (UpsertProfile, CreateEvent, AddToList, RemoveFromList, DeleteProfile)
_LAST = (DeleteProfile, MergeProfiles)
"""Sent only when nothing else about their people is left to send."""


def keys_of(operation: Operation) -> list[Key]:
    """The identifiers by which the operation names its person; none for checks of imports."""
    if isinstance(operation, _OF_ONE_PROFILE):
        return identifiers(operation.identity)
    if isinstance(operation, Subscribe | Unsubscribe):
        keys = [] if operation.email is None else [("email", operation.email.lower())]
        return keys + _phone(operation)
    if isinstance(operation, MergeProfiles):
        both = (*identifiers(operation.identity), *identifiers(operation.previous))
        return list(dict.fromkeys(both))
    return []


def waits_for(operation: Operation) -> list[Key]:
    """The keys that must not be waiting for a retry when the operation is sent.

    A list step whose profile is known no longer needs the upsert. Nothing that ends a consent
    waits until another one is ended.
    """
    if isinstance(operation, CreateEvent):
        return []
    if isinstance(operation, Subscribe):
        return [*keys_of(operation), *_effects(operation), *_endings(operation)]
    if isinstance(operation, AddToList | RemoveFromList) and operation.profile_id is not None:
        return _effects(operation)
    return [*keys_of(operation), *_effects(operation)]


def holds_back(operation: Operation) -> list[Key]:
    """The keys that the operation holds back while it waits for a retry itself."""
    if isinstance(operation, UpsertProfile | DeleteProfile):
        return keys_of(operation)
    if isinstance(operation, Unsubscribe):
        return [*_memberships(operation), *_endings(operation)]
    return _effects(operation)


def acts_of(operations: Sequence[Operation], pending: Iterable[int]) -> Acts:
    """How the pending operations follow one another."""
    positions = list(pending)
    concerned = [operations[position] for position in positions]
    if not (can_contradict(concerned) or may_repeat(concerned)):
        return Acts([positions])
    people = _People()
    for position in positions:
        people.meet(_own_keys(operations[position]))
    persons = {position: people.of(_own_keys(operations[position])) for position in positions}
    order = Acts()
    order.followers = _followers(operations, positions, persons)
    # What follows a deletion of its person does not supersede what comes before the deletion.
    words = last_words(
        operations, [each for each in positions if each not in order.followers], persons
    )
    silent = {*words.superseded, *words.opted_out}
    standing = [each for each in words.in_order if each not in silent]
    order.superseded = sorted((*words.superseded, *_superseded(operations, standing, persons)))
    order.opted_out = words.opted_out
    order.doomed = _doomed(operations, positions, persons)
    left_out = set(order.superseded)
    last: dict[Effect, tuple[str, int]] = {}
    subscribed: set[Effect] = set()
    for position in standing:
        operation = operations[position]
        if position in left_out or isinstance(operation, _LAST):
            continue
        act = 0
        effects = _verbs(operation, persons[position])
        for effect, verb in effects:
            earlier, its_act = last.get(effect, (verb, 0))
            act = max(act, its_act + (earlier != verb))
        for effect, verb in effects:
            last[effect] = (verb, act)
            if isinstance(operation, Subscribe):
                subscribed.add(effect)
            elif effect in subscribed and effect[1] != CONSENT and verb != JOIN:
                order.too_soon.add(position)
        order.acts.extend([] for _ in range(len(order.acts), act + 1))
        order.acts[act].append(position)
    return order


def held_by_deletions(
    operations: Sequence[Operation], waiting: Mapping[int, Retryable]
) -> dict[int, Retryable]:
    """The operations, by position, that must wait as well if these wait: all those of a person who
    is deleted or merged in the same batch.

    Otherwise an operation from before the deletion would be sent after it, and recreate the person.
    """
    if not waiting or not any(isinstance(operation, _LAST) for operation in operations):
        return {}
    people = _People()
    for operation in operations:
        people.meet(_own_keys(operation))
    persons = [people.of(_own_keys(operation)) for operation in operations]
    ended = {
        person
        for person, operation in zip(persons, operations, strict=True)
        if isinstance(operation, _LAST)
    }
    held = {
        person: waiting_for(outcome)
        for position, outcome in waiting.items()
        if (person := persons[position]) is not None and person in ended
    }
    return {
        position: held[person]
        for position, person in enumerate(persons)
        if person in held and position not in waiting
    }


def held_by_withdrawals(
    operations: Sequence[Operation], waiting: Mapping[int, Retryable]
) -> dict[int, Retryable]:
    """The subscriptions, by position, that must wait as well, and as long, because they would
    overtake what waits: a withdrawal from everything, or an unsubscription from the same list that
    waits for the records."""
    held = {
        key: waiting_for(outcome)
        for position, outcome in waiting.items()
        for key in _withdrawn_by(operations[position], outcome)
    }
    found: dict[int, Retryable] = {}
    for position, operation in enumerate(operations if held else ()):
        if isinstance(operation, Subscribe):
            key = next((key for key in waits_for(operation) if key in held), None)
            if key is not None:
                found[position] = held[key]
    return found


def _withdrawn_by(operation: Operation, outcome: Retryable) -> list[Key]:
    """The keys of the subscriptions that would overtake it."""
    if is_withdrawal_from_all(operation):
        return holds_back(operation)
    if leaves_list(operation) and outcome.reason is RetryReason.LEDGER_LATE:
        return _memberships(operation)
    return []


class _People:
    """Groups identifiers by person: those that appear together belong to one person."""

    def __init__(self) -> None:
        self._leads_to: dict[Key, Key] = {}

    def meet(self, keys: Sequence[Key]) -> None:
        for key in keys[1:]:
            one, other = self._root(keys[0]), self._root(key)
            if one != other:
                self._leads_to[other] = one

    def of(self, keys: Sequence[Key]) -> Key | None:
        """The key that represents the person of these."""
        return self._root(keys[0]) if keys else None

    def _root(self, key: Key) -> Key:
        while (further := self._leads_to.get(key)) is not None:
            if (beyond := self._leads_to.get(further)) is not None:
                self._leads_to[key] = beyond
            key = further
        return key


def _own_keys(operation: Operation) -> list[Key]:
    return own(keys_of(operation))


def _phone(operation: Subscribe | Unsubscribe) -> list[Key]:
    number = operation.phone_number
    return [] if number is None else [("phone_number", number)]


def _effects(operation: Operation) -> list[Key]:
    """What a step changes: a membership of a list, the consent of a channel."""
    if isinstance(operation, Subscribe | Unsubscribe):
        consents = [(f"consent {name}", value) for name, value in keys_of(operation)]
        return [*consents, *_memberships(operation)]
    return _memberships(operation)


def _memberships(operation: Operation) -> list[Key]:
    if not isinstance(operation, AddToList | RemoveFromList | Subscribe | Unsubscribe):
        return []
    return [
        (f"{name} on {where}", value)
        for where in (operation.list_id, getattr(operation, "list_name", None))
        if where is not None
        for name, value in keys_of(operation)
    ]


def _endings(operation: Subscribe | Unsubscribe) -> list[Key]:
    """That consents are being ended, which only what would give them again waits for."""
    return [(f"end of {name}", value) for name, value in keys_of(operation)]


def _verbs(operation: Operation, person: Key | None) -> list[tuple[Effect, str]]:
    """What the operation does to each consent or membership that another could undo."""
    done: list[tuple[Effect, str]] = []
    if isinstance(operation, Subscribe | Unsubscribe):
        done += [((key, CONSENT), kind_of(operation)) for key in keys_of(operation)]
    if not isinstance(operation, AddToList | RemoveFromList | Subscribe | Unsubscribe):
        return done
    if operation.list_id is not None:
        verb = JOIN if isinstance(operation, AddToList | Subscribe) else kind_of(operation)
        done.append(((person, operation.list_id), verb))
    return done


def _followers(
    operations: Sequence[Operation], positions: Iterable[int], persons: dict[int, Key | None]
) -> dict[int, int]:
    """The operations after a deletion of their person. Successive deletions count as one.

    What is older comes before the deletion, wherever it stands: it must not bring the person back.
    """
    deleted: dict[Key, int] = {}
    latest: dict[Key, int] = {}
    resumed: set[Key] = set()
    followers: dict[int, int] = {}
    for position in positions:
        person = persons[position]
        if person is None:
            continue
        if isinstance(operations[position], DeleteProfile) and person not in resumed:
            deleted.setdefault(person, position)
            before = latest.setdefault(person, position)
            if not _is_before(operations[position], operations[before]):
                latest[person] = position
        elif person in deleted and not _is_before(operations[position], operations[latest[person]]):
            resumed.add(person)
            followers[position] = deleted[person]
    return followers


def _doomed(
    operations: Sequence[Operation], positions: Iterable[int], persons: dict[int, Key | None]
) -> frozenset[int]:
    concerned = {
        persons[position] for position in positions if isinstance(operations[position], _LAST)
    }
    if not concerned:
        return frozenset()
    return frozenset(position for position in positions if persons[position] in concerned)


def _superseded(
    operations: Sequence[Operation], positions: Iterable[int], persons: dict[int, Key | None]
) -> list[int]:
    """List steps of people whose latest step on that list says the opposite.

    An unsubscription from the list also ends a membership, but does more: it is never left out.
    """
    steps: dict[tuple[Key | None, str], list[int]] = {}
    for position in positions:
        operation = operations[position]
        if not isinstance(operation, AddToList | RemoveFromList | Unsubscribe):
            continue
        if operation.list_id is not None:
            steps.setdefault((persons[position], operation.list_id), []).append(position)
    found = []
    for of_list in steps.values():
        latest = of_list[0]
        for position in of_list[1:]:
            if not _is_before(operations[position], operations[latest]):
                latest = position
        undone = _UNDONE_BY[type(operations[latest])]
        found += [position for position in of_list if isinstance(operations[position], undone)]
    return found


_UNDONE_BY: dict[type, tuple[type, ...]] = {
    AddToList: (RemoveFromList,),
    RemoveFromList: (AddToList,),
    Unsubscribe: (AddToList, RemoveFromList),
}
"""Which earlier steps on a list the latest one supersedes."""


def _is_before(one: Operation, other: Operation) -> bool:
    """Whether `one` has an earlier time; without times, positions decide."""
    return is_before(getattr(one, "time", None), getattr(other, "time", None))
