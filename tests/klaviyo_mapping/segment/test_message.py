"""A message's fields: their types, their spelling, and their form inside."""

import copy
from typing import Any

import fastjsonschema
import pytest

from klaviyo_mapping import MESSAGE_SCHEMA, Message, canonical
from klaviyo_mapping.segment.message import Context

check = fastjsonschema.compile(MESSAGE_SCHEMA, use_default=False)

TEXTS = ("messageId", "event")
TIMES = ("timestamp", "originalTimestamp", "receivedAt", "sentAt")
IDS = ("userId", "anonymousId")
UNTYPED = ("previousId", "groupId", "name", "category")
ANYTHING: list[Any] = ["text", 1, True, ["text"], {}, None]
OBJECTS = ("context", "integrations", "traits", "properties")

FULL = {
    "type": "track",
    "messageId": "m1",
    "userId": "u1",
    "anonymousId": "a1",
    "timestamp": "2026-03-01T10:00:00.001Z",
    "originalTimestamp": "2026-03-01T10:00:00.002Z",
    "receivedAt": "2026-03-01T10:00:00.003Z",
    "sentAt": "2026-03-01T10:00:00.004Z",
    "context": {"timezone": "Europe/Rome"},
    "integrations": {"All": True},
    "traits": {"plan": "pro"},
    "event": "Item Added",
    "properties": {"price": 1},
    "previousId": "u0",
    "groupId": "g1",
    "name": "Home",
    "category": "Shop",
}


ANY_TYPE: list[Any] = ["text", 1763632800000, 0.5, True, [1], {}, None]
AN_OBJECT: list[Any] = [{}, {"any": [1, None]}, [], None]
ACCEPTED: list[tuple[str, Any]] = [
    ("type", "identify"),
    ("type", "anything"),
    *((field, value) for field in TEXTS for value in ("text", "", None)),
    *((field, value) for field in IDS for value in ("text", "", 42, 4.2, None)),
    *((field, value) for field in TIMES for value in ANY_TYPE),
    *((field, value) for field in OBJECTS for value in AN_OBJECT),
    ("version", True),
    *((field, value) for field in UNTYPED for value in ANYTHING),
]
NO_TYPE: list[Any] = ["", "  ", None, 1, True, ["track"], {}]
NO_TEXT: list[Any] = [1, True, ["text"], {}]
NO_ID: list[Any] = [True, False, ["u1"], {}]
NO_OBJECT: list[Any] = ["text", 1, False, [1], [[]], [None]]
REFUSED: list[tuple[str, Any]] = [
    *(("type", value) for value in NO_TYPE),
    *((field, value) for field in TEXTS for value in NO_TEXT),
    *((field, value) for field in IDS for value in NO_ID),
    *((field, value) for field in OBJECTS for value in NO_OBJECT),
]


@pytest.mark.parametrize(("field", "value"), ACCEPTED)
def test_the_schema_accepts(field: str, value: Any) -> None:
    check({"type": "track", field: value})


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_the_schema_refuses_and_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as refusal:
        check({"type": "track", field: value})
    assert refusal.value.path == ["data", field]


@pytest.mark.parametrize("value", [[], "track", 1, None])
def test_the_schema_refuses_what_is_no_object(value: Any) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as refusal:
        check(value)
    assert refusal.value.path == ["data"]


def test_the_schema_refuses_a_message_without_a_type() -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="type"):
        check({"messageId": "m1"})


@pytest.mark.parametrize(
    ("rule", "raw", "document"),
    [
        ("a canonical message is its own form", FULL, FULL),
        (
            "underscores",
            {"type": "track", "message_id": "m1"},
            {"type": "track", "messageId": "m1"},
        ),
        ("hyphens and capitals", {"TYPE": "track", "USER-ID": 1}, {"type": "track", "userId": 1}),
        ("spaces", {"type": "track", "Sent At": "x"}, {"type": "track", "sentAt": "x"}),
        ("exact wins over loose", {"user_id": "b", "userId": "a"}, {"userId": "a"}),
        ("an exact null is absent", {"userId": None, "user_id": "b"}, {"userId": "b"}),
        ("so is a loose one", {"user_id": None, "USERID": "b"}, {"userId": "b"}),
        ("null where there is nothing else", {"userId": None, "user_id": None}, {"userId": None}),
        ("of two loose ones the first", {"user_id": "a", "USERID": "b"}, {"userId": "a"}),
        ("other keys are left out", {"type": "track", "version": 2, "id": 1}, {"type": "track"}),
        ("inner keys keep their spelling", {"Traits": {"A_b": 1}}, {"traits": {"A_b": 1}}),
        ("nothing gives nothing", {}, {}),
    ],
)
def test_canonical(rule: str, raw: dict[str, Any], document: dict[str, Any]) -> None:
    before = copy.deepcopy(raw)
    assert canonical(raw) == document
    assert raw == before


def test_canonical_keeps_every_field_of_the_schema_and_no_other() -> None:
    assert canonical(FULL).keys() == MESSAGE_SCHEMA["properties"].keys()


def test_a_message_with_every_field() -> None:
    assert Message.from_canonical(FULL) == Message(
        type="track",
        message_id="m1",
        user_id="u1",
        anonymous_id="a1",
        timestamp="2026-03-01T10:00:00.001Z",
        original_timestamp="2026-03-01T10:00:00.002Z",
        received_at="2026-03-01T10:00:00.003Z",
        sent_at="2026-03-01T10:00:00.004Z",
        context=Context(timezone="Europe/Rome"),
        integrations={"All": True},
        traits={"plan": "pro"},
        event_name="Item Added",
        properties={"price": 1},
        previous_id="u0",
        group_id="g1",
        name="Home",
        category="Shop",
    )


PHPS_EMPTY: dict[str, Any] = {field: [] for field in OBJECTS}


@pytest.mark.parametrize(
    "absent", [{}, dict.fromkeys(FULL), PHPS_EMPTY], ids=["absent", "null", "PHP's empty object"]
)
def test_absent_objects_are_empty_and_other_absent_fields_none(absent: dict[str, Any]) -> None:
    assert Message.from_canonical({**absent, "type": "track"}) == Message(
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
        previous_id=None,
        group_id=None,
        name=None,
        category=None,
    )


@pytest.mark.parametrize("time", ["2026-03-01", "later", 1763632800000, 1763632800.5, 0])
def test_a_text_or_a_number_may_be_a_time(time: Any) -> None:
    document = {"type": "track", **dict.fromkeys(TIMES, time)}
    assert Message.from_canonical(document).document() == document


@pytest.mark.parametrize("time", [True, [1763632800000], {"$date": "2026-03-01"}, None])
def test_what_is_neither_is_no_time(time: Any) -> None:
    document = {"type": "track", **dict.fromkeys(TIMES, time)}
    assert Message.from_canonical(document) == Message(type="track")


def test_a_message_gives_back_the_document_that_it_was_read_from() -> None:
    document = {
        "type": "track",
        "messageId": "m-1",
        "userId": 0,
        "timestamp": "2026-11-23T10:00:00Z",
        "context": {"personas": {"computation_class": "audience"}},
        "event": "Item Added",
        "properties": {"price": 0},
    }
    assert Message.from_canonical(document).document() == document
