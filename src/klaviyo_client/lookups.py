"""Which profile an operation is about, and whether it is on a list: asked of Klaviyo in bulk. Pure.

A hundred identifiers go into one request. Whoever is not found by one identifier is looked up by
the next that the operation has.
"""

from collections.abc import Hashable, Iterable, Sequence

from msgspec.structs import replace

from klaviyo_client.answers import Answer, next_page, resources
from klaviyo_client.endpoints import GET_LIST_MEMBERS, GET_PROFILES, MAX_QUERY_BYTES, Endpoint
from klaviyo_client.ledger import Ledger
from klaviyo_client.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.planner import Item, Request, chunks
from klaviyo_client.queries import SINGLE_VALUED, asked_for, comparable, shown
from klaviyo_mapping.operations import (
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Unsubscribe,
)

MOST_PAGES = 20
"""A hundred identifiers cannot have more, unless the pages go round in circles."""

CHANNELS = ("email", "phone_number")

SHOWN_AS_OTHERS = frozenset({"email", "_kx"})
"""Identifiers that lead to a profile which does not show them: a second address, an exchange id."""

_ORDER = {
    RemoveFromList: ("email", "external_id", "phone_number", "_kx"),
    DeleteProfile: ("external_id", "email", "phone_number", "_kx"),
    MergeProfiles: ("external_id", "email", "phone_number", "_kx"),
}
"""Which identifier to ask by first. A list step means whom Klaviyo would find for an upsert of the
same identity; a deletion and a merge mean the users that they name."""


def sources(ledger: Ledger, position: int) -> list[tuple[str, str]]:
    """The identifiers to look the operation's profile up by, the first one first.

    A merge looks up two, one after the other: the profile that is to go comes first.
    """
    operation = ledger.operations[position]
    if not isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
        return []
    given = _wanted(ledger, position, operation).attributes()
    return [(field, given[field]) for field in _ORDER[type(operation)] if field in given]


def _wanted(
    ledger: Ledger, position: int, operation: RemoveFromList | DeleteProfile | MergeProfiles
) -> Identity:
    if isinstance(operation, MergeProfiles) and position not in ledger.previous_ids:
        return operation.previous
    return operation.identity


def plan_profile_lookups(
    operations: Sequence[Operation], pending: Iterable[int], ledger: Ledger
) -> list[Request]:
    """Requests for the profiles that the operations are about, as far as they are not known."""
    wanted: dict[str, dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if position in ledger.profile_ids or getattr(operation, "profile_id", None) is not None:
            continue
        left = sources(ledger, position)[ledger.asked.get(position, 0) :]
        if left:
            field, value = left[0]
            of_field = wanted.setdefault(field, {})
            of_field.setdefault(comparable(field, value), []).append(position)
    requests = []
    for field, values in wanted.items():
        items = [
            Item(asked_for(field, _value(ledger, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        requests += _requests(GET_PROFILES, items, field)
    return requests


def plan_member_lookups(
    operations: Sequence[Operation], pending: Iterable[int], ledger: Ledger
) -> list[Request]:
    """Requests that tell which of those who are to be unsubscribed from a list are on it."""
    wanted: dict[tuple[str, str], dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if not isinstance(operation, Unsubscribe) or operation.list_id is None:
            continue
        for field in CHANNELS:
            value = getattr(operation, field)
            if value is not None and (position, field) not in ledger.members:
                of_list = wanted.setdefault((operation.list_id, field), {})
                of_list.setdefault(comparable(field, value), []).append(position)
    requests = []
    for (list_id, field), values in wanted.items():
        items = [
            Item(asked_for(field, _value(ledger, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        requests += _requests(GET_LIST_MEMBERS, items, field, list_id)
    return requests


def read(ledger: Ledger, request: Request, answer: Answer) -> list[Request]:
    """Note who was found; returns the requests that are still needed to know about the others."""
    found = resources(answer)
    by_value = {
        value: profile_id
        for profile_id, attributes in reversed(found)
        if (value := shown(request.field, attributes)) is not None
    }
    values = {
        item: comparable(request.field, _value(ledger, item.covers, request.field))
        for item in request.items
    }
    for item, value in values.items():
        if value in by_value:
            _note(ledger, request, item, by_value[value])
    missing = [item for item, value in values.items() if value not in by_value]
    following = next_page(answer)
    if missing and following is not None and following != request.query:
        if request.page >= MOST_PAGES:
            ledger.record(request, Retryable(RetryReason.UNAVAILABLE))
            return []
        further = replace(request, items=tuple(missing), query=following, page=request.page + 1)
        return [further]
    strangers = len(found) > sum(value in by_value for value in values.values())
    if strangers and missing and request.field in SHOWN_AS_OTHERS:
        if len(request.items) == 1:
            _note(ledger, request, missing[0], found[0][0] if len(found) == 1 else None)
            return []
        return [
            replace(request, items=tuple(half), query="", page=0)
            for half in (missing[: len(missing) // 2], missing[len(missing) // 2 :])
            if half
        ]
    for item in missing:
        _note(ledger, request, item, None)
    return []


def refuse_lookup(ledger: Ledger, request: Request, refused: Refused) -> None:
    """Klaviyo does not take the values. What has another identifier is looked up by that."""
    for item in request.items:
        for position in item.covers:
            left = len(sources(ledger, position)) - ledger.asked.get(position, 0)
            if request.endpoint is GET_PROFILES and left > 1:
                ledger.asked[position] = ledger.asked.get(position, 0) + 1
            else:
                ledger.outcomes[position] = refused


def settle_unknown(ledger: Ledger, pending: Iterable[int]) -> None:
    """There is nothing to do where there is no such profile or member of the list, or where both
    profiles of a merge are one."""
    for position in pending:
        operation = ledger.operations[position]
        if isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
            profile_id = ledger.profile_ids.get(position, getattr(operation, "profile_id", None))
            if profile_id is not None:
                there = profile_id != ledger.previous_ids.get(position)
            else:
                there = ledger.asked.get(position, 0) < len(sources(ledger, position))
        elif isinstance(operation, Unsubscribe) and operation.list_id is not None:
            there = any(
                ledger.members.get((position, channel), channel) is not None
                for channel in CHANNELS
                if getattr(operation, channel) is not None
            )
        else:
            continue
        if not there:
            ledger.outcomes[position] = Delivered()


def _requests(
    endpoint: Endpoint, items: Sequence[Item], field: str, target: str = ""
) -> list[Request]:
    if field in SINGLE_VALUED:
        return [Request(endpoint, (item,), target, field=field) for item in items]
    return [
        Request(endpoint, chunk, target, field=field)
        for chunk in chunks(items, endpoint, MAX_QUERY_BYTES)
    ]


def _value(ledger: Ledger, positions: Sequence[int], field: str) -> str:
    """What the lookup of these operations, which agree in it, compares."""
    operation = ledger.operations[positions[0]]
    if isinstance(operation, Unsubscribe):
        return str(getattr(operation, field))
    return dict(sources(ledger, positions[0]))[field]


def _note(ledger: Ledger, request: Request, item: Item, profile_id: str | None) -> None:
    """Whom the item's value belongs to, if to anybody."""
    for position in item.covers:
        operation = ledger.operations[position]
        if request.endpoint is GET_LIST_MEMBERS:
            ledger.members[position, request.field] = profile_id
        elif profile_id is None:
            ledger.asked[position] = ledger.asked.get(position, 0) + 1
        elif isinstance(operation, RemoveFromList):
            ledger.operations[position] = replace(operation, profile_id=profile_id)
        elif isinstance(operation, MergeProfiles) and position not in ledger.previous_ids:
            ledger.previous_ids[position] = profile_id
            ledger.asked[position] = 0
        else:
            ledger.profile_ids[position] = profile_id
