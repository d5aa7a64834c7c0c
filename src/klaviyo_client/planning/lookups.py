"""Looks up in bulk which profile an operation is about, and whether it is on a list. Pure.

A hundred identifiers go into one request. A profile that is not found by one identifier is looked
up by the next that the operation has.
"""

from collections.abc import Hashable, Iterable, Sequence

from msgspec.structs import replace

from klaviyo_client.api.endpoints import GET_LIST_MEMBERS, GET_PROFILES, MAX_QUERY_BYTES, Endpoint
from klaviyo_client.api.outcomes import Delivered, DeliveryWarning
from klaviyo_client.api.queries import SINGLE_VALUED, asked_for, comparable
from klaviyo_client.planning.progress import Changes, Known
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import (
    DeleteProfile,
    Identity,
    MergeProfiles,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    leaves_list,
)

CHANNELS = ("email", "phone_number")

_ORDER = {
    RemoveFromList: ("email", "external_id", "phone_number", "_kx"),
    DeleteProfile: ("external_id", "email", "phone_number", "_kx"),
    MergeProfiles: ("external_id", "email", "phone_number", "_kx"),
}
"""Which identifier is looked up first. A list step means the profile that Klaviyo would find for an
upsert of the same identity. A deletion and a merge mean the users that they name."""


def sources(known: Known, position: int) -> list[tuple[str, str]]:
    """The identifiers to look the operation's profile up by, the first one first.

    A merge looks up two, one after the other: the profile that is to go comes first.
    """
    operation = known.operations[position]
    if not isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
        return []
    given = _wanted(known, position, operation).attributes()
    return [(field, given[field]) for field in _ORDER[type(operation)] if field in given]


def _wanted(
    known: Known, position: int, operation: RemoveFromList | DeleteProfile | MergeProfiles
) -> Identity:
    if isinstance(operation, MergeProfiles) and position not in known.previous_ids:
        return operation.previous
    return operation.identity


def plan_profile_lookups(known: Known, pending: Iterable[int]) -> list[Request]:
    """Requests for the profiles that the operations are about, as far as they are not known."""
    wanted: dict[str, dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = known.operations[position]
        if position in known.profile_ids or getattr(operation, "profile_id", None) is not None:
            continue
        left = sources(known, position)[known.asked.get(position, 0) :]
        if left:
            field, value = left[0]
            of_field = wanted.setdefault(field, {})
            of_field.setdefault(comparable(field, value), []).append(position)
    requests = []
    for field, values in wanted.items():
        items = [
            Item(asked_for(field, value_of(known, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        requests += _requests(GET_PROFILES, items, field)
    return requests


def plan_member_lookups(known: Known, pending: Iterable[int]) -> list[Request]:
    """Requests that tell which of those who are to be unsubscribed from a list are on it."""
    wanted: dict[tuple[str, str], dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = known.operations[position]
        if not isinstance(operation, Unsubscribe) or operation.list_id is None:
            continue
        for field in CHANNELS:
            value = getattr(operation, field)
            if value is not None and (position, field) not in known.members:
                of_list = wanted.setdefault((operation.list_id, field), {})
                of_list.setdefault(comparable(field, value), []).append(position)
    requests = []
    for (list_id, field), values in wanted.items():
        items = [
            Item(asked_for(field, value_of(known, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        members = _requests(GET_LIST_MEMBERS, items, field, list_id)
        requests += [replace(request, with_consents=True) for request in members]
    return requests


def without_object(known: Known, pending: Iterable[int]) -> Changes:
    """There is nothing to do where there is no such profile or member of the list, or where both
    profiles of a merge are one."""
    changes = Changes()
    for position in pending:
        operation = known.operations[position]
        if isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
            profile_ids = known.profile_ids.get(position, ())
            if profile_ids:
                there = profile_ids[0] != known.previous_ids.get(position)
            elif getattr(operation, "profile_id", None) is not None:
                there = True
            else:
                there = known.asked.get(position, 0) < len(sources(known, position))
        elif leaves_list(operation):
            found = [
                known.members.get((position, channel), channel)
                for channel in CHANNELS
                if getattr(operation, channel) is not None
            ]
            if None in found:
                changes.warn(position, DeliveryWarning.NOT_ON_LIST)
            there = any(found) and not _has_left(known, operation)
        else:
            continue
        if not there:
            changes.outcomes[position] = Delivered()
            if isinstance(operation, MergeProfiles):
                changes.warn(position, DeliveryWarning.NOTHING_TO_MERGE)
    return changes


def _has_left(known: Known, operation: Unsubscribe) -> bool:
    """Whether the person has left the list already, and is on it only until Klaviyo is done."""
    keys = (
        (channel, comparable(channel, value))
        for channel in CHANNELS
        if (value := getattr(operation, channel)) is not None
    )
    standings = [known.standings.get(key) for key in keys]
    return any(each is not None and operation.list_id in each.left for each in standings)


def value_of(known: Known, positions: Sequence[int], field: str) -> str:
    """What the lookup of these operations, which agree in it, compares."""
    operation = known.operations[positions[0]]
    if isinstance(operation, Subscribe | Unsubscribe):
        return str(getattr(operation, field))
    return dict(sources(known, positions[0]))[field]


def _requests(
    endpoint: Endpoint, items: Sequence[Item], field: str, target: str = ""
) -> list[Request]:
    if field in SINGLE_VALUED:
        return [Request(endpoint, (item,), target, field=field) for item in items]
    return [
        Request(endpoint, chunk, target, field=field)
        for chunk in chunks(items, endpoint, MAX_QUERY_BYTES)
    ]
