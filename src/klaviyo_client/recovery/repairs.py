"""What is sent again after a refusal, so that one bad item does not affect its neighbours.

Klaviyo refuses a bulk request as a whole. The items that it names are taken out and the others
sent again; if it names none, the request is halved until only the bad item is left. What is refused
in one form is sent once more in another, if there is one, and merged operations are separated.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from klaviyo_client.api.answers import Answer, refusal
from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    CREATE_LIST,
    MERGE_PROFILES,
    UPSERT_PROFILE,
    Subject,
)
from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Outcome, Refused
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import UNPLANNABLE, Item, Request
from klaviyo_client.planning.rewriting import rebuilt
from klaviyo_client.planning.upserts import profile_item
from klaviyo_client.recovery.list_answers import look_again
from klaviyo_client.recovery.lookup_answers import refuse_lookup
from klaviyo_client.recovery.other_forms import amended
from operations import AddToList, Operation, Subscribe, Unsubscribe

ITEM_STATUSES = frozenset({400, 404, 409, 413, 414, 422})
"""Refusals that can be about one item of many; any other is about the request as a whole."""

NOT_FOUND = 404

_LIST = re.compile(r"/relationships/lists?/data(?:/([0-9]{1,5}))?(?:/|$)")


def repair(progress: Progress, request: Request, answer: Answer, refused: Refused) -> list[Request]:
    """Find the refused items, and repair or refuse them; returns what is to be sent again."""
    lists = _lists_to_blame(request, answer)
    if lists:
        return _without_lists(progress, request, lists, refused)
    if len(request.items) == 1:
        refusals = [refusal(answer.status, error) for error in answer.errors] or [refused]
        return _repair_item(progress, request, request.items[0], refusals)
    is_query = request.endpoint.is_lookup
    if answer.status not in ITEM_STATUSES or (
        any(error.parameter for error in answer.errors) and not is_query
    ):
        progress.record(request, refused)
        return []
    named: dict[int, list[Refused]] = {}
    for error in answer.errors:
        if error.item is not None and error.item < len(request.items):
            named.setdefault(error.item, []).append(refusal(answer.status, error))
    if is_query or not named:
        middle = len(request.items) // 2
        halves = request.items[:middle], request.items[middle:]
        if is_query:
            request = replace(request, query="", page=0)
        return [replace(request, items=half) for half in halves]
    return _without_named(progress, request, named)


def _without_named(
    progress: Progress, request: Request, named: Mapping[int, Sequence[Refused]]
) -> list[Request]:
    kept: list[Item] = []
    apart: list[Request] = []
    for number, item in enumerate(request.items):
        if number not in named:
            kept.append(item)
            continue
        for repaired in _repair_item(progress, request, item, named[number]):
            if repaired.endpoint is request.endpoint:
                kept.extend(repaired.items)
            else:
                apart.append(repaired)
    if kept:
        apart.append(replace(request, items=tuple(kept)))
    return apart


def _repair_item(
    progress: Progress, request: Request, item: Item, refusals: Sequence[Refused]
) -> list[Request]:
    """The item in another form, or in parts; without either it is refused for good."""
    refused = refusals[0]
    if request.endpoint.is_lookup:
        refuse_lookup(progress, request, refused)
        return []
    if request.endpoint is CREATE_LIST:
        return look_again(progress, request, refused)
    if refused.status == NOT_FOUND and request.endpoint.names_profiles:
        _without_profile(progress, request, item, refused)
        return []
    try:
        again = in_another_form(progress, request, item, refusals)
        again = again or _in_parts(progress, request, item, refused)
    except UNPLANNABLE:
        again = []
    if not again:
        progress.record_item(request, item, refused)
    return again


def in_another_form(
    progress: Progress, request: Request, item: Item, refusals: Sequence[Refused]
) -> list[Request]:
    """The item without what the refusals are about, if anything gives way."""
    operations = list(progress.operations)
    changed = []
    for position in (*item.covers, *item.joins):
        other_form = amended(operations[position], refusals)
        if other_form is not None:
            operations[position] = other_form
            changed.append(position)
    if not changed:
        return []
    again = rebuilt(request, operations, item)
    for position in changed:
        if isinstance(operations[position], Subscribe | Unsubscribe):
            progress.warn(position, DeliveryWarning.CHANNEL_LEFT_OUT)
        progress.operations[position] = operations[position]
    return [replace(request, items=(again,))]


def _in_parts(progress: Progress, request: Request, item: Item, refused: Refused) -> list[Request]:
    if request.endpoint.subject is Subject.PROFILES:
        parts = _parts_of_profile(progress.operations, item)
        if parts:
            return [Request(UPSERT_PROFILE, parts[:1], rest=(*parts[1:], *request.rest))]
    elif request.endpoint.subject is Subject.EVENTS:
        other = _next_repeat(progress.operations, item)
        if other is not None:
            again = rebuilt(request, progress.operations, other)
            gone = tuple(position for position in item.covers if position not in other.covers)
            progress.record_item(request, replace(item, covers=gone), refused)
            return [replace(request, items=(again,))]
    return []


def _parts_of_profile(operations: Sequence[Operation], item: Item) -> tuple[Item, ...]:
    """Merged upserts of one person in two parts, and then the list steps by themselves."""
    covers, joins = item.covers, item.joins
    middle = len(covers) // 2
    parts = [half for half in (covers[:middle], covers[middle:]) if half]
    if len(parts) + bool(joins) < 2:
        return ()
    items = [profile_item(UPSERT_PROFILE, operations, part) for part in parts]
    if joins:
        items.append(profile_item(UPSERT_PROFILE, operations, (), joins))
    return tuple(items)


def _next_repeat(operations: Sequence[Operation], item: Item) -> Item | None:
    """Of events that were taken for repeats: those that do not say the same as the first."""
    first = replace(operations[item.covers[0]], message_id=None)
    others = tuple(
        position
        for position in item.covers
        if replace(operations[position], message_id=None) != first
    )
    return replace(item, covers=others) if others else None


def _lists_to_blame(request: Request, answer: Answer) -> frozenset[str]:
    """The lists that the refusal is about, when it is not about the items."""
    list_ids = (request.target,) if request.endpoint.names_a_list else request.list_ids
    if not list_ids or any(error.item is not None for error in answer.errors):
        return frozenset()
    pointed_at = [
        found for error in answer.errors if (found := _LIST.search(error.pointer or "")) is not None
    ]
    if pointed_at:
        numbers = {int(found[1]) for found in pointed_at if found[1] is not None}
        return frozenset(
            list_id for n, list_id in enumerate(list_ids) if n in numbers
        ) or frozenset(list_ids)
    if answer.status != NOT_FOUND:
        return frozenset()
    details = " ".join(error.detail for error in answer.errors)
    if answer.errors and "list" not in details.lower():
        return frozenset()
    return frozenset(list_id for list_id in list_ids if list_id in details) or frozenset(list_ids)


def _without_lists(
    progress: Progress, request: Request, lists: frozenset[str], refused: Refused
) -> list[Request]:
    """The lists are refused: refuse the steps that need them, and keep the profiles."""
    if request.endpoint is not BULK_IMPORT_PROFILES:
        for item in request.items:
            for position in item.covers:
                if not progress.forget_list(position):
                    progress.outcomes[position] = _without_it(request, refused)
        return []
    kept: list[Item] = []
    for item in request.items:
        joins = [
            position
            for position in item.joins
            if isinstance(join := progress.operations[position], AddToList)
            and join.list_id not in lists
        ]
        for position in set(item.joins).difference(joins):
            if not progress.forget_list(position):
                progress.outcomes[position] = refused
        if item.covers or joins:
            kept.append(replace(item, joins=tuple(joins)))
    if not kept:
        return []
    list_ids = tuple(list_id for list_id in request.list_ids if list_id not in lists)
    return [replace(request, items=tuple(kept), list_ids=list_ids)]


def _without_profile(progress: Progress, request: Request, item: Item, refused: Refused) -> None:
    """The profile was merged or deleted: its steps look it up again."""
    for position in item.covers:
        if not progress.forget_profile(position):
            only = replace(item, covers=(position,), joins=())
            progress.record_item(request, only, _without_it(request, refused))
            if request.endpoint is MERGE_PROFILES:
                progress.warn(position, DeliveryWarning.NOTHING_TO_MERGE)


def _without_it(request: Request, refused: Refused) -> Outcome:
    """What a missing list or profile means: there is nothing left to leave, delete or merge."""
    if request.endpoint.ends_something:
        return Delivered()
    return refused
