"""One JSON value is a message, or it is malformed in a field that is named, never quoted."""

import json
from typing import Any

import pytest

from handler.door.body import Unreadable
from handler.door.validation import Malformed, validate
from klaviyo_mapping.segment.message import MESSAGE_SCHEMA, Context, Message
from klaviyo_mapping.segment.nesting import MAX_LEVELS

TRACK = {
    "type": "track",
    "messageId": "m-1",
    "userId": "u-1",
    "anonymousId": "a-1",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "originalTimestamp": "2026-01-02T03:04:05.677Z",
    "receivedAt": "2026-01-02T03:04:05.679Z",
    "sentAt": "2026-01-02T03:04:05.676Z",
    "context": {"timezone": "Europe/Rome"},
    "integrations": {"All": False},
    "traits": {"plan": "pro"},
    "event": "Order Completed",
    "properties": {"revenue": 39.95},
}
NOTHING = Message(
    type="track",
    message_id=None,
    user_id=None,
    anonymous_id=None,
    timestamp=None,
    original_timestamp=None,
    received_at=None,
    sent_at=None,
    context=Context(),
    integrations={},
    traits={},
    event_name=None,
    properties={},
)


def nested(levels: int) -> Any:
    """Objects and arrays by turns, `levels` of them in all."""
    value: Any = []
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return value


def test_a_message_with_every_field() -> None:
    assert validate(TRACK) == Message(
        type="track",
        message_id="m-1",
        user_id="u-1",
        anonymous_id="a-1",
        timestamp="2026-01-02T03:04:05.678Z",
        original_timestamp="2026-01-02T03:04:05.677Z",
        received_at="2026-01-02T03:04:05.679Z",
        sent_at="2026-01-02T03:04:05.676Z",
        context=Context(timezone="Europe/Rome"),
        integrations={"All": False},
        traits={"plan": "pro"},
        event_name="Order Completed",
        properties={"revenue": 39.95},
    )


def test_every_field_but_the_type_may_be_missing() -> None:
    assert validate({"type": "track"}) == NOTHING


def test_every_field_but_the_type_may_be_null() -> None:
    assert validate(dict.fromkeys(TRACK) | {"type": "track"}) == NOTHING


def test_keys_match_whatever_their_spelling() -> None:
    assert validate({"Type": "track", "message_id": "m-1"}) == validate(
        {"type": "track", "messageId": "m-1"}
    )


def test_the_value_is_not_changed() -> None:
    before = json.dumps(TRACK)
    validate(TRACK)
    assert json.dumps(TRACK) == before


NO_OBJECT = "a message must be a JSON object"
TEXT = "must be string or null"
ID = "must be string or number or null"
OBJECT = "must be object or null"
WRONG_TYPES: list[tuple[str, Any, str]] = [
    ("type", None, "must be string"),
    ("type", 1, "must be string"),
    ("type", " ", r"must match pattern \S"),
    ("messageId", 1, TEXT),
    ("userId", True, ID),
    ("userId", {"id": "u-1"}, ID),
    ("anonymousId", [], ID),
    ("context", "web", OBJECT),
    ("integrations", [[]], OBJECT),
    ("traits", ["a@b.co"], OBJECT),
    ("event", {"name": "a@b.co"}, TEXT),
    ("properties", "a@b.co", OBJECT),
]


@pytest.mark.parametrize(("field", "value", "detail"), WRONG_TYPES)
def test_a_wrong_type_is_named_by_its_field(field: str, value: Any, detail: str) -> None:
    raw = {**TRACK, field: value}
    message_id = None if field == "messageId" else "m-1"
    assert validate(raw) == Malformed(message_id, field, detail, raw)


TIMES = ("timestamp", "originalTimestamp", "receivedAt", "sentAt")


def test_every_field_that_may_not_be_anything_has_its_wrong_type_in_the_table() -> None:
    of_some_types = {name for name, types in MESSAGE_SCHEMA["properties"].items() if types}
    assert {row[0] for row in WRONG_TYPES} == of_some_types


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("value", [{}, [], False])
def test_a_time_that_cannot_be_read_counts_as_absent(field: str, value: Any) -> None:
    without = {key: held for key, held in TRACK.items() if key != field}
    assert validate({**TRACK, field: value}) == validate(without)


@pytest.mark.parametrize("field", ["context", "integrations", "traits", "properties"])
def test_an_empty_array_is_an_empty_object_as_php_writes_it(field: str) -> None:
    assert validate({**TRACK, field: []}) == validate({**TRACK, field: {}})


def test_a_message_without_a_type_lacks_it() -> None:
    raw = {"messageId": "m-1", "userId": True}
    assert validate(raw) == Malformed("m-1", "type", "is missing", raw)


def test_a_field_is_named_in_segments_spelling() -> None:
    raw = {"type": "track", "USER-ID": []}
    assert validate(raw) == Malformed(None, "userId", ID, raw)


@pytest.mark.parametrize("raw", [None, True, 1, 1.5, "track", [], [TRACK]])
def test_what_is_no_object_is_no_message(raw: Any) -> None:
    assert validate(raw) == Malformed(None, "", NO_OBJECT, raw)


def test_what_could_not_be_read_is_malformed_and_keeps_its_text() -> None:
    assert validate(Unreadable("[[", "nests too deeply to be read")) == Malformed(
        None, "", "nests too deeply to be read", "[["
    )


TOO_DEEP = "must nest at most 64 levels"
OBJECT_FIELDS = ("traits", "properties")


@pytest.mark.parametrize("field", OBJECT_FIELDS)
def test_a_field_may_nest_to_the_limit(field: str) -> None:
    value = {"a": nested(MAX_LEVELS - 1)}
    message = validate({"type": "track", field: value})
    assert isinstance(message, Message)
    assert getattr(message, field) == value


@pytest.mark.parametrize("field", OBJECT_FIELDS)
@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1, 800])
def test_a_field_beyond_the_limit_is_named_and_the_message_kept_as_text(
    field: str, levels: int
) -> None:
    raw = {**TRACK, field: {"a": nested(levels)}}
    assert validate(raw) == Malformed("m-1", field, TOO_DEEP, json.dumps(raw))


def test_what_is_never_written_out_may_nest_as_it_likes() -> None:
    deep = {"a": nested(800)}
    message = validate({"type": "track", "integrations": deep, "context": {"traits": deep}})
    assert isinstance(message, Message)
    assert (message.integrations, message.context.traits) == (deep, deep)


def test_a_key_that_is_no_field_may_nest_as_it_likes() -> None:
    assert validate({"type": "track", "extra": nested(800)}) == NOTHING


TOO_DEEP_TO_KEEP: list[tuple[str, Any, Malformed]] = [
    ("an array", [nested(800)], Malformed(None, "", NO_OBJECT, json.dumps([nested(800)]))),
    (
        "a wrong type",
        {"type": "track", "userId": nested(800)},
        Malformed(None, "userId", ID, json.dumps({"type": "track", "userId": nested(800)})),
    ),
    (
        "a key that is no field, beside a wrong type",
        {"type": 1, "extra": nested(800)},
        Malformed(None, "type", "must be string", json.dumps({"type": 1, "extra": nested(800)})),
    ),
    (
        "more than Python can write",
        {"type": "track", "messageId": "m-1", "traits": nested(100_000)},
        Malformed("m-1", "traits", TOO_DEEP, "nests too deeply to be kept"),
    ),
]


@pytest.mark.parametrize(
    ("raw", "malformed"),
    [row[1:] for row in TOO_DEEP_TO_KEEP],
    ids=[row[0] for row in TOO_DEEP_TO_KEEP],
)
def test_what_nests_too_deeply_is_kept_as_text(raw: Any, malformed: Malformed) -> None:
    assert validate(raw) == malformed


@pytest.mark.parametrize("raw", [row[1] for row in TOO_DEEP_TO_KEEP])
def test_what_was_kept_as_text_is_no_message_when_it_is_tried_again(raw: Any) -> None:
    """A dead letter that is redriven must not be delivered in part."""
    first = validate(raw)
    assert isinstance(first, Malformed)
    assert validate(first.raw) == Malformed(None, "", NO_OBJECT, first.raw)


def test_a_malformed_message_does_not_show_what_was_sent() -> None:
    assert repr(validate({"messageId": "m-1", "userId": "a@b.co"})) == (
        "Malformed(message_id='m-1', field='type', detail='is missing')"
    )
