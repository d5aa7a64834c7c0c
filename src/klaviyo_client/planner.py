"""A list of operations as the fewest requests that Klaviyo's limits allow. Pure.

Two stages, because some steps need what the first one brings: `plan_profiles` gives the upserts,
`plan_steps` everything else. Operations are named by their position in the list, so that each of
them gets an outcome of its own whatever request carried it.

What saves requests: the upserts of one person are merged, an event that repeats is sent once
(`persons`), and a bulk job is used from the number of items at which it costs less of the minute's
allowance.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from klaviyo_client import bodies
from klaviyo_client.endpoints import (
    ADD_TO_LIST,
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    GET_IMPORT,
    MAX_BODY_BYTES,
    MAX_PROFILE_BYTES,
    SUBSCRIBE_PROFILES,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
)
from klaviyo_client.persons import Person, distinct_events, persons_of, union
from klaviyo_mapping.operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Json,
    Operation,
    Subscribe,
    UpsertProfile,
)
from klaviyo_mapping.values import value

BULK_EVENTS_FROM = bulk_from(CREATE_EVENT, BULK_CREATE_EVENTS)
BULK_PROFILES_FROM = bulk_from(UPSERT_PROFILE, BULK_IMPORT_PROFILES)

BODY_OVERHEAD = 10_000
"""Bytes kept free in a body for what stands around its items."""


UNPLANNABLE = (ValueError, TypeError, AttributeError, RecursionError)
"""What planning raises for an operation that is none, as someone may write into a queue by hand."""


@value(frozen=True, slots=True)
class Item:
    """One entry of a request's body.

    `covers` are the operations that it carries out; `joins` the `AddToList` operations of the same
    person, which an import job carries out by its `lists` and a single upsert prepares by its id.
    """

    body: bytes
    covers: tuple[int, ...]
    joins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request and the operations that hang on it.

    `target` is the id in the path; `list_ids` the lists that the profiles of an import job join,
    or the list of a subscription job; `rest` what must follow, one request an item, once this one
    has ended.
    """

    endpoint: Endpoint
    items: tuple[Item, ...]
    target: str = ""
    list_ids: tuple[str, ...] = ()
    query: str = ""
    rest: tuple[Item, ...] = ()

    @property
    def path(self) -> str:
        """The path with its query, without the host."""
        target = quote(str(self.target).encode(errors="replace"), safe="")
        return self.endpoint.path.replace("{id}", target) + self.query

    def body(self) -> bytes:
        """The body, written anew at each call from the items."""
        items = [item.body for item in self.items]
        if self.endpoint is BULK_CREATE_EVENTS:
            return bodies.events_job(items)
        if self.endpoint is BULK_IMPORT_PROFILES:
            return bodies.import_job(items, self.list_ids)
        if self.endpoint is SUBSCRIBE_PROFILES:
            return bodies.subscription_job(items, self.list_ids[0])
        if self.endpoint is ADD_TO_LIST:
            return bodies.members(items)
        return items[0]


def plan_profiles(operations: Sequence[Operation], pending: Iterable[int]) -> list[list[Request]]:
    """The upserts, in rounds: a round begins when the one before it has ended."""
    return [
        list(_profile_requests(operations, persons)) for persons in persons_of(operations, pending)
    ]


def plan_steps(operations: Sequence[Operation], pending: Sequence[int]) -> list[Request]:
    """Events, subscriptions, list members whose profile id is known, and checks of imports."""
    subscribers: dict[str, dict[str, list[int]]] = {}
    members: dict[str, dict[str, list[int]]] = {}
    checks: list[Request] = []
    for position in pending:
        operation = operations[position]
        if isinstance(operation, Subscribe):
            of_list = subscribers.setdefault(operation.list_id, {})
            of_list.setdefault(operation.email, []).append(position)
        elif isinstance(operation, AddToList) and operation.profile_id is not None:
            of_list = members.setdefault(operation.list_id, {})
            of_list.setdefault(operation.profile_id, []).append(position)
        elif isinstance(operation, CheckImport):
            checks.append(Request(GET_IMPORT, (Item(b"", (position,)),), target=operation.job_id))
    return [
        *_event_requests(operations, pending),
        *(
            Request(SUBSCRIBE_PROFILES, chunk, list_ids=(list_id,))
            for list_id, emails in subscribers.items()
            for chunk in chunks(_items(operations, emails.values()), SUBSCRIBE_PROFILES)
        ),
        *(
            Request(ADD_TO_LIST, chunk, target=list_id)
            for list_id, profiles in members.items()
            for chunk in chunks(_items(operations, profiles.values()), ADD_TO_LIST)
        ),
        *checks,
    ]


def can_be_planned(operation: Operation) -> bool:
    """Whether the operation can be written at all, alone and as one of many."""
    try:
        plan_profiles([operation], [0])
        plan_steps([operation], [0])
        if isinstance(operation, UpsertProfile):
            profile_item(BULK_IMPORT_PROFILES, [operation, operation], (0, 1))
    except UNPLANNABLE:
        return False
    return True


def rebuilt(endpoint: Endpoint, operations: Sequence[Operation], item: Item) -> Item:
    """The item anew, after its operations have changed."""
    if endpoint in (UPSERT_PROFILE, BULK_IMPORT_PROFILES):
        return profile_item(endpoint, operations, item.covers, item.joins)
    operation = operations[item.covers[0]]
    if not isinstance(operation, CreateEvent):
        raise TypeError(f"{operation.kind} has no other form")
    write = bodies.single_event if endpoint is CREATE_EVENT else bodies.event_item
    return replace(item, body=write(operation))


def profile_item(
    endpoint: Endpoint,
    operations: Sequence[Operation],
    covers: tuple[int, ...],
    joins: tuple[int, ...] = (),
) -> Item:
    """The upserts and list steps of one person as one item for the endpoint."""
    upsert = merged([operations[position] for position in (*covers, *joins)])
    write = bodies.single_profile if endpoint is UPSERT_PROFILE else bodies.profile_item
    return Item(write(upsert), covers, joins)


def merged(operations: Sequence[Operation]) -> UpsertProfile:
    """The upserts as one, in order: the last word on each attribute and property wins.

    An `AddToList` counts as an upsert of its identity.
    """
    if len(operations) == 1 and isinstance(operations[0], UpsertProfile):
        return operations[0]
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
        elif not isinstance(operation, AddToList):
            raise TypeError(f"{operation.kind} is no upsert")
        identity = union(identity, operation.identity)
    return UpsertProfile(None, identity, attributes, properties)


def chunks(items: Iterable[Item], endpoint: Endpoint) -> Iterator[tuple[Item, ...]]:
    """The items in order, cut where a request is full by number or by bytes."""
    chunk: list[Item] = []
    size = BODY_OVERHEAD
    for item in items:
        length = len(item.body) + 1
        if chunk and (len(chunk) == endpoint.max_items or size + length > MAX_BODY_BYTES):
            yield tuple(chunk)
            chunk, size = [], BODY_OVERHEAD
        chunk.append(item)
        size += length
    if chunk:
        yield tuple(chunk)


def _profile_requests(
    operations: Sequence[Operation], persons: Iterable[Person]
) -> Iterator[Request]:
    groups: dict[tuple[str, ...], list[Person]] = {}
    singles: list[Person] = []
    for person in persons:
        for position in person.covers:
            if _needs_single(operations[position]):
                singles.append(person)
                break
        else:
            lists = tuple(sorted(person.joins, key=str)) if person.joins else ()
            groups.setdefault(lists, []).append(person)
    for list_ids, group in groups.items():
        if len(group) < BULK_PROFILES_FROM:
            singles.extend(group)
            continue
        items: list[Item] = []
        for person in group:
            item = _person_item(BULK_IMPORT_PROFILES, operations, person)
            if len(item.body) > MAX_PROFILE_BYTES:
                singles.append(person)
            else:
                items.append(item)
        for chunk in chunks(items, BULK_IMPORT_PROFILES):
            yield Request(BULK_IMPORT_PROFILES, chunk, list_ids=list_ids)
    for person in singles:
        yield Request(UPSERT_PROFILE, (_person_item(UPSERT_PROFILE, operations, person),))


def _person_item(endpoint: Endpoint, operations: Sequence[Operation], person: Person) -> Item:
    joins = person.joined() if person.joins else ()
    return profile_item(endpoint, operations, tuple(person.covers), joins)


def _needs_single(operation: Operation) -> bool:
    return isinstance(operation, UpsertProfile) and bodies.needs_single(operation)


def _event_requests(operations: Sequence[Operation], pending: Iterable[int]) -> Iterator[Request]:
    for group in distinct_events(operations, pending):
        endpoint, write = (
            (BULK_CREATE_EVENTS, bodies.event_item)
            if len(group) >= BULK_EVENTS_FROM
            else (CREATE_EVENT, bodies.single_event)
        )
        items = [
            Item(write(operation), positions)
            for positions in group
            if isinstance(operation := operations[positions[0]], CreateEvent)
        ]
        for chunk in chunks(items, endpoint):
            yield Request(endpoint, chunk)


def _items(operations: Sequence[Operation], groups: Iterable[Sequence[int]]) -> Iterator[Item]:
    """One item for each group of operations that say the same."""
    for positions in groups:
        operation = operations[positions[0]]
        if isinstance(operation, Subscribe):
            yield Item(bodies.subscription_item(operation), tuple(positions))
        elif isinstance(operation, AddToList) and operation.profile_id is not None:
            yield Item(bodies.member_item(operation.profile_id), tuple(positions))
