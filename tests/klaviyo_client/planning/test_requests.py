"""The fewest requests within Klaviyo's limits."""

import json
from typing import Any

import pytest

from klaviyo_client.api.endpoints import MAX_BODY_BYTES
from klaviyo_client.planning.requests import Item, Request, chunks, merged
from klaviyo_client.planning.requests import plan_profiles as plan_profiles_of
from klaviyo_client.planning.requests import plan_steps as plan_steps_of
from klaviyo_client.planning.rewriting import can_be_planned
from operations import (
    AddToList,
    CheckImport,
    Identity,
    Operation,
    UpsertProfile,
)
from tests.klaviyo_client.fakes import endpoint, event, upsert

Plan = list[tuple[str, int]]
"""Requests as (endpoint, number of items)."""


def outline(requests: list[Request]) -> Plan:
    return [(request.endpoint.name, len(request.items)) for request in requests]


def plan_profiles(*operations: Operation) -> list[list[Request]]:
    return plan_profiles_of(operations, range(len(operations)))


def plan_steps(*operations: Operation) -> list[Request]:
    return plan_steps_of(operations, range(len(operations)))


@pytest.mark.parametrize(
    ("number", "plan"),
    [
        (0, []),
        (1, [("create_event", 1)]),
        (23, [("create_event", 1)] * 23),
        (24, [("bulk_create_events", 24)]),
        (1000, [("bulk_create_events", 1000)]),
        (1001, [("bulk_create_events", 1000), ("bulk_create_events", 1)]),
    ],
)
def test_events_go_in_bulk_from_24(number: int, plan: Plan) -> None:
    assert outline(plan_steps(*(event(n) for n in range(number)))) == plan


@pytest.mark.parametrize(
    ("number", "plan"),
    [
        (0, []),
        (5, [[("create_or_update_profile", 1)] * 5]),
        (6, [[("bulk_import_profiles", 6)]]),
        (10_000, [[("bulk_import_profiles", 10_000)]]),
        (10_001, [[("bulk_import_profiles", 10_000), ("bulk_import_profiles", 1)]]),
    ],
)
def test_upserts_go_in_bulk_from_6(number: int, plan: list[Plan]) -> None:
    planned = plan_profiles(*(upsert(n) for n in range(number)))
    assert [outline(requests) for requests in planned] == plan


def test_upserts_that_clear_an_attribute_go_singly() -> None:
    clearing = [upsert(n, attributes={"title": None}) for n in range(7)]
    others = [upsert(n) for n in range(10, 16)]
    [requests] = plan_profiles(*clearing, *others)
    assert outline(requests) == [
        ("bulk_import_profiles", 6),
        *[("create_or_update_profile", 1)] * 7,
    ]


def test_upserts_that_clear_custom_properties_alone_go_in_bulk() -> None:
    [requests] = plan_profiles(*(upsert(n, properties={"plan": None}) for n in range(6)))
    assert outline(requests) == [("bulk_import_profiles", 6)]


def test_a_profile_above_100_kb_goes_singly() -> None:
    large = upsert(0, properties={"text": "x" * 100_000})
    [requests] = plan_profiles(large, *(upsert(n) for n in range(1, 7)))
    assert outline(requests) == [("bulk_import_profiles", 6), ("create_or_update_profile", 1)]


def test_an_import_job_joins_lists_and_a_job_is_made_for_each_set_of_lists() -> None:
    def people(first: int, *list_ids: str) -> list[Operation]:
        operations: list[Operation] = []
        for person in (upsert(n) for n in range(first, first + 6)):
            operations.append(person)
            operations.extend(AddToList("m", person.identity, list_id) for list_id in list_ids)
        return operations

    [requests] = plan_profiles(*people(0), *people(10, "L1"), *people(20, "L2", "L1"))
    assert [request.list_ids for request in requests] == [(), ("L1",), ("L1", "L2")]
    assert outline(requests) == [("bulk_import_profiles", 6)] * 3
    assert requests[1].items[0].covers == (6,)
    assert requests[1].items[0].joins == (7,)


def test_a_list_step_alone_asks_for_the_profile_id_by_an_upsert_of_its_identity() -> None:
    [[request]] = plan_profiles(AddToList("m", Identity(email="a@shop.example"), "L1"))
    assert (request.endpoint.name, json.loads(request.body())) == (
        "create_or_update_profile",
        {"data": {"type": "profile", "attributes": {"email": "a@shop.example"}}},
    )


def test_list_steps_with_a_profile_id_go_together_a_list_a_request() -> None:
    steps = [
        AddToList(f"m{n}", Identity(email="a@x.io"), f"L{n % 2}", f"P{n // 4}") for n in range(8)
    ]
    requests = plan_steps(*steps)
    assert [(request.path, json.loads(request.body())["data"]) for request in requests] == [
        (
            f"/api/lists/L{n}/relationships/profiles",
            [{"type": "profile", "id": "P0"}, {"type": "profile", "id": "P1"}],
        )
        for n in range(2)
    ]
    assert [item.covers for item in requests[0].items] == [(0, 2), (4, 6)]


def test_a_list_takes_1000_members_a_request() -> None:
    steps = [AddToList("m", Identity(kx="k"), "L", f"P{n}") for n in range(1001)]
    assert outline(plan_steps(*steps)) == [
        ("add_profiles_to_list", 1000),
        ("add_profiles_to_list", 1),
    ]


def test_a_check_of_an_import_asks_for_the_job() -> None:
    [request] = plan_steps(CheckImport(None, "01J", ("m1",)))
    assert (request.endpoint.method, request.path, request.body()) == (
        "GET",
        "/api/profile-bulk-import-jobs/01J",
        b"",
    )


def test_an_id_is_written_as_one_segment_of_the_path() -> None:
    [request] = plan_steps(AddToList("m", Identity(kx="k"), "ü\ud800", "P"))
    assert request.path == "/api/lists/%C3%BC%3F/relationships/profiles"


@pytest.mark.parametrize("list_id", ["..", "../../profiles", "a?b=c#d", "a b"])
def test_an_id_that_leads_elsewhere_cannot_be_planned(list_id: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a path"):
        plan_steps(AddToList("m", Identity(kx="k"), list_id, "P"))


def test_bodies_are_cut_at_5_mb() -> None:
    requests = plan_steps(*(event(n, properties={"text": "x" * 30_000}) for n in range(400)))
    assert [request.endpoint.name for request in requests] == ["bulk_create_events"] * 3
    assert all(len(request.body()) <= MAX_BODY_BYTES for request in requests)
    assert sum(len(request.items) for request in requests) == 400
    assert len(requests[0].body()) > MAX_BODY_BYTES - 50_000


def test_an_item_that_is_too_large_alone_is_left_to_klaviyo() -> None:
    of_ten = endpoint(max_items=10)
    small, large = Item(b"x", (0,)), Item(b"x" * (MAX_BODY_BYTES + 1), (1,))
    assert list(chunks([small, large, small], of_ten)) == [(small,), (large,), (small,)]


MERGES: dict[str, tuple[list[UpsertProfile], UpsertProfile]] = {
    "the last word wins": (
        [
            upsert(attributes={"title": "Mr", "locale": "en"}, properties={"a": 1, "b": 2}),
            upsert(attributes={"title": "Dr"}, properties={"b": 3, "c": 4}),
        ],
        upsert(
            message_id=None,
            attributes={"title": "Dr", "locale": "en"},
            properties={"a": 1, "b": 3, "c": 4},
        ),
    ),
    "null is a word, too": (
        [
            upsert(attributes={"title": "Mr"}, properties={"a": 1}),
            upsert(attributes={"title": None}),
        ],
        upsert(message_id=None, attributes={"title": None}, properties={"a": 1}),
    ),
    "a location is merged field by field": (
        [
            upsert(attributes={"location": {"city": "Rome", "zip": "1"}}),
            upsert(attributes={"location": {"city": "Bern"}}),
        ],
        upsert(message_id=None, attributes={"location": {"city": "Bern", "zip": "1"}}),
    ),
    "a location that is cleared whole": (
        [upsert(attributes={"location": {"city": "Rome"}}), upsert(attributes={"location": None})],
        upsert(message_id=None, attributes={"location": None}),
    ),
    "and written again": (
        [upsert(attributes={"location": None}), upsert(attributes={"location": {"city": "Rome"}})],
        upsert(message_id=None, attributes={"location": {"city": "Rome"}}),
    ),
    "identifiers add up": (
        [upsert(identity=Identity(email="a@x.io")), upsert(identity=Identity("A@x.io", "7"))],
        upsert(message_id=None, identity=Identity("A@x.io", "7")),
    ),
}


@pytest.mark.parametrize("name", MERGES)
def test_upserts_of_one_person_become_one(name: str) -> None:
    operations, expected = MERGES[name]
    before = [(dict(each.attributes), dict(each.properties)) for each in operations]
    assert merged(operations) == expected
    assert [(each.attributes, each.properties) for each in operations] == before


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (event(), True),
        (event(properties={"x": object()}), False),
        (event(properties=None), True),
        (event(metric={"not": "text"}), False),
        (upsert(properties={"x": {1j: 2}}), False),
        (upsert(attributes=["not", "an", "object"]), False),
        (upsert(properties="text"), False),
        (upsert(identity=Identity(email=["a"])), False),  # type: ignore[arg-type]
        (AddToList("m", Identity(kx="k"), {"L": 1}, "P"), False),  # type: ignore[arg-type]
        (CheckImport(None, "J"), True),
    ],
)
def test_an_operation_that_cannot_be_written_is_recognised(operation: Any, expected: bool) -> None:
    assert can_be_planned(operation) is expected
