"""Looking things up in Klaviyo's stand-in: filters, pages, fieldsets."""

from typing import Any
from urllib.parse import quote

import pytest

from local.klaviyo_stand_in import Account
from tests.local.klaviyo_stand_in.caller import SteppedClock, account, get, post, profile, upserted

Json = Any


def three() -> Account:
    """Three people, a minute apart."""
    clock = SteppedClock()
    made = account(clock=clock)
    people = (
        {"email": "ann@shop.io", "external_id": "a", "_kx": "kx-a"},
        {"email": "bob+news@shop.io", "phone_number": "+14155550100"},
        {"external_id": 'c"]'},
    )
    for person in people:
        upserted(made, **person)
        clock.step(60)
    return made


def found(made: Account, text: str) -> list[str]:
    """The e-mail addresses or external ids of the profiles that a filter lets through."""
    response = get(made, f"/api/profiles?filter={quote(text)}")
    assert response.status == 200
    attributes = [each["attributes"] for each in response.json()["data"]]
    return [each["email"] or each["external_id"] for each in attributes]


PROFILE_FILTERS = {
    "an address": ('equals(email,"ann@shop.io")', ["ann@shop.io"]),
    "an address in another case": ('equals(email,"ANN@shop.io")', ["ann@shop.io"]),
    "an address with a plus": ('equals(email,"bob+news@shop.io")', ["bob+news@shop.io"]),
    "single quotes": ("equals(email,'ann@shop.io')", ["ann@shop.io"]),
    "a phone number": ('equals(phone_number,"+14155550100")', ["bob+news@shop.io"]),
    "an external id": ('equals(external_id,"a")', ["ann@shop.io"]),
    "an external id with brackets": ('equals(external_id,"c\\"]")', ['c"]']),
    "an exchange id": ('equals(_kx,"kx-a")', ["ann@shop.io"]),
    "any of several": ('any(external_id,["c\\"]","a","z"])', ['c"]', "ann@shop.io"]),
    "any of several in single quotes": ("any(external_id,['a','z'])", ["ann@shop.io"]),
    "any that names one twice": ('any(external_id,["a","a"])', ["ann@shop.io"]),
    "no one": ('equals(email,"eve@shop.io")', []),
    "created later": (
        "greater-than(created,2026-07-15T12:00:30Z)",
        ["bob+news@shop.io", 'c"]'],
    ),
    "updated before that very time": ("less-than(updated,2026-07-15T12:00:00Z)", []),
    "updated earlier": ("less-than(updated,2026-07-15T12:00:30Z)", ["ann@shop.io"]),
}


@pytest.mark.parametrize(("text", "expected"), PROFILE_FILTERS.values(), ids=PROFILE_FILTERS)
def test_profiles_are_filtered(text: str, expected: list[str]) -> None:
    assert found(three(), text) == expected


def test_profiles_are_found_by_klaviyos_id() -> None:
    made = three()
    ids = [each.id for each in made.profiles]
    assert found(made, f'equals(id,"{ids[0]}")') == ["ann@shop.io"]
    assert found(made, f'any(id,["{ids[1]}","{ids[0]}"])') == ["bob+news@shop.io", "ann@shop.io"]


BAD_FILTERS = {
    "no filter": "email=ann@shop.io",
    "a custom property": 'equals(properties.plan,"pro")',
    "an operator that the field has not": 'contains(email,"ann")',
    "any of exchange ids": 'any(_kx,["k"])',
    "text without quotes": "equals(email,ann@shop.io)",
    "half a pair of quotes": "equals(email,')",
    "half an array": 'any(email,"ann@shop.io"])',
    "any without an array": 'any(email,"ann@shop.io")',
    "any of nothing": "any(email,[])",
    "any of numbers": "any(external_id,[1])",
    "a time that is none": "greater-than(created,yesterday)",
}


@pytest.mark.parametrize("text", BAD_FILTERS.values(), ids=BAD_FILTERS)
def test_a_bad_filter_is_400_and_named(text: str) -> None:
    response = get(account(), f"/api/profiles?filter={quote(text)}")
    [error] = response.json()["errors"]
    assert (response.status, error["source"]) == (400, {"parameter": "filter"})


def pages(made: Account, target: str) -> list[list[str]]:
    """The ids on each page, from the first link to the last."""
    seen = []
    while target:
        document = get(made, target).json()
        seen.append([each["id"] for each in document["data"]])
        target = (document["links"]["next"] or "").removeprefix("https://a.klaviyo.com")
    return seen


@pytest.mark.parametrize(
    ("query", "sizes"),
    [("", [20, 20, 5]), ("?page%5Bsize%5D=100", [45]), ("?page%5Bsize%5D=15", [15, 15, 15])],
)
def test_profiles_come_in_pages(query: str, sizes: list[int]) -> None:
    made = account()
    ids = [upserted(made, external_id=str(number)) for number in range(45)]
    seen = pages(made, f"/api/profiles{query}")
    assert [len(page) for page in seen] == sizes
    assert [each for page in seen for each in page] == ids


def test_a_link_to_the_next_page_keeps_the_query_and_the_host() -> None:
    made = account()
    for number in range(3):
        upserted(made, external_id=str(number))
    target = "/api/profiles?page%5Bsize%5D=2&fields%5Bprofile%5D=email"
    links = get(made, target, host="127.0.0.1:8081").json()["links"]
    assert links == {
        "self": "http://127.0.0.1:8081/api/profiles?page%5Bsize%5D=2&fields%5Bprofile%5D=email",
        "next": "http://127.0.0.1:8081/api/profiles?page%5Bsize%5D=2&fields%5Bprofile%5D=email"
        "&page%5Bcursor%5D=ZnJvbToy",
        "prev": None,
    }


BAD_PAGES = {
    "no profiles on a page": ("/api/profiles?page%5Bsize%5D=0", "page[size]"),
    "101 profiles on a page": ("/api/profiles?page%5Bsize%5D=101", "page[size]"),
    "11 lists on a page": ("/api/lists?page%5Bsize%5D=11", "page[size]"),
    "text for a size": ("/api/profiles?page%5Bsize%5D=all", "page[size]"),
    "a cursor that is none": ("/api/profiles?page%5Bcursor%5D=2", "page[cursor]"),
}


@pytest.mark.parametrize(("target", "parameter"), BAD_PAGES.values(), ids=BAD_PAGES)
def test_a_bad_page_is_400_and_named(target: str, parameter: str) -> None:
    response = get(account(), target)
    [error] = response.json()["errors"]
    assert (response.status, error["source"]) == (400, {"parameter": parameter})


def test_a_sparse_fieldset_leaves_out_the_other_attributes() -> None:
    made = three()
    [ann, *_] = get(made, "/api/profiles?fields%5Bprofile%5D=email,external_id").json()["data"]
    assert ann["attributes"] == {"email": "ann@shop.io", "external_id": "a"}


def test_a_new_profile_can_be_answered_with_chosen_fields() -> None:
    response = post(account(), "/api/profile-import?fields%5Bprofile%5D=email", {"data": profile()})
    assert response.json()["data"]["attributes"] == {"email": "ann@shop.io"}


LIST_FILTERS = {
    "a name": ('equals(name,"Newsletter")', ["SINGLE"]),
    "any of several names": ('any(name,["Newsletter","Offers"])', ["SINGLE", "DOUBLE"]),
    "an id": ('equals(id,"DOUBLE")', ["DOUBLE"]),
    "another name": ('equals(name,"newsletter")', []),
    "created later": ("greater-than(created,2026-07-15T12:00:00Z)", []),
}


@pytest.mark.parametrize(("text", "expected"), LIST_FILTERS.values(), ids=LIST_FILTERS)
def test_lists_are_filtered(text: str, expected: list[str]) -> None:
    response = get(account(), f"/api/lists?filter={quote(text)}")
    assert [each["id"] for each in response.json()["data"]] == expected


def test_lists_come_ten_on_a_page() -> None:
    made = account()
    for number in range(21):
        made.add_list(f"L{number}", f"List {number}")
    assert [len(page) for page in pages(made, "/api/lists")] == [10, 10, 3]


def test_a_key_belongs_to_one_account() -> None:
    document = get(account(), "/api/accounts").json()
    [only] = document["data"]
    assert only["type"] == "account"
    assert {"timezone", "preferred_currency", "public_api_key"} <= only["attributes"].keys()
