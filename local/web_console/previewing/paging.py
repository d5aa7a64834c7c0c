"""Parts of a preview, since a page cannot show thousands of messages."""

from typing import Any

import preview
from operations import Json
from preview import Preview, RequestPreview
from preview.paths import Path, pointer

MESSAGES = 20
REQUESTS = 20
"""Requests on one page."""

MOST_NAMED = 6
"""The most messages that are named for a request."""

ITEMS = 5
"""The most items of an array in a body. The whole body is a request of its own."""


def page_of(found: Preview, first_message: int, first_request: int) -> dict[str, Any]:
    """Some messages and requests, counted from zero, and the numbers of both."""
    part = Preview(
        found.messages[first_message : first_message + MESSAGES],
        found.requests[first_request : first_request + REQUESTS],
        found.is_traced,
    )
    document = preview.to_json(part)
    for message in document["messages"]:
        del message["operations"]
    counts: dict[str, int] = {}
    for each in found.messages:
        counts[each.verdict.value] = counts.get(each.verdict.value, 0) + 1
    return {
        **document,
        "requests": list(map(_shortened, document["requests"], part.requests)),
        "first_message": first_message,
        "first_request": first_request,
        "number": {"messages": len(found.messages), "requests": len(found.requests)},
        "verdicts": counts,
    }


def _shortened(document: dict[str, Any], request: RequestPreview) -> dict[str, Any]:
    """The request with the beginnings of its arrays, and how many items of each are left out."""
    left_out: dict[str, int] = {}
    body = _cut(request.body, (), left_out)
    beyond = tuple(f"{place}/" for place in left_out)

    def is_shown(place: str) -> bool:
        for array in beyond:
            if place.startswith(array):
                return int(place[len(array) :].partition("/")[0]) < ITEMS
        return True

    return {
        **document,
        "body": body,
        "left_out": left_out,
        "items": len(request.items),
        "traces": {
            place: sources for place, sources in document["traces"].items() if is_shown(place)
        },
        "messages": list(request.messages[:MOST_NAMED]),
        "number_of_messages": len(request.messages),
    }


def _cut(value: Json, place: Path, left_out: dict[str, int]) -> Json:
    if isinstance(value, dict):
        return {key: _cut(inner, (*place, key), left_out) for key, inner in value.items()}
    if isinstance(value, list):
        if len(value) > ITEMS:
            left_out[pointer(place)] = len(value) - ITEMS
        return [_cut(inner, (*place, index), left_out) for index, inner in enumerate(value[:ITEMS])]
    return value
