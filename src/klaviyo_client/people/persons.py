"""Which operations of a batch are about one person. Pure.

Upserts of one person become one upsert, in message order: the last value wins, nothing is dropped.
Events that Klaviyo would treat as the same one are sent once.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from operations import AddToList, CreateEvent, Identity, Operation, UpsertProfile

Key = tuple[str, str]
"""An identifier: its name and its value."""


class Person(Struct, eq=False):
    """The person of some upserts, and the operations that depend on them.

    `covers` are the positions of the `UpsertProfile`s, `joins` those of the `AddToList`s by list.
    A person of a later `round` must wait for those of the earlier rounds.
    """

    identity: Identity
    round: int = 0
    covers: list[int] = []
    joins: dict[str, list[int]] = {}
    became: "Person | None" = None
    """The person that replaces this one from here on: merged with others, or of a later round."""

    def latest(self) -> "Person":
        """The person that further operations of this one belong to."""
        person = self
        while person.became is not None:
            person = person.became
        if person is not self:
            self.became = person
        return person

    def absorb(self, other: "Person") -> None:
        """Take over the positions of `other`, which turned out to be the same person."""
        self.round = max(self.round, other.round)
        self.covers.extend(other.covers)
        for list_id, positions in other.joins.items():
            self.joins.setdefault(list_id, []).extend(positions)
        other.covers, other.joins, other.became = [], {}, self

    def joined(self) -> tuple[int, ...]:
        """The positions of all list steps."""
        return tuple(position for positions in self.joins.values() for position in positions)


SHARED_BY_SEVERAL = frozenset({"phone_number", "anonymous_id"})
"""A family may share one browser and one number, and so do all orders that a shop's till enters.
Without this, a batch of a thousand such people would need a thousand rounds."""


def own(keys: list[Key]) -> list[Key]:
    """The identifiers that people do not share; the shared ones if there is no other."""
    return [key for key in keys if key[0] not in SHARED_BY_SEVERAL] or keys


def identifiers(identity: Identity) -> list[Key]:
    """The identifiers as Klaviyo compares them: e-mail addresses in any case."""
    named = identity.attributes()
    if "email" in named:
        named["email"] = named["email"].lower()
    return list(named.items())


def union(earlier: Identity, later: Identity) -> Identity:
    """The identifiers of both, in the later spelling."""
    return Identity.from_attributes({**earlier.attributes(), **later.attributes()})


def persons_of(operations: Sequence[Operation], pending: Iterable[int]) -> list[list[Person]]:
    """The persons of the upserts, and of the list steps whose profile id is unknown, in rounds.

    One round is enough unless two upserts share an identifier and contradict each other in
    another (a changed address). Then the later one waits for the earlier. A shared phone number
    does not make two people the same person.
    """
    positions = list(pending)
    if _are_strangers(operations, positions):
        return [
            [
                Person(operation.identity, 0, [position])
                for position in positions
                if isinstance(operation := operations[position], UpsertProfile)
            ]
        ]
    persons: list[Person] = []
    by_identifier: dict[tuple[str, str], Person] = {}
    for position in positions:
        operation = operations[position]
        if isinstance(operation, UpsertProfile):
            person = _find(operation.identity, by_identifier, persons)
            person.covers.append(position)
        elif (
            isinstance(operation, AddToList)
            and operation.profile_id is None
            and operation.list_id is not None
        ):
            person = _find(operation.identity, by_identifier, persons)
            person.joins.setdefault(operation.list_id, []).append(position)
    rounds: list[list[Person]] = []
    for person in persons:
        if person.covers or person.joins:
            person.covers.sort()
            rounds.extend([] for _ in range(len(rounds), person.round + 1))
            rounds[person.round].append(person)
    return [each for each in rounds if each]


def distinct_events(
    operations: Sequence[Operation], pending: Iterable[int]
) -> list[list[tuple[int, ...]]]:
    """The events, each with the positions of its repeats, in groups that share no request.

    Klaviyo keeps one event of each (profile, metric, unique_id), and a repeat fails a whole bulk
    job. Identities that share an identifier and contradict each other in another may or may not be
    one profile: such events go into different groups, and Klaviyo decides.
    """
    events = [
        (position, operation)
        for position in pending
        if isinstance(operation := operations[position], CreateEvent)
    ]
    if len({(operation.metric, operation.unique_id) for _, operation in events}) == len(events):
        return [[(position,) for position, _ in events]] if events else []
    groups: list[list[list[int]]] = []
    known: dict[tuple[str, str, tuple[str, str]], tuple[Identity, int, list[int]]] = {}
    for position, operation in events:
        identity = operation.identity
        keys = [(operation.metric, operation.unique_id, key) for key in identifiers(identity)]
        group = 0
        for key in keys:
            if key not in known:
                continue
            first, its_group, positions = known[key]
            if _agree(first, identity):
                positions.append(position)
                break
            group = max(group, its_group + 1)
        else:
            found = (identity, group, [position])
            known.update((key, found) for key in keys)
            groups.extend([] for _ in range(len(groups), group + 1))
            groups[group].append(found[2])
    return [[tuple(positions) for positions in group] for group in groups]


def _are_strangers(operations: Sequence[Operation], positions: Sequence[int]) -> bool:
    """Whether there are upserts and no list steps, and no two upserts share an identifier.

    Most batches are like this, and this check takes a tenth of the time of finding the persons.
    """
    identities: list[Identity] = []
    for position in positions:
        operation = operations[position]
        if isinstance(operation, UpsertProfile):
            identities.append(operation.identity)
        elif isinstance(operation, AddToList):
            return False
    return bool(identities) and all(
        len(set(values)) == len(values)
        for values in (
            [one.email.lower() for one in identities if one.email is not None],
            [one.external_id for one in identities if one.external_id is not None],
            [one.phone_number for one in identities if one.phone_number is not None],
            [one.kx for one in identities if one.kx is not None],
        )
    )


def _find(
    identity: Identity, by_identifier: dict[tuple[str, str], Person], persons: list[Person]
) -> Person:
    """The person of this identity among those known, or a new one."""
    keys = identifiers(identity)
    known: list[Person] = []
    for key in keys:
        other = by_identifier[key].latest() if key in by_identifier else None
        if other is None or other in known:
            continue
        if key[0] not in SHARED_BY_SEVERAL or _agree(other.identity, identity):
            known.append(other)
    person = _united(known, identity)
    if person is None:
        person = Person(identity, 1 + max((other.round for other in known), default=-1))
        persons.append(person)
        for other in known:
            other.became = person
    for key in keys:
        by_identifier[key] = person
    return person


def _united(known: Sequence[Person], identity: Identity) -> Person | None:
    """Those known as one person, with this identity's identifiers.

    `None` when nobody is known, or when they contradict each other.
    """
    if not known:
        return None
    first, *others = known
    whole = first.identity
    for further in (*(other.identity for other in others), identity):
        if not _agree(whole, further):
            return None
        whole = union(whole, further)
    for other in others:
        first.absorb(other)
    first.identity = whole
    return first


def _agree(one: Identity, other: Identity) -> bool:
    """Whether no identifier has two values."""
    theirs = dict(identifiers(other))
    return all(theirs.get(name, value) == value for name, value in identifiers(one))
