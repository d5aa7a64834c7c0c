"""Each message's fate by the ledger, against what Klaviyo and the queues hold."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import boto3

from ledger import item_keys
from ledger.fates import State
from ledger.operation_names import WHOLE, name_of
from ledger.shared_outcomes import resolved
from ledger.stories import Story, story
from ledger.values import Item, unmarshalled
from operations import from_json

Places = Mapping[str, set[str]]
"""Operations by message: the names of those that a queue holds."""

IsHeld = Callable[[str, str], bool | None]
"""Whether Klaviyo holds what the message's operation of this name does; `None`: nobody can say."""


class Disagreement(NamedTuple):
    """A message whose fate is not what is there. `recorded` is what the ledger says of it."""

    message_id: str
    operation: str
    recorded: str | None
    found: str


def stories_of(table: str) -> dict[str, Story]:
    """What the ledger tells of every message."""
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    found = {
        message_id: story(message_id, items)
        for message_id, items in by_message(
            unmarshalled(item) for page in pages for item in page["Items"]
        ).items()
    }
    return {message_id: each for message_id, each in found.items() if each is not None}


def by_message(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The items of the messages, each with its outcomes, by the messages' ids."""
    found: dict[str, list[Item]] = defaultdict(list)
    calls: dict[str, Item] = {}
    for item in items:
        message_id = item_keys.message_id(item["pk"])
        if message_id is not None:
            found[message_id].append(item)
        elif (call_id := item_keys.call_id(item["pk"])) is not None:
            calls[call_id] = item
    return {message_id: resolved(of_one, calls) for message_id, of_one in found.items()}


def places_of(entries: Iterable[Mapping[str, Any]]) -> Places:
    """What a queue's entries hold."""
    places: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if "operation" in entry:
            operation = from_json(entry["operation"])
            if operation.message_id is not None:
                places[operation.message_id].add(name_of(operation))
        for message in _messages(entry):
            if isinstance(message, dict) and isinstance(message.get("messageId"), str):
                places[message["messageId"]].add(WHOLE)
    return places


def _messages(entry: Mapping[str, Any]) -> list[Any]:
    if "messages" in entry:
        return list(json.loads(entry["messages"]))
    return [entry["message"]] if "message" in entry else []


def disagreements(
    message_ids: Iterable[str],
    stories: Mapping[str, Story],
    *,
    waiting: Places,
    dead: Places,
    is_held: IsHeld,
) -> list[Disagreement]:
    """The messages of which the ledger tells something else than what is there.

    A copy of what is delivered or dropped may wait: what Segment or SQS repeats is done again.
    """
    found: list[Disagreement] = []
    for message_id in message_ids:
        known = stories.get(message_id)
        queued, died = waiting.get(message_id, set()), dead.get(message_id, set())
        if known is None:
            found.append(Disagreement(message_id, WHOLE, None, "in no ledger"))
            continue
        operations = known.operations()
        for name, (_, outcome) in operations.items():
            wrong = {
                State.DELIVERED: is_held(message_id, name) is False and "not in Klaviyo",
                State.WAITING: name not in queued and "not in the retry queue",
                State.DEAD_LETTERED: name not in died and "not in the dead-letter queue",
                State.DROPPED: bool((queued - {WHOLE}) | died) and "in a queue",
            }[outcome.state]
            if wrong:
                found.append(Disagreement(message_id, name, outcome.state.value, wrong))
        untold = sorted(((queued - {WHOLE}) | died) - operations.keys())
        found += [Disagreement(message_id, name, None, "in a queue") for name in untold]
    return found
