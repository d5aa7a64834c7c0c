"""Finds where each part of an operation ends up in a request.

It replaces every text and number of the operations by a unique mark and has the client write the
request again. A part is wherever its mark appears. So this module need not know how Klaviyo's
bodies are built.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from msgspec.structs import replace

from klaviyo_client.api.endpoints import (
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    UPSERT_PROFILE,
)
from klaviyo_client.planning.lists import KnownLists
from klaviyo_client.planning.requests import UNPLANNABLE, Item, Request
from klaviyo_client.planning.rewriting import rebuilt
from operations import AddToList, Identity, Json, Operation
from preview.dry_run import DryRun, run_dry
from preview.paths import Path

REWRITTEN = frozenset({BULK_CREATE_EVENTS, BULK_IMPORT_PROFILES, CREATE_EVENT, UPSERT_PROFILE})
"""Endpoints whose items combine several operations of one person, so that each depends on the
others. For any other endpoint, each operation has its own dry run."""

UNMARKED = frozenset({"message_id", "profile_id", "job_id", "message_ids", "backfill"})
"""Fields of operations that come from no key of a message."""

UNSET = ("meta", "patch_properties", "unset")
"""The place where a profile of a bulk import names the properties to clear."""

_MARK = re.compile(r"~([0-9]+)~")
_ITEM = "~item~"

Landing = tuple[Path, int, Path]
"""A place in a request's body (empty for the path), an operation's position, a place in it."""


def item_places(request: Request) -> list[Path]:
    """The place of each of the request's items in the body. A single item is the whole body."""
    if not request.body():
        return [() for _ in request.items]
    probe = replace(request, items=(Item(json.dumps(_ITEM).encode(), ()),))
    place = next(path for path, text in _texts(json.loads(probe.body())) if text == _ITEM)
    return [(*place[:-1], index) if place else () for index in range(len(request.items))]


def landings(
    request: Request, body: Json, dry_run: DryRun, number: int, place: Path
) -> list[Landing]:
    """Where the operations of the request's item `number`, at `place`, end up.

    `body` is the whole request's body. A field whose mark the client cannot write has no landing.
    """
    item = request.items[number]
    found = _found(request, body, dry_run, item, place, None)
    if found is not None:
        return found
    operations = dry_run.operations
    fields = {name for n in (*item.covers, *item.joins) for name in operations[n].__struct_fields__}
    one_by_one = (
        _found(request, body, dry_run, item, place, name) for name in sorted(fields - UNMARKED)
    )
    return [landing for each in one_by_one for landing in each or ()]


def _found(
    request: Request,
    body: Json,
    dry_run: DryRun,
    item: Item,
    place: Path,
    field: str | None,
) -> list[Landing] | None:
    """The landings of one field or of all of them; `None` if the client cannot write the marks."""
    marks = _Marks()
    positions = (*item.covers, *item.joins)
    plain = [dry_run.operations[position] for position in positions]
    marked = [
        marks.put(operation, position, field)
        for operation, position in zip(plain, positions, strict=True)
    ]
    try:
        if request.endpoint in REWRITTEN:
            marked_only = [_rewritten(request, plain, marked, item, dry_run.lists)]
        else:
            marked_only = [
                again
                for operation, position in zip(marked, positions, strict=True)
                for again in _run_again(request, operation, _earlier(request, dry_run, position))
            ]
        written = [(each.path, json.loads(each.body() or b"null")) for each in marked_only]
    except (*UNPLANNABLE, LookupError):
        return None
    found: list[Landing] = []
    first = (*place[:-1], 0) if place else ()
    for request_path, document in written:
        found.extend(((), *behind) for behind in marks.in_text(request_path))
        for path, text in _texts(document):
            is_within = path[: len(first)] == first
            there = _there(body, place + path[len(first) :] if is_within else path)
            if there is not None:
                found.extend((there, *behind) for behind in marks.in_text(text))
    return found


def _rewritten(
    request: Request,
    plain: Sequence[Operation],
    marked: Sequence[Operation],
    item: Item,
    lists: KnownLists,
) -> Request:
    """The request with only that item, with marks in it."""
    covers = tuple(range(len(item.covers)))
    joins = tuple(range(len(covers), len(marked)))
    written = rebuilt(request, marked, Item(b"", covers, joins))
    dyed = {
        (one.list_id or lists.get(one.list_name or "")): other.list_id or other.list_name
        for one, other in zip(plain, marked, strict=True)
        if isinstance(one, AddToList) and isinstance(other, AddToList)
    }
    list_ids = tuple(dyed.get(list_id) or list_id for list_id in request.list_ids)
    return replace(request, items=(written,), list_ids=list_ids)


def _run_again(request: Request, marked: Operation, earlier: int) -> Sequence[Request]:
    """The request of this kind that this operation alone leads to, with marks in it.

    A merge looks up two profiles, so there can be several: then it is the one with so many before
    it.
    """
    alike = [step.request for step in run_dry([marked]).steps if _is_alike(step.request, request)]
    return alike[earlier : earlier + 1] or alike


def _earlier(request: Request, dry_run: DryRun, position: int) -> int:
    """How many requests of this kind the operation makes before this one."""
    steps = (step.request for step in dry_run.steps)
    return sum(
        _is_alike(before, request) and any(position in item.covers for item in before.items)
        for before in takewhile(lambda each: each is not request, steps)
    )


def _is_alike(one: Request, other: Request) -> bool:
    return (one.endpoint, one.field) == (other.endpoint, other.field)


def _there(body: Json, path: Path) -> Path | None:
    """The path, if the body has something there.

    A bulk import names the properties to clear in its `meta` instead.
    """
    value = body
    for depth, step in enumerate(path):
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif isinstance(value, dict) and step in value:
            unset = _unset(value)
            if path[depth:-1] == ("attributes", "properties") and path[-1] in unset:
                return (*path[:depth], *UNSET, unset.index(path[-1]))
            value = value[step]
        else:
            return None
    return path


def _unset(value: Json) -> Sequence[str]:
    """The properties that a profile of a bulk import clears."""
    for step in UNSET:
        value = value.get(step) if isinstance(value, dict) else None
    return value or ()


class _Marks:
    def __init__(self) -> None:
        self._places: list[tuple[int, Path]] = []

    def put(self, operation: Operation, position: int, field: str | None) -> Operation:
        """The operation with marks in place of its texts and numbers, or of one field's."""
        fields = {
            name: self._marked(value, position, (name,))
            for name in operation.__struct_fields__
            if name not in UNMARKED
            and field in (None, name)
            and (value := getattr(operation, name)) is not None
        }
        return replace(operation, **fields)

    def in_text(self, text: str) -> list[tuple[int, Path]]:
        """The parts that the marks in a text stand for."""
        return [self._places[int(number)] for number in _MARK.findall(text)]

    def _marked(self, value: Json, position: int, place: Path) -> Json:
        if isinstance(value, Identity):
            named = self._marked(value.attributes(), position, place)
            return Identity.from_attributes(named)
        if isinstance(value, dict):
            return {
                key: self._marked(inner, position, (*place, key)) for key, inner in value.items()
            }
        if isinstance(value, list | tuple) and value:
            return type(value)(
                self._marked(inner, position, (*place, index)) for index, inner in enumerate(value)
            )
        self._places.append((position, place))
        return f"~{len(self._places) - 1}~"


def _texts(document: Json) -> Iterator[tuple[Path, str]]:
    waiting: list[tuple[Path, Json]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))
