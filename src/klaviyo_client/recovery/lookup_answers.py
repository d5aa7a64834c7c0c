"""What the answer to a look-up means: which profile has the value, and what must be looked up
next."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from klaviyo_client.api.answers import Answer, next_page, resources
from klaviyo_client.api.consent_state import standing_of
from klaviyo_client.api.endpoints import GET_LIST_MEMBERS, GET_PROFILES
from klaviyo_client.api.outcomes import Refused, Retryable, RetryReason
from klaviyo_client.api.queries import comparable, shown
from klaviyo_client.planning.lookups import sources, value_of
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Item, Request
from operations import DeleteProfile, MergeProfiles, RemoveFromList, Subscribe

MOST_PAGES = 20
"""A hundred identifiers cannot have more, unless the pages repeat."""

SHOWN_AS_OTHERS = frozenset({"email", "_kx"})
"""Identifiers that lead to a profile which does not show them: a second address, an exchange id."""


def read_found(progress: Progress, request: Request, answer: Answer) -> list[Request]:
    """Note who was found; returns the requests that are still needed to know about the others."""
    found = resources(answer)
    about = dict(found)
    by_value: dict[Hashable, list[str]] = {}
    for profile_id, attributes in found:
        value = shown(request.field, attributes)
        if value is not None:
            by_value.setdefault(value, []).append(profile_id)
    values = {
        item: comparable(request.field, value_of(progress, item.covers, request.field))
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
    """Klaviyo rejects the values. Operations with another identifier are looked up by that."""
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
        value = comparable(request.field, value_of(progress, item.covers, request.field))
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
