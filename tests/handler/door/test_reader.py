"""Messages are read straight from JSON, with the result of the long way round."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.door.reader import raw_elements, read_element
from handler.door.validation import validate
from klaviyo_mapping.segment.message import MESSAGE_SCHEMA, Message

PLAIN = {"type": "track", "event": "Tea Bought", "properties": {"price": 1.5}}

STRAIGHT: list[tuple[str, dict[str, Any]]] = [
    ("only the type", {"type": "anything"}),
    ("a track", PLAIN),
    ("ids that are numbers", {**PLAIN, "userId": 7, "anonymousId": 7.5}),
    ("what Segment adds", {**PLAIN, "channel": "client", "version": 2, "writeKey": "k"}),
    (
        "a context with the keys of Segment's libraries",
        {**PLAIN, "context": {"ip": "::1", "page": {}}},
    ),
    ("what analytics.js and analytics-node add", {**PLAIN, "_metadata": {"bundled": []}}),
    ("a key that nobody reads", {**PLAIN, "favourite": "tea"}),
    ("a key of the context that nobody reads", {**PLAIN, "context": {"ip": "::1", "teapot": {}}}),
    ("an object that nests deeply", {**PLAIN, "traits": {"a": json.loads("[" * 63 + "]" * 63)}}),
    (
        "keys that nobody reads, and PHP's empty objects",
        {**PLAIN, "favourite": "tea", "traits": [], "context": []},
    ),
    (
        "PHP's empty objects",
        {**PLAIN, "properties": [], "traits": [], "context": [], "integrations": []},
    ),
    (
        "times that are numbers",
        {**PLAIN, "timestamp": 1763632800000, "originalTimestamp": 1763632800.5, "sentAt": 0},
    ),
    ("parts of the context of any type", {**PLAIN, "context": {"traits": 5, "timezone": ["x"]}}),
]
ROUND: list[tuple[str, dict[str, Any]]] = [
    ("a key in another spelling", {"type": "track", "Event": "Tea Bought"}),
    (
        "a key in another spelling beside one that nobody reads",
        {"type": "track", "Event": "Tea Bought", "favourite": "tea"},
    ),
    ("a key of the context in another spelling", {**PLAIN, "context": {"Traits": {"a": 1}}}),
    (
        "a key of the context in another spelling beside one that nobody reads",
        {**PLAIN, "favourite": "tea", "context": {"Traits": {"a": 1}, "teapot": {}}},
    ),
    ("null for an object", {**PLAIN, "traits": None}),
    ("a wrong type", {**PLAIN, "properties": [1]}),
    ("a time that is neither text nor number", {**PLAIN, "timestamp": {"$date": 0}}),
    ("a truth for an id", {**PLAIN, "userId": True}),
    ("a blank type", {**PLAIN, "type": " "}),
    ("no type", {"event": "Tea Bought"}),
    (
        "an object that nests too deeply",
        {**PLAIN, "traits": {"a": json.loads("[" * 64 + "]" * 64)}},
    ),
]


def read(body: str) -> list[Any]:
    return [read_element(element) for element in raw_elements(body.encode())]


def named(rows: list[tuple[str, dict[str, Any]]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("raw", [row[1] for row in rows], ids=[row[0] for row in rows])


@named(STRAIGHT)
def test_a_message_in_segments_spelling_is_read_straight(raw: dict[str, Any]) -> None:
    [message] = read(json.dumps(raw))
    assert isinstance(message, Message)
    assert message.document() == outcome(validate(raw))


@named(ROUND)
def test_any_other_is_read_as_plain_json(raw: dict[str, Any]) -> None:
    assert read(json.dumps(raw)) == [raw]


@named(ROUND)
def test_one_such_message_leaves_its_neighbours_as_they_are(raw: dict[str, Any]) -> None:
    first, second, third = read(json.dumps([PLAIN, raw, PLAIN]))
    assert (first.document(), second, third.document()) == (PLAIN, raw, PLAIN)


NAMES = [*MESSAGE_SCHEMA["properties"], "version", "_metadata", "USER_ID", "Context", "other"]
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        1.5,
        "",
        " ",
        "text",
        [],
        [1],
        [[]],
        {},
        1763632800000,
        10**30,
        "2026-03-01T10:00:00Z",
        {"a": 1},
        {"traits": {"b": 2}},
        {"Traits": {}},
        {"traits": {"b": 2}, "teapot": 1},
        {"Traits": {"b": 2}, "teapot": 1},
    ]
)


def outcome(arrival: Any) -> Any:
    return arrival.document() if isinstance(arrival, Message) else arrival


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), min_size=1, max_size=3))
def test_however_it_is_read_the_same_comes_of_it(raws: list[dict[str, Any]]) -> None:
    for raw in raws:
        raw.setdefault("type", "track")
    straight = [outcome(validate(each)) for each in read(json.dumps(raws))]
    assert straight == [outcome(validate(raw)) for raw in raws]
