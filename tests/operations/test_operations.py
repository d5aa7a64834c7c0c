"""Operations as JSON, the queue's format: whole, short, and read by an older or newer release."""

import json
from typing import Any

import pytest

from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    from_json,
    to_json,
)

ADA = Identity(email="ada@example.org")

TABLE: list[tuple[Operation, dict[str, Any]]] = [
    (
        UpsertProfile(
            "m1",
            Identity("ada@example.org", "u1", "+14155552671", "x1"),
            {"first_name": None, "location": {"city": "London"}},
            {"vip": False, "gone": None, "none": {}},
            {"phone": "415 555 2671"},
        ),
        {
            "kind": "upsert_profile",
            "message_id": "m1",
            "identity": {
                "email": "ada@example.org",
                "external_id": "u1",
                "phone_number": "+14155552671",
                "_kx": "x1",
            },
            "attributes": {"first_name": None, "location": {"city": "London"}},
            "properties": {"vip": False, "gone": None, "none": {}},
            "phone_as_sent": {"phone": "415 555 2671"},
        },
    ),
    (
        UpsertProfile(None, ADA),
        {"kind": "upsert_profile", "identity": {"email": "ada@example.org"}},
    ),
    (
        CreateEvent(
            "m1", ADA, "Item Added", "e1", {"a": 0}, "2026-03-01T10:00:00Z", 0, "USD", True
        ),
        {
            "kind": "create_event",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "metric": "Item Added",
            "unique_id": "e1",
            "properties": {"a": 0},
            "time": "2026-03-01T10:00:00Z",
            "value": 0,
            "value_currency": "USD",
            "backfill": True,
        },
    ),
    (
        CreateEvent("m1", ADA, "Item Added", "e1"),
        {
            "kind": "create_event",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "metric": "Item Added",
            "unique_id": "e1",
        },
    ),
    (
        AddToList("m1", ADA, "Y6nRLr", "01ABC"),
        {
            "kind": "add_to_list",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "list_id": "Y6nRLr",
            "profile_id": "01ABC",
        },
    ),
    (
        Subscribe("m1", "ada@example.org", "Y6nRLr"),
        {
            "kind": "subscribe",
            "message_id": "m1",
            "email": "ada@example.org",
            "list_id": "Y6nRLr",
        },
    ),
    (
        AddToList("m1", ADA, None, None, "vips", "2026-03-01T10:00:00Z"),
        {
            "kind": "add_to_list",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "list_name": "vips",
            "time": "2026-03-01T10:00:00Z",
        },
    ),
    (
        RemoveFromList("m1", ADA, "Y6nRLr"),
        {
            "kind": "remove_from_list",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "list_id": "Y6nRLr",
        },
    ),
    (
        Subscribe(
            None, None, None, "+14155552671", True, "2024-05-01T10:00:00Z", "Till", "2026-03-01"
        ),
        {
            "kind": "subscribe",
            "phone_number": "+14155552671",
            "historical_import": True,
            "consented_at": "2024-05-01T10:00:00Z",
            "custom_source": "Till",
            "time": "2026-03-01",
        },
    ),
    (
        Unsubscribe("m1", "ada@example.org", None),
        {"kind": "unsubscribe", "message_id": "m1", "email": "ada@example.org"},
    ),
    (
        Unsubscribe("m1", "ada@example.org", None, sent_at=1764000000.5),
        {
            "kind": "unsubscribe",
            "message_id": "m1",
            "email": "ada@example.org",
            "sent_at": 1764000000.5,
        },
    ),
    (
        DeleteProfile("m1", ADA, "2026-03-01T10:00:00Z"),
        {
            "kind": "delete_profile",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "time": "2026-03-01T10:00:00Z",
        },
    ),
    (
        UpsertProfile("m1", ADA, append={"a": ["b"]}, unappend={"c": "d"}, unset=("e",)),
        {
            "kind": "upsert_profile",
            "message_id": "m1",
            "identity": {"email": "ada@example.org"},
            "append": {"a": ["b"]},
            "unappend": {"c": "d"},
            "unset": ["e"],
        },
    ),
    (
        CheckImport(None, "job1", ("m1", None)),
        {"kind": "check_import", "job_id": "job1", "message_ids": ["m1", None]},
    ),
]


@pytest.mark.parametrize(("operation", "document"), TABLE)
def test_an_operation_is_written_without_what_holds_its_default(
    operation: Operation, document: dict[str, Any]
) -> None:
    assert to_json(operation) == document


@pytest.mark.parametrize(("operation", "document"), TABLE)
def test_what_was_written_is_read_back(operation: Operation, document: dict[str, Any]) -> None:
    assert from_json(json.loads(json.dumps(document))) == operation


def test_what_a_newer_release_adds_is_ignored() -> None:
    document = to_json(Subscribe("m1", "ada@example.org", "Y6nRLr"))
    assert from_json({**document, "channel": "sms"}) == from_json(document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "Object missing required field `kind`"),
        ({"kind": "teleport"}, "kind: Invalid value 'teleport'"),
        ({"kind": ["subscribe"]}, "kind: Expected `str`, got `list`"),
        ({"kind": "create_event"}, "Object missing required field `identity`"),
        ({"kind": "create_event", "identity": "ada"}, "identity: Expected `object`, got `str`"),
        (
            {"kind": "create_event", "identity": {"email": 5}},
            "identity.email: Expected `str | null`, got `int`",
        ),
        (
            {"kind": "create_event", "value": True},
            "value: Expected `int | float | null`, got `bool`",
        ),
        ({"kind": "create_event", "backfill": 1}, "backfill: Expected `bool`, got `int`"),
        (
            {"kind": "upsert_profile", "phone_as_sent": []},
            "phone_as_sent: Expected `object`, got `array`",
        ),
        ({"kind": "check_import", "message_ids": "m"}, "message_ids: Expected `array`, got `str`"),
        (
            {"kind": "create_event", "identity": {}, "metric": "x"},
            "Object missing required field `unique_id`",
        ),
        ({"kind": "subscribe", "list_id": "x"}, "subscribe: expected email or phone_number"),
        ({"kind": "unsubscribe"}, "unsubscribe: expected email or phone_number"),
        ({"kind": "add_to_list", "identity": {}}, "add_to_list: expected list_id or list_name"),
        ({"kind": "remove_from_list", "list_id": "x"}, "Object missing required field `identity`"),
    ],
)
def test_what_is_no_operation_is_refused_by_the_field(
    document: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its text is compared
        from_json(document)
    assert str(refused.value) == message
