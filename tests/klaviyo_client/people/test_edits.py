"""Edits of custom properties where they are: singly, in bulk, and merged with one another."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_client.api import bodies
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.api.revision import REVISION
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.edits import in_runs
from klaviyo_client.planning.requests import Request
from klaviyo_client.planning.upserts import merged, plan_profiles
from local.klaviyo_stand_in import Account, Weather
from local.klaviyo_stand_in import Request as HttpRequest
from operations import (
    AddToList,
    Identity,
    Operation,
    UpsertProfile,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import IMPORT, UPSERT, answer, deliver, kinds, scripted, upsert
from tests.suite.effort import examples

WHOLE = upsert(
    properties={"plan": "pro", "age": None},
    append={"tags": ["new", "hot"]},
    unappend={"colours": "red"},
    unset=("city",),
)


def bulk_body(*upserts: UpsertProfile) -> Any:
    items = [bodies.profile_item(each) for each in upserts]
    return json.loads(bodies.import_job(items, ()))["data"]["attributes"]["profiles"]["data"]


def test_in_a_single_request_meta_stands_beside_the_attributes() -> None:
    assert json.loads(bodies.single_profile(WHOLE)) == {
        "data": {
            "type": "profile",
            "attributes": {
                "email": "p0@shop.example",
                "properties": {"plan": "pro"},
            },
            "meta": {
                "patch_properties": {
                    "append": {"tags": ["new", "hot"]},
                    "unappend": {"colours": "red"},
                    "unset": ["age", "city"],
                }
            },
        }
    }


def test_in_bulk_each_profile_has_its_own_and_null_is_unset() -> None:
    assert bulk_body(WHOLE, upsert(1), upsert(2, append={"tags": "new"})) == [
        {
            "type": "profile",
            "attributes": {"email": "p0@shop.example", "properties": {"plan": "pro"}},
            "meta": {
                "patch_properties": {
                    "append": {"tags": ["new", "hot"]},
                    "unappend": {"colours": "red"},
                    "unset": ["age", "city"],
                }
            },
        },
        {"type": "profile", "attributes": {"email": "p1@shop.example"}},
        {
            "type": "profile",
            "attributes": {"email": "p2@shop.example"},
            "meta": {"patch_properties": {"append": {"tags": "new"}}},
        },
    ]


SET, APPEND = {"properties": {"x": 1}}, {"append": {"x": ["a"]}}
UNAPPEND, UNSET = {"unappend": {"x": ["a"]}}, {"unset": ("x",)}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([SET, UNSET], [{"unset": ("x",)}]),
        ([UNSET, SET], [SET]),
        ([APPEND, UNSET], [UNSET]),
        ([UNAPPEND, UNSET], [UNSET]),
        ([APPEND, SET], [SET]),
        ([UNAPPEND, SET], [SET]),
        ([APPEND, {"append": {"x": "b"}}], [{"append": {"x": ["a", "b"]}}]),
        ([UNAPPEND, {"unappend": {"x": "b"}}], [{"unappend": {"x": ["a", "b"]}}]),
        ([APPEND, {"append": {"y": "b"}}], [{"append": {"x": ["a"], "y": "b"}}]),
        ([APPEND, {"unappend": {"y": "b"}}], [{"append": {"x": ["a"]}, "unappend": {"y": "b"}}]),
        ([SET, APPEND], [SET, APPEND]),
        ([UNSET, APPEND], [UNSET, APPEND]),
        ([APPEND, UNAPPEND], [APPEND, UNAPPEND]),
        ([UNAPPEND, APPEND], [UNAPPEND, APPEND]),
        ([SET, APPEND, APPEND], [SET, {"append": {"x": ["a", "a"]}}]),
        ([SET, APPEND, SET, APPEND], [SET, SET, APPEND]),
    ],
)
def test_what_one_request_cannot_say_takes_several(
    edits: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    operations: list[Operation] = [upsert(message_id=None, **each) for each in edits]
    runs = in_runs(operations, range(len(operations)))
    assert [merged([operations[n] for n in run]) for run in runs] == [
        upsert(message_id=None, **each) for each in expected
    ]


def test_requests_of_one_person_follow_one_another_and_the_list_step_comes_last() -> None:
    operations: list[Operation] = [
        upsert(0, **SET),
        upsert(0, **APPEND),
        AddToList("m", upsert(0).identity, "L1"),
        *(upsert(n, **APPEND) for n in range(1, 7)),
    ]
    [requests] = plan_profiles(operations, range(len(operations)))
    assert [(request.endpoint.name, len(request.items)) for request in requests] == [
        ("bulk_import_profiles", 6),
        ("create_or_update_profile", 1),
    ]
    person = requests[1]
    assert [(item.covers, item.joins) for item in (*person.items, *person.rest)] == [
        ((0,), ()),
        ((1,), (2,)),
    ]


def test_a_later_edit_waits_for_an_earlier_one_that_must_come_again() -> None:
    klaviyo, transport = scripted(lambda _: answer(503))
    delivery = deliver(klaviyo, upsert(0, **SET), upsert(0, **APPEND))
    assert [result.outcome for result in delivery.results] == [
        Retryable(RetryReason.UNAVAILABLE, None, 503),
        Retryable(RetryReason.WAITS_FOR_PROFILE, None, 503),
    ]
    assert len(transport.sent) == 1


@pytest.mark.parametrize("number", [1, 30])
def test_arrays_are_edited_where_they_are(klaviyo: Klaviyo, account: Account, number: int) -> None:
    people = range(number)
    deliver(klaviyo, *(upsert(n, properties={"tags": ["a", "b"], "x": 1}) for n in people))
    edits = [
        upsert(n, append={"tags": ["c"]}, unset=("x",), properties={"plan": "pro"}) for n in people
    ]
    assert kinds(deliver(klaviyo, *edits)) == {"Delivered": number}
    deliver(klaviyo, *(upsert(n, unappend={"tags": "a"}) for n in people))
    for profile in account.profiles:
        assert profile.properties == {"tags": ["b", "c"], "plan": "pro"}


def test_a_profile_that_a_job_refused_is_edited_when_it_comes_again(
    klaviyo: Klaviyo, account: Account
) -> None:
    bad = upsert(
        9,
        identity=Identity("bad@shop.example", phone_number="+15005550006"),
        append={"tags": "new"},
        unset=("x",),
    )
    first = deliver(klaviyo, bad, *(upsert(n) for n in range(6)))
    second = deliver(klaviyo, *first.follow_ups)
    deliver(klaviyo, *(from_json(to_json(each)) for each in second.follow_ups))
    profile = account.profiles.by_email("bad@shop.example")
    assert profile is not None
    assert profile.properties == {"tags": ["new"], "phone": "+15005550006"}


def test_edits_wait_in_a_queue_as_json(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(down=True, times=1))
    [result] = deliver(klaviyo, WHOLE).results
    assert isinstance(result.outcome, Retryable)
    again = from_json(to_json(result.operation))
    assert again == WHOLE
    assert kinds(deliver(klaviyo, again)) == {"Delivered": 1}


EDITS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("xy"), st.sampled_from([1, ["a"]])),
            "append": st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["a", ["b", "c"]])),
            "unappend": st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["a", ["b"]])),
            "unset": st.lists(st.sampled_from("xyz"), unique=True, max_size=2).map(tuple),
        },
    ),
    max_size=6,
)


def ends_as(requests: Sequence[tuple[str, bytes]]) -> Any:
    """The properties that the requests leave in an account of their own."""
    account = Account()
    headers = {
        "Authorization": "Klaviyo-API-Key pk_test",
        "revision": REVISION,
        "Content-Type": "application/vnd.api+json",
    }
    for path, body in requests:
        response = account.exchange(HttpRequest.of("POST", path, headers, body)).response
        assert response is not None
        assert response.status in (200, 201, 202)
    return {profile.email: profile.properties for profile in account.profiles}


def one_after_the_other(request: Request) -> list[tuple[str, bytes]]:
    return [
        (request.path, Request(request.endpoint, (item,)).body())
        for item in (*request.items, *request.rest)
    ]


@settings(max_examples=examples(200))
@given(EDITS, st.booleans())
def test_merged_they_end_as_one_after_the_other(edits: list[dict[str, Any]], bulk: bool) -> None:
    """As far as an edit says one thing of a property, as the mapping sees to."""
    seen = [[name for part in each.values() for name in part] for each in edits]
    edits = [each for each, names in zip(edits, seen, strict=True) if len(names) == len({*names})]
    operations: list[Operation] = [upsert(0, **each) for each in edits]
    others: list[Operation] = [upsert(n) for n in range(1, 7)] if bulk else []
    everything = [*operations, *others]
    planned = [
        call
        for requests in plan_profiles(everything, range(len(everything)))
        for request in requests
        for call in (
            [(request.path, request.body())]
            if request.path == IMPORT
            else one_after_the_other(request)
        )
    ]
    singly = [
        (UPSERT, bodies.single_profile(each))
        for each in everything
        if isinstance(each, UpsertProfile)
    ]
    assert ends_as(planned) == ends_as(singly)
