"""Which profile an operation is about, and whether it is on a list: asked of Klaviyo in bulk. Pure.

A hundred identifiers go into one request. A profile that is not found by one identifier is looked
up by the next that the operation has.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from klaviyo_client.api.answers import Answer, next_page, resources
from klaviyo_client.api.endpoints import GET_LIST_MEMBERS, GET_PROFILES, MAX_QUERY_BYTES, Endpoint
from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Refused, Retryable, RetryReason
from klaviyo_client.api.queries import SINGLE_VALUED, asked_for, comparable, shown
from klaviyo_client.people.consent_state import standing_of
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import (
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Subscribe,
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
"""Which identifier is looked up first. A list step means the profile that Klaviyo would find for an
upsert of the same identity. A deletion and a merge mean the users that they name."""


def sources(progress: Progress, position: int) -> list[tuple[str, str]]:
    """The identifiers to look the operation's profile up by, the first one first.

    A merge looks up two, one after the other: the profile that is to go comes first.
    """
    operation = progress.operations[position]
    if not isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
        return []
    given = _wanted(progress, position, operation).attributes()
    return [(field, given[field]) for field in _ORDER[type(operation)] if field in given]


def _wanted(
    progress: Progress, position: int, operation: RemoveFromList | DeleteProfile | MergeProfiles
) -> Identity:
    if isinstance(operation, MergeProfiles) and position not in progress.previous_ids:
        return operation.previous
    return operation.identity


def plan_profile_lookups(
    operations: Sequence[Operation], pending: Iterable[int], progress: Progress
) -> list[Request]:
    """Requests for the profiles that the operations are about, as far as they are not known."""
    wanted: dict[str, dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if position in progress.profile_ids or getattr(operation, "profile_id", None) is not None:
            continue
        left = sources(progress, position)[progress.asked.get(position, 0) :]
        if left:
            field, value = left[0]
            of_field = wanted.setdefault(field, {})
            of_field.setdefault(comparable(field, value), []).append(position)
    requests = []
    for field, values in wanted.items():
        items = [
            Item(asked_for(field, _value(progress, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        requests += _requests(GET_PROFILES, items, field)
    return requests


def plan_member_lookups(
    operations: Sequence[Operation], pending: Iterable[int], progress: Progress
) -> list[Request]:
    """Requests that tell which of those who are to be unsubscribed from a list are on it."""
    wanted: dict[tuple[str, str], dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if not isinstance(operation, Unsubscribe) or operation.list_id is None:
            continue
        for field in CHANNELS:
            value = getattr(operation, field)
            if value is not None and (position, field) not in progress.members:
                of_list = wanted.setdefault((operation.list_id, field), {})
                of_list.setdefault(comparable(field, value), []).append(position)
    requests = []
    for (list_id, field), values in wanted.items():
        items = [
            Item(asked_for(field, _value(progress, positions, field)), tuple(positions))
            for positions in values.values()
        ]
        members = _requests(GET_LIST_MEMBERS, items, field, list_id)
        requests += [replace(request, with_consents=True) for request in members]
    return requests


def read(progress: Progress, request: Request, answer: Answer) -> list[Request]:
    """Note who was found; returns the requests that are still needed to know about the others."""
    found = resources(answer)
    about = dict(found)
    by_value: dict[Hashable, list[str]] = {}
    for profile_id, attributes in found:
        value = shown(request.field, attributes)
        if value is not None:
            by_value.setdefault(value, []).append(profile_id)
    values = {
        item: comparable(request.field, _value(progress, item.covers, request.field))
        for item in request.items
    }
    for item, value in values.items():
        if value in by_value:
            _note(progress, request, item, by_value[value], about)
    missing = [item for item, value in values.items() if value not in by_value]
    following = next_page(answer)
    if following is not None and following != request.query:
        further = [*missing, *_with_more(progress, set(values).difference(missing))]
        if further:
            return _next_page(progress, replace(request, items=tuple(further)), following)
    known = sum(len(by_value[value]) for value in values.values() if value in by_value)
    if len(found) > known and missing and request.field in SHOWN_AS_OTHERS:
        if len(request.items) == 1:
            # Of several that do not show the value, none may be the one that is meant.
            ids = [profile_id for profile_id, _ in found] if len(found) == 1 else []
            _note(progress, request, missing[0], ids, about)
            return []
        return [
            replace(request, items=tuple(half), query="", page=0)
            for half in (missing[: len(missing) // 2], missing[len(missing) // 2 :])
            if half
        ]
    for item in missing:
        _note(progress, request, item, [], about)
    return []


def _next_page(progress: Progress, request: Request, query: str) -> list[Request]:
    if request.page >= MOST_PAGES:
        progress.record(request, Retryable(RetryReason.UNAVAILABLE))
        return []
    return [replace(request, query=query, page=request.page + 1)]


def _with_more(progress: Progress, items: Iterable[Item]) -> Iterator[Item]:
    """Of what is found, that for which the first profile is not enough: a deletion is about all."""
    for item in items:
        deletions = tuple(
            position
            for position in item.covers
            if isinstance(progress.operations[position], DeleteProfile)
        )
        if deletions:
            yield replace(item, covers=deletions)


def refuse_lookup(progress: Progress, request: Request, refused: Refused) -> None:
    """Klaviyo does not take the values. What has another identifier is looked up by that."""
    for item in request.items:
        for position in item.covers:
            if _is_known_enough(progress, request, position):
                continue
            left = len(sources(progress, position)) - progress.asked.get(position, 0)
            if request.endpoint is GET_PROFILES and left > 1:
                progress.asked[position] = progress.asked.get(position, 0) + 1
            else:
                progress.outcomes[position] = refused


def _is_known_enough(progress: Progress, request: Request, position: int) -> bool:
    """An identifier that Klaviyo does not even look up is nobody's. Only a consent and a withdrawal
    may go on so: whoever has not said yes is not subscribed by way of a refusal."""
    if request.endpoint is not GET_PROFILES or not request.with_consents:
        return False
    operation = progress.operations[position]
    if isinstance(operation, Subscribe) and not operation.is_consent:
        return False
    value = comparable(request.field, getattr(operation, request.field))
    progress.standings[request.field, value] = None
    return True


def settle_unknown(progress: Progress, pending: Iterable[int]) -> None:
    """There is nothing to do where there is no such profile or member of the list, or where both
    profiles of a merge are one."""
    for position in pending:
        operation = progress.operations[position]
        if isinstance(operation, RemoveFromList | DeleteProfile | MergeProfiles):
            profile_ids = progress.profile_ids.get(position, ())
            if profile_ids:
                there = profile_ids[0] != progress.previous_ids.get(position)
            elif getattr(operation, "profile_id", None) is not None:
                there = True
            else:
                there = progress.asked.get(position, 0) < len(sources(progress, position))
        elif isinstance(operation, Unsubscribe) and operation.list_id is not None:
            found = [
                progress.members.get((position, channel), channel)
                for channel in CHANNELS
                if getattr(operation, channel) is not None
            ]
            if None in found:
                progress.warn(position, DeliveryWarning.NOT_ON_LIST)
            there = any(found) and not _has_left(progress, operation)
        else:
            continue
        if not there:
            progress.outcomes[position] = Delivered()
            if isinstance(operation, MergeProfiles):
                progress.warn(position, DeliveryWarning.NOTHING_TO_MERGE)


def _has_left(progress: Progress, operation: Unsubscribe) -> bool:
    """Whether the person has left the list already, and is on it only until Klaviyo is done."""
    keys = (
        (channel, comparable(channel, value))
        for channel in CHANNELS
        if (value := getattr(operation, channel)) is not None
    )
    standings = [progress.standings.get(key) for key in keys]
    return any(each is not None and operation.list_id in each.left for each in standings)


def _requests(
    endpoint: Endpoint, items: Sequence[Item], field: str, target: str = ""
) -> list[Request]:
    if field in SINGLE_VALUED:
        return [Request(endpoint, (item,), target, field=field) for item in items]
    return [
        Request(endpoint, chunk, target, field=field)
        for chunk in chunks(items, endpoint, MAX_QUERY_BYTES)
    ]


def _value(progress: Progress, positions: Sequence[int], field: str) -> str:
    """What the lookup of these operations, which agree in it, compares."""
    operation = progress.operations[positions[0]]
    if isinstance(operation, Subscribe | Unsubscribe):
        return str(getattr(operation, field))
    return dict(sources(progress, positions[0]))[field]


def _note(
    progress: Progress,
    request: Request,
    item: Item,
    profile_ids: Sequence[str],
    about: Mapping[str, Mapping[str, Any]],
) -> None:
    """Note the profile that has the item's value, if any. A step takes the first of several."""
    first = profile_ids[0] if profile_ids else None
    if request.with_consents:
        value = comparable(request.field, _value(progress, item.covers, request.field))
        if first is not None:
            progress.standings[request.field, value] = standing_of(about[first])
        if request.endpoint is GET_PROFILES:
            progress.standings.setdefault((request.field, value), None)
            return
    for position in item.covers:
        operation = progress.operations[position]
        if request.endpoint is GET_LIST_MEMBERS:
            progress.members[position, request.field] = first
        elif first is None:
            progress.asked[position] = progress.asked.get(position, 0) + 1
        elif isinstance(operation, RemoveFromList):
            progress.operations[position] = replace(operation, profile_id=first)
        elif isinstance(operation, MergeProfiles) and position not in progress.previous_ids:
            progress.previous_ids[position] = first
            progress.asked[position] = 0
        else:
            known = progress.profile_ids.get(position, ())
            progress.profile_ids[position] = tuple(dict.fromkeys((*known, *profile_ids)))
