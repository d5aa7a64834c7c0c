"""What needs nothing looked up, or nothing any more: events, checks of imports, and what a profile
id is enough for. Pure.

What saves requests: an event that repeats is sent once, and a bulk job is used from the number of
events at which it costs less of the minute's allowance.
"""

from collections.abc import Iterable, Iterator, Sequence

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import (
    ADD_TO_LIST,
    BULK_CREATE_EVENTS,
    CREATE_EVENT,
    GET_IMPORT,
    MERGE_PROFILES,
    REMOVE_FROM_LIST,
    REQUEST_DELETION,
    Endpoint,
    bulk_from,
)
from klaviyo_client.people.persons import distinct_events
from klaviyo_client.planning.progress import Known
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    MergeProfiles,
    Operation,
    RemoveFromList,
)

BULK_EVENTS_FROM = bulk_from(CREATE_EVENT, BULK_CREATE_EVENTS)


def plan_steps(known: Known, pending: Sequence[int]) -> list[Request]:
    """Events, new members of lists whose profile id is known, and checks of imports."""
    operations = known.operations
    checks: dict[str, list[int]] = {}
    for position in pending:
        operation = operations[position]
        if isinstance(operation, CheckImport):
            checks.setdefault(operation.job_id, []).append(position)
    return [
        *_event_requests(operations, pending),
        *_member_requests(ADD_TO_LIST, AddToList, operations, pending),
        *(
            Request(GET_IMPORT, (Item(b"", tuple(positions)),), target=job_id)
            for job_id, positions in checks.items()
        ),
    ]


def plan_removals(known: Known, pending: Iterable[int]) -> list[Request]:
    """Who leaves which list, a thousand a request, as far as the profile ids are known."""
    return list(_member_requests(REMOVE_FROM_LIST, RemoveFromList, known.operations, pending))


def plan_merges(known: Known, pending: Iterable[int]) -> list[Request]:
    """One request for each two profiles that are known and to be one."""
    pairs: dict[tuple[str, str], list[int]] = {}
    for position in pending:
        if not isinstance(known.operations[position], MergeProfiles):
            continue
        profile_ids = known.profile_ids.get(position)
        source_id = known.previous_ids.get(position)
        if profile_ids and source_id is not None and profile_ids[0] != source_id:
            pairs.setdefault((profile_ids[0], source_id), []).append(position)
    return [
        Request(MERGE_PROFILES, (Item(bodies.merge(*pair), tuple(positions)),))
        for pair, positions in pairs.items()
    ]


def plan_deletions(known: Known, pending: Iterable[int]) -> list[Request]:
    """One request for each profile that was found: several may have one external id."""
    profiles: dict[str, list[int]] = {}
    for position in pending:
        if isinstance(known.operations[position], DeleteProfile):
            for profile_id in known.profile_ids.get(position, ()):
                profiles.setdefault(profile_id, []).append(position)
    return [
        Request(REQUEST_DELETION, (Item(bodies.deletion(profile_id), tuple(positions)),))
        for profile_id, positions in profiles.items()
    ]


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


def _member_requests(
    endpoint: Endpoint,
    kind: type[AddToList] | type[RemoveFromList],
    operations: Sequence[Operation],
    pending: Iterable[int],
) -> Iterator[Request]:
    """The list steps of this kind, by list, each profile once, where both ids are known."""
    members: dict[str, dict[str, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if not isinstance(operation, kind):
            continue
        if operation.profile_id is not None and operation.list_id is not None:
            of_list = members.setdefault(operation.list_id, {})
            of_list.setdefault(operation.profile_id, []).append(position)
    for list_id, profiles in members.items():
        items = (
            Item(endpoint.write_item(profile_id), tuple(positions))
            for profile_id, positions in profiles.items()
        )
        for chunk in chunks(items, endpoint):
            yield Request(endpoint, chunk, target=list_id)
