"""How Klaviyo's stand-in keeps profiles: who is who, and what a write changes."""

from typing import Any

import pytest

from local.klaviyo_stand_in import Account, Response
from tests.local.klaviyo_stand_in.caller import (
    account,
    deletion,
    event,
    merge,
    post,
    problems,
    profile,
    profile_without_email,
    upserted,
)

Json = Any


def upsert(
    made: Account, meta: Json = None, profile_id: str | None = None, **attributes: Json
) -> Response:
    person = profile_without_email(**attributes)
    if meta is not None:
        person["meta"] = meta
    if profile_id is not None:
        person["id"] = profile_id
    return post(made, "/api/profile-import", {"data": person})


def test_a_new_profile_is_201_and_a_known_one_200_with_its_id() -> None:
    made = account()
    first, second = upsert(made, email="ann@shop.io"), upsert(made, email="ann@shop.io")
    assert (first.status, second.status) == (201, 200)
    assert first.json()["data"]["id"] == second.json()["data"]["id"]


def test_the_answer_holds_the_whole_profile() -> None:
    made = account()
    response = upsert(made, email="ann@shop.io", first_name="Ann", properties={"plan": "pro"})
    data = response.json()["data"]
    blank = dict.fromkeys(
        ["address1", "address2", "city", "country", "latitude", "longitude", "region", "zip",
         "timezone", "ip"]
    )  # fmt: skip
    assert data == {
        "type": "profile",
        "id": data["id"],
        "attributes": {
            "email": "ann@shop.io",
            "phone_number": None,
            "external_id": None,
            "anonymous_id": None,
            "first_name": "Ann",
            "last_name": None,
            "organization": None,
            "locale": None,
            "title": None,
            "image": None,
            "created": "2026-07-15T12:00:00+00:00",
            "updated": "2026-07-15T12:00:00+00:00",
            "last_event_date": None,
            "location": blank,
            "properties": {"plan": "pro"},
        },
        "links": {"self": f"https://a.klaviyo.com/api/profiles/{data['id']}/"},
    }


def test_an_absent_attribute_is_unchanged_and_null_clears() -> None:
    made = account()
    upsert(
        made,
        email="ann@shop.io",
        first_name="Ann",
        title="Ms",
        location={"city": "Bonn", "zip": "1"},
    )
    upsert(made, email="ann@shop.io", first_name=None, location={"zip": None, "region": "NW"})
    [ann] = made.profiles
    assert (ann.attributes, ann.location) == ({"title": "Ms"}, {"city": "Bonn", "region": "NW"})


def test_an_identifier_of_null_is_taken_away() -> None:
    made = account()
    upsert(made, email="ann@shop.io", phone_number="+14155550100", external_id="7")
    upsert(made, email="ann@shop.io", phone_number=None)
    assert [each.identifiers for each in made.profiles] == [
        {"email": "ann@shop.io", "external_id": "7"}
    ]
    assert made.profiles.by_phone_number("+14155550100") is None


def test_a_location_of_null_clears_all_of_it() -> None:
    made = account()
    upsert(made, email="ann@shop.io", location={"city": "Bonn"})
    upsert(made, email="ann@shop.io", location=None)
    assert [each.location for each in made.profiles] == [{}]


def test_properties_are_merged_by_key_and_a_value_is_replaced_whole() -> None:
    made = account()
    upsert(made, email="ann@shop.io", properties={"plan": {"name": "pro", "seats": 2}, "age": 5})
    upsert(made, email="ann@shop.io", properties={"plan": {"name": "free"}, "vip": False})
    [ann] = made.profiles
    assert ann.properties == {"plan": {"name": "free"}, "age": 5, "vip": False}


PATCHES = {
    "append to an array": ({"append": {"skus": 3}}, {"skus": [1, 2, 3], "plan": "pro"}),
    "append several": ({"append": {"skus": [3, 4]}}, {"skus": [1, 2, 3, 4], "plan": "pro"}),
    "append makes an array": (
        {"append": {"tags": "a"}},
        {"skus": [1, 2], "plan": "pro", "tags": ["a"]},
    ),
    "unappend": ({"unappend": {"skus": 1}}, {"skus": [2], "plan": "pro"}),
    "unset one": ({"unset": "plan"}, {"skus": [1, 2]}),
    "unset several": ({"unset": ["plan", "skus", "other"]}, {}),
}


@pytest.mark.parametrize(("patch", "expected"), PATCHES.values(), ids=PATCHES)
def test_patch_properties(patch: Json, expected: Json) -> None:
    made = account()
    upsert(made, email="ann@shop.io", properties={"skus": [1, 2], "plan": "pro"})
    upsert(made, {"patch_properties": patch}, email="ann@shop.io")
    assert [each.properties for each in made.profiles] == [expected]


def test_a_secondary_address_leads_to_the_profile_until_it_is_removed() -> None:
    made = account()
    upsert(made, {"patch_identifiers": {"append": {"email": ["b@shop.io"]}}}, email="ann@shop.io")
    assert made.profiles.by_email("b@shop.io") is made.profiles.by_email("ann@shop.io")
    upsert(made, {"patch_identifiers": {"unappend": {"email": "b@shop.io"}}}, email="ann@shop.io")
    assert made.profiles.by_email("b@shop.io") is None
    assert [each.secondary_emails for each in made.profiles] == [[]]


def test_an_address_is_the_same_in_any_case() -> None:
    made = account()
    assert upserted(made, email="Ann@Shop.io") == upserted(made, email="ann@shop.io")


def test_any_identifier_finds_the_profile_and_the_others_are_added() -> None:
    made = account()
    first = upserted(made, email="ann@shop.io")
    assert upserted(made, email="ann@shop.io", external_id="7") == first
    assert upserted(made, external_id="7", phone_number="+14155550100") == first
    assert upserted(made, phone_number="+14155550100", _kx="k") == first
    [ann] = made.profiles
    assert ann.identifiers == {
        "email": "ann@shop.io",
        "external_id": "7",
        "phone_number": "+14155550100",
        "_kx": "k",
    }


def test_klaviyos_own_id_finds_the_profile_and_can_change_its_address() -> None:
    made = account()
    profile_id = upserted(made, email="ann@shop.io")
    assert upsert(made, profile_id=profile_id, email="ann@new.io").status == 200
    assert made.profiles.by_email("ann@shop.io") is None
    assert [each.email for each in made.profiles] == ["ann@new.io"]


def test_an_id_that_does_not_exist_is_404() -> None:
    response = upsert(account(), profile_id="01NONE", email="ann@shop.io")
    assert (response.status, problems(response)) == (
        404,
        [("A profile with id 01NONE does not exist.", "/data/id")],
    )


def test_identifiers_of_two_profiles_are_409_with_the_other_ones_id() -> None:
    made = account()
    upserted(made, email="ann@shop.io")
    other = upserted(made, external_id="7")
    response = upsert(made, email="ann@shop.io", external_id="7", first_name="Ann")
    [error] = response.json()["errors"]
    assert response.status == 409
    assert (error["code"], error["source"], error["meta"]) == (
        "duplicate_profile",
        {"pointer": "/data/attributes"},
        {"duplicate_profile_id": other},
    )
    assert [each.attributes for each in made.profiles] == [{}, {}]


def test_an_event_with_identifiers_of_two_profiles_goes_to_the_address() -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io")
    upserted(made, external_id="7")
    assert post(made, "/api/events", event(profile(external_id="7"))).status == 202
    assert [each.profile_id for each in made.events] == [ann]
    assert len(made.profiles) == 2


@pytest.mark.parametrize("identifier", ["id", "email", "phone_number"])
def test_a_deletion_request_deletes_the_profile(identifier: str) -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io", phone_number="+14155550100")
    bob = upserted(made, email="bob@shop.io")
    person = profile_without_email()
    if identifier == "id":
        person["id"] = ann
    else:
        known = made.profiles.get(ann)
        assert known is not None
        person["attributes"][identifier] = known.identifiers[identifier]
    response = post(made, "/api/data-privacy-deletion-jobs", deletion(person))
    assert (response.status, response.body) == (202, b"")
    assert ([each.id for each in made.profiles], made.deleted) == ([bob], [ann])


def test_a_deletion_request_for_no_one_is_accepted() -> None:
    assert post(account(), "/api/data-privacy-deletion-jobs", deletion(profile())).status == 202


def test_a_merge_gives_the_destination_what_it_lacks() -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io", first_name="Ann", properties={"plan": "pro"})
    source = upserted(made, external_id="7", first_name="A.", title="Ms", properties={"age": 5})
    made.lists["SINGLE"].members.add(source)
    response = post(made, "/api/profile-merge", merge(ann, source))
    assert (response.status, response.json()["data"]["id"]) == (202, ann)
    [merged] = made.profiles
    assert (merged.identifiers, merged.attributes, merged.properties) == (
        {"email": "ann@shop.io", "external_id": "7"},
        {"first_name": "Ann", "title": "Ms"},
        {"plan": "pro", "age": 5},
    )
    assert made.lists["SINGLE"].members == {ann}
    assert made.profiles.get(source) is merged


MERGES = {
    "into itself": ("{ann}", "{ann}", 400),
    "of an unknown source": ("{ann}", "01NONE", 404),
    "into an unknown destination": ("01NONE", "{ann}", 404),
}


@pytest.mark.parametrize(("destination", "source", "status"), MERGES.values(), ids=MERGES)
def test_a_merge_needs_two_profiles(destination: str, source: str, status: int) -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io")
    document = merge(destination.format(ann=ann), source.format(ann=ann))
    assert post(made, "/api/profile-merge", document).status == status
