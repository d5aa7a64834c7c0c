"""A list of operations as the fewest requests that Klaviyo's limits allow. Pure.

Stages, because some steps need what an earlier one brings: `plan_profiles` gives the upserts,
`plan_steps` what needs nothing looked up; the rest is in `consent` and `removals`. Operations are
named by their position in the list, so that each of them gets an outcome of its own whatever
request carried it.

What saves requests: the upserts of one person are merged, an event that repeats is sent once
(`persons`), and a bulk job is used from the number of items at which it costs less of the minute's
allowance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.api import bodies, queries
from klaviyo_client.api.endpoints import (
    ADD_TO_LIST,
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    GET_IMPORT,
    MAX_BODY_BYTES,
    MAX_PROFILE_BYTES,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
    fits_path,
)
from klaviyo_client.people.edits import in_runs, merged_edits
from klaviyo_client.people.persons import Person, distinct_events, persons_of, union
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Json,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    kind_of,
)

BULK_EVENTS_FROM = bulk_from(CREATE_EVENT, BULK_CREATE_EVENTS)
BULK_PROFILES_FROM = bulk_from(UPSERT_PROFILE, BULK_IMPORT_PROFILES)

BODY_OVERHEAD = 10_000
"""Bytes of a body that are reserved for everything except its items."""


UNPLANNABLE = (ValueError, TypeError, AttributeError, RecursionError)
"""Errors that planning raises for an invalid operation, such as one that was put into a queue by
hand."""


class Item(Struct, frozen=True):
    """One entry of a request's body.

    `covers` are the operations that it carries out; `joins` the `AddToList` operations of the same
    person, which an import job carries out by its `lists` and a single upsert prepares by its id.
    A single upsert also prepares those consents that need a profile to be there. Of a lookup,
    `body` is a value of the query.
    """

    body: bytes
    covers: tuple[int, ...]
    joins: tuple[int, ...] = ()


class Series(Struct, frozen=True):
    """Items that follow a request of their kind, as it turns out (`caution`).

    `was_answered` once Klaviyo has taken one of the series; `misses` counts those that failed.
    """

    items: tuple[Item, ...]
    was_answered: bool = False
    misses: int = 0


class Request(Struct, frozen=True):
    """One HTTP request and the operations that it carries out.

    `target` is the id in the path; `list_ids` the lists that the profiles of an import job join,
    or the list of a consent job, whose further attributes are `settings`; `field` is what a lookup
    compares, and `page` counts its pages; `rest` what must follow, one request an item, once this
    one has ended; `series` what follows only if this one goes well. The answer shows consents
    `with_consents`.
    """

    endpoint: Endpoint
    items: tuple[Item, ...]
    target: str = ""
    list_ids: tuple[str, ...] = ()
    query: str = ""
    rest: tuple[Item, ...] = ()
    settings: bytes = b""
    field: str = ""
    page: int = 0
    series: Series | None = None
    with_consents: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for an id that no path may hold, wherever it comes from."""
        if self.target and not fits_path(self.target):
            raise ValueError("an id that cannot stand in a path")

    @property
    def path(self) -> str:
        """The path with its query, without the host."""
        target = quote(str(self.target).encode(errors="replace"), safe="")
        query = self.query
        if not query and self.endpoint.is_lookup:
            values = [item.body for item in self.items]
            query = queries.query(self.endpoint, self.field, values, self.with_consents)
        elif not query and self.with_consents:
            query = f"?{queries.WITH_CONSENTS}"
        return self.endpoint.path.replace("{id}", target) + query

    def body(self) -> bytes:
        """The body, written from the items at each call."""
        items = [item.body for item in self.items]
        body: bytes = self.endpoint.write_body(items, self.list_ids, self.settings)
        return body


def plan_profiles(
    operations: Sequence[Operation],
    pending: Iterable[int],
    singly: frozenset[int] = frozenset(),
    to_ask: frozenset[str] = frozenset(),
) -> list[list[Request]]:
    """The upserts, in rounds: a round begins when the one before it has ended.

    Those `singly` stay out of import jobs, which Klaviyo carries out some time later. Of those
    whose address is `to_ask`, in small letters, a single upsert's answer shows consents.
    """
    return [
        list(_profile_requests(operations, persons, singly, to_ask))
        for persons in persons_of(operations, pending)
    ]


def plan_steps(operations: Sequence[Operation], pending: Sequence[int]) -> list[Request]:
    """Events, list members whose profile id is known, and checks of imports."""
    members: dict[str, dict[str, list[int]]] = {}
    checks: dict[str, list[int]] = {}
    for position in pending:
        operation = operations[position]
        if isinstance(operation, AddToList):
            if operation.profile_id is not None and operation.list_id is not None:
                of_list = members.setdefault(operation.list_id, {})
                of_list.setdefault(operation.profile_id, []).append(position)
        elif isinstance(operation, CheckImport):
            checks.setdefault(operation.job_id, []).append(position)
    return [
        *_event_requests(operations, pending),
        *member_requests(ADD_TO_LIST, members),
        *(
            Request(GET_IMPORT, (Item(b"", tuple(positions)),), target=job_id)
            for job_id, positions in checks.items()
        ),
    ]


def member_requests(
    endpoint: Endpoint, members: Mapping[str, Mapping[str, Iterable[int]]]
) -> Iterator[Request]:
    """Requests that add to or remove from lists: by list, each profile id with its operations."""
    for list_id, profiles in members.items():
        items = (
            Item(endpoint.write_item(profile_id), tuple(positions))
            for profile_id, positions in profiles.items()
        )
        for chunk in chunks(items, endpoint):
            yield Request(endpoint, chunk, target=list_id)


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


def chunks(
    items: Iterable[Item], endpoint: Endpoint, most_bytes: int = MAX_BODY_BYTES - BODY_OVERHEAD
) -> Iterator[tuple[Item, ...]]:
    """The items in order, cut where a request is full by number or by bytes."""
    items = tuple(items)
    length = len(items) + sum([len(item.body) for item in items])
    if 0 < len(items) <= endpoint.max_items and length <= most_bytes:
        yield items
        return
    chunk: list[Item] = []
    size = 0
    for item in items:
        length = len(item.body) + 1
        if chunk and (len(chunk) == endpoint.max_items or size + length > most_bytes):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield tuple(chunk)


def _profile_requests(
    operations: Sequence[Operation],
    persons: Iterable[Person],
    singly: frozenset[int],
    to_ask: frozenset[str],
) -> Iterator[Request]:
    groups: dict[tuple[str, ...], list[Person]] = {}
    singles: list[Person] = []
    for person in persons:
        covers = person.covers
        if (
            (len(covers) == 1 and _needs_single(operations[covers[0]]))
            or (len(covers) > 1 and _needs_several(operations, covers))
            or (singly and not singly.isdisjoint((*covers, *person.joined())))
        ):
            singles.append(person)
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
        upsert = single_upsert(operations, tuple(person.covers), person.joined())
        email = person.identity.email
        if to_ask and email is not None and email.lower() in to_ask:
            upsert = replace(upsert, with_consents=True)
        yield upsert


def single_upsert(
    operations: Sequence[Operation], covers: tuple[int, ...], joins: tuple[int, ...] = ()
) -> Request:
    """One person's upserts: one request, or several that follow one another where the edits of
    custom properties demand it. The list steps go with the last."""
    *runs, last = in_runs(operations, covers)
    items = [profile_item(UPSERT_PROFILE, operations, run) for run in runs]
    items.append(profile_item(UPSERT_PROFILE, operations, last, joins))
    return Request(UPSERT_PROFILE, tuple(items[:1]), rest=tuple(items[1:]))


def _person_item(endpoint: Endpoint, operations: Sequence[Operation], person: Person) -> Item:
    joins = person.joined() if person.joins else ()
    return profile_item(endpoint, operations, tuple(person.covers), joins)


def _needs_several(operations: Sequence[Operation], covers: Sequence[int]) -> bool:
    """Whether the upserts of one person cannot all be in one item of an import job."""
    return (
        any(_needs_single(operations[position]) for position in covers)
        or len(in_runs(operations, covers)) > 1
    )


def _needs_single(operation: Operation) -> bool:
    return isinstance(operation, UpsertProfile) and bodies.needs_single(operation)


def _event_requests(operations: Sequence[Operation], pending: Iterable[int]) -> Iterator[Request]:
    for group in distinct_events(operations, pending):
        endpoint = BULK_CREATE_EVENTS if len(group) >= BULK_EVENTS_FROM else CREATE_EVENT
        write = endpoint.write_item
        items = [
            Item(write(operation), positions)
            for positions in group
            if isinstance(operation := operations[positions[0]], CreateEvent)
        ]
        for chunk in chunks(items, endpoint):
            yield Request(endpoint, chunk)
