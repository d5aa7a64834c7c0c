"""The upserts of a delivery as the fewest requests."""

import json

import pytest

from klaviyo_client.planning.upserts import Rounds, merged
from klaviyo_client.planning.upserts import plan_profiles as plan_profiles_of
from operations import AddToList, Identity, Operation, UpsertProfile
from tests.klaviyo_client.fakes import upsert
from tests.klaviyo_client.planning.outlines import Plan, outline


def plan_profiles(*operations: Operation) -> Rounds:
    return plan_profiles_of(operations, range(len(operations)))


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


@pytest.mark.parametrize(
    "unfit",
    [upsert(0, attributes={"title": None}), upsert(0, properties={"text": "x" * 100_000})],
    ids=["clears an attribute", "above 100 KB"],
)
def test_five_beside_one_that_cannot_be_imported_make_no_import_job(unfit: UpsertProfile) -> None:
    [requests] = plan_profiles(unfit, *(upsert(n) for n in range(1, 6)))
    assert outline(requests) == [("create_or_update_profile", 1)] * 6


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
