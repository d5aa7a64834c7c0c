"""The upserts of a delivery as the fewest requests. Pure.

What saves requests: the upserts of one person are merged, and an import job is used from the number
of profiles at which it costs less of the minute's allowance.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    MAX_PROFILE_BYTES,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
)
from klaviyo_client.people.edits import in_runs, merged_edits
from klaviyo_client.people.persons import Person, persons_of, union
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import (
    AddToList,
    Identity,
    Json,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    kind_of,
)

Rounds = Sequence[Sequence[Request]]
"""A round begins when the one before it has ended."""

BULK_PROFILES_FROM = bulk_from(UPSERT_PROFILE, BULK_IMPORT_PROFILES)


def plan_profiles(
    operations: Sequence[Operation],
    pending: Iterable[int],
    singly: frozenset[int] = frozenset(),
    to_ask: frozenset[str] = frozenset(),
) -> Rounds:
    """The upserts, in rounds.

    Those `singly` stay out of import jobs, which Klaviyo carries out some time later. Of those
    whose address is `to_ask`, in small letters, a single upsert's answer shows consents.
    """
    return [
        list(_profile_requests(operations, persons, singly, to_ask))
        for persons in persons_of(operations, pending)
    ]


def single_upsert(
    operations: Sequence[Operation], covers: tuple[int, ...], joins: tuple[int, ...] = ()
) -> Request:
    """One person's upserts: one request, or several that follow one another where the edits of
    custom properties demand it. The list steps go with the last."""
    *runs, last = in_runs(operations, covers)
    items = [profile_item(UPSERT_PROFILE, operations, run) for run in runs]
    items.append(profile_item(UPSERT_PROFILE, operations, last, joins))
    return Request(UPSERT_PROFILE, tuple(items[:1]), rest=tuple(items[1:]))


def profile_item(
    endpoint: Endpoint,
    operations: Sequence[Operation],
    covers: tuple[int, ...],
    joins: tuple[int, ...] = (),
) -> Item:
    """The upserts and list steps of one person as one item for the endpoint."""
    upsert = operations[covers[0]] if len(covers) == 1 and not joins else None
    if not isinstance(upsert, UpsertProfile):
        upsert = merged([operations[position] for position in (*covers, *joins)])
    return Item(endpoint.write_item(upsert), covers, joins)


def merged(operations: Sequence[Operation]) -> UpsertProfile:
    """The upserts as one, in order: the last word on each attribute and property wins.

    A list step or a consent counts as an upsert of its identity.
    """
    identity = Identity()
    attributes: dict[str, Json] = {}
    properties: dict[str, Json] = {}
    for operation in operations:
        if isinstance(operation, UpsertProfile):
            location = attributes.get("location")
            attributes.update(operation.attributes)
            if isinstance(location, dict) and isinstance(attributes["location"], dict):
                attributes["location"] = {**location, **attributes["location"]}
            properties.update(operation.properties)
        elif isinstance(operation, Subscribe):
            identity = union(identity, Identity(operation.email, None, operation.phone_number))
            continue
        elif isinstance(operation, Unsubscribe):
            # One identifier is enough for a trace: a refusal of the other one would cost a channel.
            number = operation.phone_number if operation.email is None else None
            identity = union(identity, Identity(operation.email, None, number))
            continue
        elif not isinstance(operation, AddToList):
            raise TypeError(f"{kind_of(operation)} is no upsert")
        identity = union(identity, operation.identity)
    upsert = UpsertProfile(None, identity, attributes, properties)
    return merged_edits(upsert, operations)


def _profile_requests(
    operations: Sequence[Operation],
    persons: Iterable[Person],
    singly: frozenset[int],
    to_ask: frozenset[str],
) -> Iterator[Request]:
    groups: dict[tuple[str, ...], list[Person]] = {}
    singles: list[Person] = []
    for person in persons:
        if singly and not singly.isdisjoint((*person.covers, *person.joined())):
            singles.append(person)
        else:
            lists = tuple(sorted(person.joins, key=str)) if person.joins else ()
            groups.setdefault(lists, []).append(person)
    for list_ids, group in groups.items():
        items, others = _import_items(operations, group)
        singles.extend(others)
        for chunk in chunks(items, BULK_IMPORT_PROFILES):
            yield Request(BULK_IMPORT_PROFILES, chunk, list_ids=list_ids)
    for person in singles:
        upsert = single_upsert(operations, tuple(person.covers), person.joined())
        email = person.identity.email
        if to_ask and email is not None and email.lower() in to_ask:
            upsert = replace(upsert, with_consents=True)
        yield upsert


def _import_items(
    operations: Sequence[Operation], group: Sequence[Person]
) -> tuple[Sequence[Item], Sequence[Person]]:
    """The items of an import job, and the persons who are sent singly: those who must be, or all
    of them, if a job would not pay."""
    items: list[Item] = []
    others: list[Person] = []
    for person in group if len(group) >= BULK_PROFILES_FROM else ():
        if _cannot_be_imported(operations, person.covers):
            others.append(person)
            continue
        item = _person_item(BULK_IMPORT_PROFILES, operations, person)
        if len(item.body) > MAX_PROFILE_BYTES:
            others.append(person)
        else:
            items.append(item)
    return (items, others) if len(items) >= BULK_PROFILES_FROM else ((), group)


def _person_item(endpoint: Endpoint, operations: Sequence[Operation], person: Person) -> Item:
    joins = person.joined() if person.joins else ()
    return profile_item(endpoint, operations, tuple(person.covers), joins)


def _cannot_be_imported(operations: Sequence[Operation], covers: Sequence[int]) -> bool:
    """Whether one item of an import job cannot hold the upserts of a person."""
    if len(covers) == 1:
        return _needs_single(operations[covers[0]])
    return (
        any(_needs_single(operations[position]) for position in covers)
        or len(in_runs(operations, covers)) > 1
    )


def _needs_single(operation: Operation) -> bool:
    return isinstance(operation, UpsertProfile) and bodies.needs_single(operation)
