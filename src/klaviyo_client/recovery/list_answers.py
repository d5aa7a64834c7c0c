"""What the answers about lists mean: the id of a list by its name, or its creation."""

from collections.abc import Iterable

from msgspec.structs import replace

from klaviyo_client.api import bodies
from klaviyo_client.api.answers import Answer, next_page, resources
from klaviyo_client.api.endpoints import CREATE_LIST, GET_LISTS
from klaviyo_client.api.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_client.api.queries import asked_for, comparable
from klaviyo_client.planning.lists import KnownLists, needs_name, with_list
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Item, Request
from operations import AddToList

MOST_PAGES = 100
"""Pages of a thousand lists with these few names. More than that means that the pages repeat."""

UNDATED = "~"
"""Sorts after every date."""


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
    """Klaviyo does not create the list, perhaps because somebody else has just created it."""
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
            progress.operations[position] = with_list(progress.operations[position], list_id)
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
