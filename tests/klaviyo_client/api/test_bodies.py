"""Each operation as Klaviyo's JSON. The stand-in judges every body by Klaviyo's own schema."""

import json
from typing import Any

import pytest

from klaviyo_client.api import bodies
from klaviyo_client.api.revision import REVISION
from local.klaviyo_stand_in import Account, Request
from operations import CreateEvent, Identity, Subscribe, UpsertProfile

IDENTITY = Identity("a@shop.example", "7", "+15005550006", "kx")
IDENTIFIERS = {
    "email": "a@shop.example",
    "external_id": "7",
    "phone_number": "+15005550006",
    "_kx": "kx",
}
BARE_EVENT = CreateEvent("m", Identity(email="a@shop.example"), "Viewed", "u-1")
FULL_EVENT = CreateEvent(
    "m", IDENTITY, "Ordered", "u-1", {"n": 0, "é": None}, "2026-07-15T10:00:00Z", 12.5, "EUR", True
)
BARE_UPSERT = UpsertProfile("m", Identity(external_id="7"))
FULL_UPSERT = UpsertProfile(
    "m",
    IDENTITY,
    {"first_name": "Ada", "location": {"city": "London", "latitude": 51.5}},
    {"plan": "pro", "tags": ["a", {"b": False}]},
    {"phone": "555"},
    "2026-07-15T10:00:00Z",
)
CLEARING = UpsertProfile(
    "m", Identity(email="a@shop.example"), {"first_name": None}, {"plan": None, "age": 0}
)
SUBSCRIPTION = Subscribe("m", "a@shop.example", "LIST")

BARE_ATTRIBUTES = {
    "properties": {},
    "metric": {"data": {"type": "metric", "attributes": {"name": "Viewed"}}},
    "unique_id": "u-1",
}
FULL_ATTRIBUTES = {
    "properties": {"n": 0, "é": None},
    "metric": {"data": {"type": "metric", "attributes": {"name": "Ordered"}}},
    "unique_id": "u-1",
    "time": "2026-07-15T10:00:00Z",
    "value": 12.5,
    "value_currency": "EUR",
    "backfill": True,
}


def profile(attributes: dict[str, Any], meta: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {"type": "profile", "attributes": attributes}
    return {"data": found if meta is None else {**found, "meta": meta}}


def entry(identifiers: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "event-bulk-create",
        "attributes": {
            "profile": profile(identifiers),
            "events": {"data": [{"type": "event", "attributes": attributes}]},
        },
    }


CASES: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "create_event, bare": (
        "/api/events",
        bodies.single_event(BARE_EVENT),
        {
            "data": {
                "type": "event",
                "attributes": {**BARE_ATTRIBUTES, "profile": profile({"email": "a@shop.example"})},
            }
        },
    ),
    "create_event, full": (
        "/api/events",
        bodies.single_event(FULL_EVENT),
        {
            "data": {
                "type": "event",
                "attributes": {**FULL_ATTRIBUTES, "profile": profile(IDENTIFIERS)},
            }
        },
    ),
    "bulk_create_events": (
        "/api/event-bulk-create-jobs",
        bodies.events_job([bodies.event_item(BARE_EVENT), bodies.event_item(FULL_EVENT)]),
        {
            "data": {
                "type": "event-bulk-create-job",
                "attributes": {
                    "events-bulk-create": {
                        "data": [
                            entry({"email": "a@shop.example"}, BARE_ATTRIBUTES),
                            entry(IDENTIFIERS, FULL_ATTRIBUTES),
                        ]
                    }
                },
            }
        },
    ),
    "create_or_update_profile, bare": (
        "/api/profile-import",
        bodies.single_profile(BARE_UPSERT),
        profile({"external_id": "7"}),
    ),
    "create_or_update_profile, full": (
        "/api/profile-import",
        bodies.single_profile(FULL_UPSERT),
        profile(
            {
                **IDENTIFIERS,
                "first_name": "Ada",
                "location": {"city": "London", "latitude": 51.5},
                "properties": {"plan": "pro", "tags": ["a", {"b": False}]},
            }
        ),
    ),
    "create_or_update_profile clears by null": (
        "/api/profile-import",
        bodies.single_profile(CLEARING),
        profile(
            {
                "email": "a@shop.example",
                "first_name": None,
                "properties": {"age": 0},
            },
            {"patch_properties": {"unset": ["plan"]}},
        ),
    ),
    "bulk_import_profiles without lists": (
        "/api/profile-bulk-import-jobs",
        bodies.import_job([bodies.profile_item(BARE_UPSERT)], ()),
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {
                    "profiles": {"data": [{"type": "profile", "attributes": {"external_id": "7"}}]}
                },
            }
        },
    ),
    "bulk_import_profiles clears custom properties by name": (
        "/api/profile-bulk-import-jobs",
        bodies.import_job(
            [
                bodies.profile_item(
                    UpsertProfile("m", Identity(kx="k"), properties={"a": 1, "b": None, "c": None})
                )
            ],
            ["LIST", "OTHER"],
        ),
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {
                    "profiles": {
                        "data": [
                            {
                                "type": "profile",
                                "attributes": {"_kx": "k", "properties": {"a": 1}},
                                "meta": {"patch_properties": {"unset": ["b", "c"]}},
                            }
                        ]
                    }
                },
                "relationships": {
                    "lists": {
                        "data": [{"type": "list", "id": "LIST"}, {"type": "list", "id": "OTHER"}]
                    }
                },
            }
        },
    ),
    "bulk_subscribe_profiles": (
        "/api/profile-subscription-bulk-create-jobs",
        bodies.subscription_job([bodies.subscription_item(SUBSCRIPTION)], ("LIST",)),
        {
            "data": {
                "type": "profile-subscription-bulk-create-job",
                "attributes": {
                    "profiles": {
                        "data": [
                            {
                                "type": "profile",
                                "attributes": {
                                    "email": "a@shop.example",
                                    "subscriptions": {
                                        "email": {"marketing": {"consent": "SUBSCRIBED"}}
                                    },
                                },
                            }
                        ]
                    }
                },
                "relationships": {"list": {"data": {"type": "list", "id": "LIST"}}},
            }
        },
    ),
    "add_profiles_to_list": (
        "/api/lists/LIST/relationships/profiles",
        bodies.members([bodies.member_item("01A"), bodies.member_item("01B")]),
        {"data": [{"type": "profile", "id": "01A"}, {"type": "profile", "id": "01B"}]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_body_is_this_and_nothing_more(name: str) -> None:
    _, body, expected = CASES[name]
    assert json.loads(body) == expected


@pytest.mark.parametrize("name", [name for name in CASES if name != "add_profiles_to_list"])
def test_klaviyos_schema_admits_the_body(name: str) -> None:
    path, body, _ = CASES[name]
    account = Account()
    account.add_list("LIST", "Newsletter")
    account.add_list("OTHER", "Offers")
    headers = {
        "Authorization": "Klaviyo-API-Key pk_test",
        "revision": REVISION,
        "Accept": "application/vnd.api+json",
        "Content-Type": "application/vnd.api+json",
    }
    response = account.exchange(Request.of("POST", path, headers, body)).response
    assert response is not None
    assert response.status in (201, 202), response.body


@pytest.mark.parametrize(
    ("attributes", "properties", "expected"),
    [
        ({"first_name": "Ada"}, {}, False),
        ({"first_name": None}, {}, True),
        ({"location": {"city": None}}, {}, True),
        ({"location": {"city": "London"}}, {}, False),
        ({"location": None}, {}, True),
        ({}, {"plan": None}, False),
        ({}, {}, False),
    ],
)
def test_only_attributes_that_are_cleared_need_a_request_of_their_own(
    attributes: dict[str, Any], properties: dict[str, Any], expected: bool
) -> None:
    operation = UpsertProfile("m", Identity(kx="k"), attributes, properties)
    assert bodies.needs_single(operation) is expected


def test_half_an_emoji_costs_a_question_mark_and_not_the_event() -> None:
    body = bodies.single_event(
        CreateEvent("m", Identity(kx="k"), "Viewed", "u", {"name": "tea \ud83d"})
    )
    assert json.loads(body)["data"]["attributes"]["properties"] == {"name": "tea ?"}


@pytest.mark.parametrize("value", [object(), {1j: 1}])
def test_what_is_no_json_is_not_written(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        bodies.single_profile(UpsertProfile("m", Identity(kx="k"), {}, {"x": value}))
