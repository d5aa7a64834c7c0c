"""The messages of a request to the webhook, and their fates according to the answer."""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handler.door.validation import validate
from handler.report.message_ids import shown_id
from klaviyo_mapping import canonical
from local.aws_stand_in.http_api import Exchange

TURNED_AWAY = "turned_away"
"""The outcome of a message whose whole request was answered with a 4xx or 5xx."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message at a glance, for display only."""

    message_id: str | None
    type: str | None
    event_name: str | None
    who: str | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What the answer says about a message. `details` are the answer's."""

    outcome: str
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


DELIVERED = Fate("delivered")

LEFT_OUT = Fate("queued")
"""For a message that the answer has no room for. The queues show whether it waits."""


def fates(exchange: Exchange) -> Iterator[tuple[Arrival, Fate]]:
    """Every message of the request, with its fate.

    The answer has a line for each message, in order, except for those that were simply delivered.
    """
    answer = _object(exchange.body)
    arrivals = [_arrival(message) for message in _messages(exchange.sent)]
    if exchange.status != 200:
        error = answer.get("error") or {"code": str(exchange.status)}
        turned_away = Fate(TURNED_AWAY, str(error.get("code")), {"status": exchange.status})
        yield from ((arrival, turned_away) for arrival in arrivals)
        return
    lines = deque(answer.get("messages") or ())
    without_line = LEFT_OUT if answer.get("messages_left_out") else DELIVERED
    left = len(arrivals)
    for arrival in arrivals:
        is_listed = bool(lines) and (
            left == len(lines) or lines[0].get("message_id") == shown_id(arrival.message_id)
        )
        left -= 1
        if not is_listed:
            yield arrival, DELIVERED if lines else without_line
            continue
        details = dict(lines.popleft())
        details.pop("message_id", None)
        yield arrival, Fate(str(details.pop("outcome")), details.pop("reason", None), details)


def _messages(body: bytes) -> Sequence[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return [None]
    return document if isinstance(document, list) and document else [document]


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _arrival(message: Any) -> Arrival:
    said = canonical(message) if isinstance(message, dict) else {}
    return Arrival(
        validate(message).message_id, _text(said, "type"), _text(said, "event"), who_of(said)
    )


def _text(value: Any, name: str) -> str | None:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def who_of(said: Mapping[str, Any]) -> str | None:
    """Something that identifies the person of a message. `said` has the canonical keys."""
    context = said.get("context")
    places = (
        said.get("traits"),
        said.get("properties"),
        context.get("traits") if isinstance(context, dict) else None,
    )
    emails = (_text(place, "email") for place in places)
    return next((email for email in emails if email), None) or _text(said, "userId")
