"""In which order operations of one person must take effect, where they contradict each other. Pure.

Upserts come before all else, and what has nothing to do with each other goes side by side. Only
what would undo something earlier waits for it, in an act of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from klaviyo_client.api.outcomes import Retryable, waiting_for
from klaviyo_client.people.last_words import last_words, may_repeat
from klaviyo_client.people.persons import SHARED_BY_SEVERAL, identifiers
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
    kind_of,
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

    `followers` come after a deletion of their person, by whose position they are known. What is in
    none of these is a deletion or a merge. `doomed` are operations that must be done before one.
    Those of an act that are `too_soon` end a membership that a subscription has only just begun.
    Those `opted_out` are subscriptions by an identify of who has opted out in the same batch.
    """

    acts: list[list[int]] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)
    followers: dict[int, int] = field(default_factory=dict)
    doomed: frozenset[int] = frozenset()
    too_soon: set[int] = field(default_factory=set)
    opted_out: set[int] = field(default_factory=set)


def can_contradict(operations: Iterable[Operation]) -> bool:
    """Whether there is anything that undoes things."""
    return not {type(operation) for operation in operations}.isdisjoint(_UNDOING)


_UNDOING = frozenset({RemoveFromList, Unsubscribe, DeleteProfile, MergeProfiles})
_LAST = (DeleteProfile, MergeProfiles)
"""What comes once nothing of its persons is left to do."""


def keys_of(operation: Operation) -> list[Key]:
    """The identifiers that the operation names its person by; none for checks of imports."""
    if isinstance(operation, Subscribe | Unsubscribe):
        keys = [] if operation.email is None else [("email", operation.email.lower())]
        return keys + _phone(operation)
    if isinstance(
        operation, UpsertProfile | CreateEvent | AddToList | RemoveFromList | DeleteProfile
    ):
        return identifiers(operation.identity)
    if isinstance(operation, MergeProfiles):
        both = (*identifiers(operation.identity), *identifiers(operation.previous))
        return list(dict.fromkeys(both))
    return []


def waits_for(operation: Operation) -> list[Key]:
    """What must not be waiting to be sent again when the operation goes.

    A list step whose profile is known needs no upsert any more.
    """
    if isinstance(operation, CreateEvent):
        return []
    if isinstance(operation, AddToList | RemoveFromList) and operation.profile_id is not None:
        return _effects(operation)
    return [*keys_of(operation), *_effects(operation)]


def holds_back(operation: Operation) -> list[Key]:
    """What the operation keeps from going while it must be sent again itself."""
    if isinstance(operation, UpsertProfile | DeleteProfile):
        return keys_of(operation)
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
    # What follows a deletion of its person is no later word than what comes before.
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
    """What else waits, by position, where these operations wait: all of a person who is deleted or
    merged in the same batch.

    Otherwise an operation from before the deletion would come after it, and bring the person back.
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


class _People:
    """Who is who: identifiers that have stood together are one person's."""

    def __init__(self) -> None:
        self._leads_to: dict[Key, Key] = {}

    def meet(self, keys: Sequence[Key]) -> None:
        for key in keys[1:]:
            one, other = self._root(keys[0]), self._root(key)
            if one != other:
                self._leads_to[other] = one

    def of(self, keys: Sequence[Key]) -> Key | None:
        """The key that stands for the person of these."""
        return self._root(keys[0]) if keys else None

    def _root(self, key: Key) -> Key:
        while (further := self._leads_to.get(key)) is not None:
            if (beyond := self._leads_to.get(further)) is not None:
                self._leads_to[key] = beyond
            key = further
        return key


def _own_keys(operation: Operation) -> list[Key]:
    """The identifiers that nobody shares, unless there is no other."""
    keys = keys_of(operation)
    return [key for key in keys if key[0] not in SHARED_BY_SEVERAL] or keys


def _phone(operation: Subscribe | Unsubscribe) -> list[Key]:
    number = operation.phone_number
    return [] if number is None else [("phone_number", number)]


def _effects(operation: Operation) -> list[Key]:
    """What a step changes: a membership of a list, the consent of a channel."""
    effects: list[Key] = []
    if isinstance(operation, Subscribe | Unsubscribe):
        effects += [(f"consent {name}", value) for name, value in keys_of(operation)]
    if isinstance(operation, AddToList | RemoveFromList | Subscribe | Unsubscribe):
        for where in (operation.list_id, getattr(operation, "list_name", None)):
            if where is not None:
                effects += [(f"{name} on {where}", value) for name, value in keys_of(operation)]
    return effects


def _verbs(operation: Operation, person: Key | None) -> list[tuple[Effect, str]]:
    """What the operation does to each thing that others may do the opposite to."""
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
    """What comes after a deletion of its person. Deletions in a row are one."""
    deleted: dict[Key, int] = {}
    resumed: set[Key] = set()
    followers: dict[int, int] = {}
    for position in positions:
        person = persons[position]
        if person is None:
            continue
        if isinstance(operations[position], DeleteProfile) and person not in resumed:
            deleted.setdefault(person, position)
        elif person in deleted:
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
    """Steps on a list of those whose latest step there says the opposite.

    An unsubscription from the list ends a membership, too, but is more than that: it is never left
    out.
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
"""Which earlier steps on a list the latest one makes needless."""


def _is_before(one: Operation, other: Operation) -> bool:
    """Whether its time says so; without times, positions decide."""
    return is_before(getattr(one, "time", None), getattr(other, "time", None))
