"""Lists that are known only by name: found, or created if there is none.

Klaviyo does not promise that names are unique. It creates at most 150 lists a day. Of several lists
of one name the oldest is used, so that two functions that create one at the same moment look again
and agree on one. The other stays, empty: somebody may already have put it into a flow, so it is not
ours to delete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from klaviyo_client.api import bodies
from klaviyo_client.api.answers import Answer, next_page, resources
from klaviyo_client.api.endpoints import CREATE_LIST, GET_LISTS, MAX_QUERY_BYTES
from klaviyo_client.api.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.api.queries import asked_for, comparable
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import AddToList, Operation, RemoveFromList

MOST_KNOWN = 1_000
LONGEST_KNOWN = 1_000
"""Lists whose ids are kept, and letters of their names, which audiences bring with them."""

MOST_PAGES = 100
"""A thousand lists of the same few names; more than that goes round in circles."""

UNDATED = "~"
"""Sorts after every date."""


@dataclass(slots=True)
class KnownLists:
    """The ids of named lists, for the life of a process.

    A list that this process has created is looked up once more at its next use: by then it is
    certain that whatever was created at the same moment shows itself.
    """

    _ids: dict[str, str] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)

    def get(self, name: str) -> str | None:
        """The list's id, when it need not be asked for."""
        return None if name in self._new else self._ids.get(name)

    def learn(self, name: str, list_id: str, *, is_new: bool) -> None:
        if len(name) > LONGEST_KNOWN:
            return
        while len(self._ids) >= MOST_KNOWN:
            self._ids.pop(next(iter(self._ids)))
        self._ids[name] = list_id
        self._new.intersection_update(self._ids)
        (self._new.add if is_new else self._new.discard)(name)

    def forget(self, list_ids: Iterable[str]) -> None:
        """These lists are no more."""
        gone = set(list_ids)
        self._ids = {name: known for name, known in self._ids.items() if known not in gone}


def needs_name(operation: Operation) -> str | None:
    """The name of the list that the step is about, while its id is unknown."""
    if isinstance(operation, AddToList | RemoveFromList) and operation.list_id is None:
        return operation.list_name
    return None


def has_no_list(operation: Operation) -> bool:
    """Whether the id of the list that the step is about has yet to be found."""
    return isinstance(operation, AddToList | RemoveFromList) and operation.list_id is None


def plan_list_lookups(operations: Sequence[Operation], pending: Iterable[int]) -> list[Request]:
    """Requests for the lists of these names, ten at a time.

    Raises `ValueError` for a step that names no list at all.
    """
    by_name: dict[str, list[int]] = {}
    for position in pending:
        if has_no_list(operations[position]):
            name = needs_name(operations[position])
            if name is None:
                raise ValueError("neither the id nor the name of a list")
            by_name.setdefault(name, []).append(position)
    items = (Item(asked_for("name", name), tuple(each)) for name, each in by_name.items())
    return [
        Request(GET_LISTS, chunk, field="name")
        for chunk in chunks(items, GET_LISTS, MAX_QUERY_BYTES)
    ]


def read_lists(
    progress: Progress, known: KnownLists, request: Request, answer: Answer
) -> list[Request]:
    """Note which lists there are; returns requests to create those that are missing."""
    for list_id, attributes in resources(answer):
        name, created = attributes.get("name"), attributes.get("created")
        if isinstance(name, str):
            found = (created if isinstance(created, str) else UNDATED, list_id)
            progress.lists.setdefault(name, set()).add(found)
    following = next_page(answer)
    if following is not None and following != request.query:
        if request.page >= MOST_PAGES:
            progress.record(request, Retryable(RetryReason.UNAVAILABLE))
            return []
        return [replace(request, query=following, page=request.page + 1)]
    return [
        creation for item in request.items for creation in _decide(progress, known, request, item)
    ]


def read_created(progress: Progress, request: Request, answer: Answer) -> list[Request]:
    """A list was created: look again, in case somebody else has created it, too."""
    [item] = request.items
    name = needs_name(progress.operations[item.covers[0]])
    for list_id, attributes in resources(answer)[:1]:
        created = attributes.get("created")
        if name is None:
            break
        found = (created if isinstance(created, str) else UNDATED, list_id)
        progress.lists.setdefault(name, set()).add(found)
        return [_again(name, item, own=list_id)]
    progress.record(request, Retryable(RetryReason.UNAVAILABLE))
    return []


def look_again(progress: Progress, request: Request, refused: Refused) -> list[Request]:
    """Klaviyo does not create the list; perhaps because somebody else just has."""
    [item] = request.items
    name = needs_name(progress.operations[item.covers[0]])
    if name is None:
        progress.record(request, refused)
        return []
    progress.uncreatable[name] = refused
    return [_again(name, item)]


def _again(name: str, item: Item, own: str = "") -> Request:
    """The look-up of one list; of our `own`, which we have just created, it will say that it is
    new."""
    return Request(
        GET_LISTS, (replace(item, body=asked_for("name", name)),), target=own, field="name"
    )


def _decide(progress: Progress, known: KnownLists, request: Request, item: Item) -> list[Request]:
    name = needs_name(progress.operations[item.covers[0]])
    if name is None:
        return []
    found = progress.lists.get(name) or progress.lists.get(comparable("name", name), set())
    there = {each for each in found if each[1] not in progress.gone}
    if there:
        _, list_id = min(there)
        known.learn(name, list_id, is_new=bool(request.target))
        for position in item.covers:
            _fill_in(progress, position, list_id)
        return []
    creators = []
    for position in item.covers:
        if isinstance(progress.operations[position], AddToList):
            creators.append(position)
        else:
            progress.outcomes[position] = Delivered()
    if name in progress.uncreatable:
        progress.outcomes.update(dict.fromkeys(creators, progress.uncreatable[name]))
        return []
    if not creators:
        return []
    return [
        Request(
            CREATE_LIST,
            (Item(bodies.new_list(name, _opt_in_process(progress, creators)), tuple(creators)),),
        )
    ]


def _opt_in_process(progress: Progress, creators: Iterable[int]) -> str | None:
    """The first that the steps ask for; they agree, but for what a queue has kept."""
    steps = (progress.operations[position] for position in creators)
    asked = (step.opt_in_process for step in steps if isinstance(step, AddToList))
    return next((process for process in asked if process is not None), None)


def fill_in_known(progress: Progress, known: KnownLists, pending: Iterable[int]) -> None:
    """Give the steps the ids that are known already."""
    known.forget(progress.gone)
    for position in pending:
        name = needs_name(progress.operations[position])
        list_id = None if name is None else known.get(name)
        if list_id is not None:
            _fill_in(progress, position, list_id)


def _fill_in(progress: Progress, position: int, list_id: str) -> None:
    step = progress.operations[position]
    if isinstance(step, AddToList | RemoveFromList):
        progress.operations[position] = replace(step, list_id=list_id)
