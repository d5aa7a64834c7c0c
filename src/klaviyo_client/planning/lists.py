"""Lists that are known only by name: looked up, and created if they do not exist.

Klaviyo does not promise that names are unique. It creates at most 150 lists a day. Of several lists
of one name the oldest is used, so that two functions that create one at the same moment look again
and agree on one. The other stays, empty. It is not deleted, because somebody may already have used
it in a flow.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from klaviyo_client.api.endpoints import GET_LISTS, MAX_QUERY_BYTES
from klaviyo_client.api.queries import asked_for
from klaviyo_client.planning.progress import Changes, Known
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import AddToList, Operation, RemoveFromList

MOST_KNOWN = 1_000
LONGEST_KNOWN = 1_000
"""Lists whose ids are kept, and letters of their names, which audiences bring with them."""


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
        """Forget these lists: they no longer exist."""
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


def plan_list_lookups(known: Known, pending: Iterable[int]) -> list[Request]:
    """Requests for the lists of these names, ten at a time.

    Raises `ValueError` for a step that names no list at all.
    """
    by_name: dict[str, list[int]] = {}
    for position in pending:
        if has_no_list(known.operations[position]):
            name = needs_name(known.operations[position])
            if name is None:
                raise ValueError("neither the id nor the name of a list")
            by_name.setdefault(name, []).append(position)
    items = (Item(asked_for("name", name), tuple(each)) for name, each in by_name.items())
    return [
        Request(GET_LISTS, chunk, field="name")
        for chunk in chunks(items, GET_LISTS, MAX_QUERY_BYTES)
    ]


def fill_in_known(known: Known, lists: KnownLists, pending: Iterable[int]) -> Changes:
    """The steps with the ids that are known already."""
    changes = Changes()
    for position in pending:
        step = known.operations[position]
        name = needs_name(step)
        list_id = None if name is None else lists.get(name)
        if list_id is not None:
            changes.operations[position] = with_list(step, list_id)
    return changes


def with_list(step: Operation, list_id: str) -> Operation:
    """The step with the id of its list."""
    if isinstance(step, AddToList | RemoveFromList):
        return replace(step, list_id=list_id)
    return step
