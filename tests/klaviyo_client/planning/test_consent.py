"""Which consents go in which job, and what the bodies say."""

import json
from typing import Any

import pytest

from klaviyo_client.planning.consent import (
    plan_introductions,
    plan_subscriptions,
    plan_unsubscriptions,
)
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Request
from operations import Operation, Subscribe, Unsubscribe

Json = Any

NUMBER, OTHER_NUMBER = "+14155552671", "+14155552672"
THEN = "2025-01-01T00:00:00Z"


def subscriptions(*operations: Operation) -> list[Request]:
    """The jobs for subscribers whom Klaviyo knows, and who have not opted out."""
    everybody = set(range(len(operations)))
    progress = Progress(list(operations), introduced=everybody, judged=everybody)
    return plan_subscriptions(progress, range(len(operations)))


def unsubscriptions(
    *operations: Operation, members: dict[tuple[int, str], str | None] | None = None
) -> list[Request]:
    """Of people whom Klaviyo knows."""
    everybody = set(range(len(operations)))
    progress = Progress(
        list(operations), members=members or {}, judged=everybody, introduced=everybody
    )
    return plan_unsubscriptions(progress, range(len(operations)))


def covers(requests: list[Request]) -> list[list[tuple[int, ...]]]:
    return [[item.covers for item in request.items] for request in requests]


def attributes(request: Request) -> Json:
    return json.loads(request.body())["data"]["attributes"]


def test_subscriptions_go_together_a_list_a_request_and_an_address_once() -> None:
    steps = [Subscribe(f"m{n}", f"p{n // 2}@x.io", f"L{n % 2}") for n in range(4)]
    steps.append(Subscribe("m4", "P0@x.io", "L0"))
    requests = subscriptions(*steps)
    assert [request.list_ids for request in requests] == [("L0",), ("L1",)]
    assert covers(requests) == [[(0, 4), (2,)], [(1,), (3,)]]


@pytest.mark.parametrize(
    ("operations", "jobs"),
    [
        pytest.param(
            [Subscribe("m", "a@x.io", "L"), Subscribe("m", "a@x.io", "L", NUMBER)],
            [[(0, 1)]],
            id="channels of one person add up",
        ),
        pytest.param(
            [Subscribe("m", "a@x.io", "L", NUMBER), Subscribe("m", "a@x.io", "L", OTHER_NUMBER)],
            [[(0,)], [(1,)]],
            id="another number needs another job",
        ),
        pytest.param(
            [Subscribe("m", "a@x.io", "L", NUMBER), Subscribe("m", "b@x.io", "L", NUMBER)],
            [[(0,), (1,)]],
            id="a number that two people share",
        ),
        pytest.param(
            [Subscribe("m", None, "L", NUMBER), Subscribe("m", None, "L", NUMBER)],
            [[(0, 1)]],
            id="only a number",
        ),
        pytest.param(
            [
                Subscribe("m", "a@x.io", "L"),
                Subscribe("m", "b@x.io", "L", historical_import=True, consented_at=THEN),
                Subscribe("m", "c@x.io", "L", custom_source="Shop"),
                Subscribe("m", "d@x.io", None),
            ],
            [[(0,)], [(1,)], [(2,)], [(3,)]],
            id="kind of import, source and list divide jobs",
        ),
        pytest.param(
            [
                Subscribe("m", "a@x.io", "L", historical_import=True, consented_at=THEN),
                Subscribe("m", "a@x.io", "L", historical_import=True, consented_at="2025-02-02"),
            ],
            [[(0,)], [(1,)]],
            id="another time needs another job",
        ),
    ],
)
def test_each_profile_stands_once_in_a_job(
    operations: list[Operation], jobs: list[list[tuple[int, ...]]]
) -> None:
    assert covers(subscriptions(*operations)) == jobs


def test_a_historical_import_says_when_and_where_each_consent_was_given() -> None:
    [request] = subscriptions(
        Subscribe(
            "m",
            "a@x.io",
            "L",
            NUMBER,
            historical_import=True,
            consented_at=THEN,
            custom_source='Shop "A"',
        )
    )
    consent = {"marketing": {"consent": "SUBSCRIBED", "consented_at": THEN}}
    assert json.loads(request.body()) == {
        "data": {
            "type": "profile-subscription-bulk-create-job",
            "attributes": {
                "historical_import": True,
                "custom_source": 'Shop "A"',
                "profiles": {
                    "data": [
                        {
                            "type": "profile",
                            "attributes": {
                                "email": "a@x.io",
                                "phone_number": NUMBER,
                                "subscriptions": {"email": consent, "sms": consent},
                            },
                        }
                    ]
                },
            },
            "relationships": {"list": {"data": {"type": "list", "id": "L"}}},
        }
    }


def test_without_historical_import_no_time_is_sent_which_klaviyo_would_refuse() -> None:
    [request] = subscriptions(Subscribe("m", "a@x.io", "L", consented_at=THEN))
    assert "consented_at" not in request.body().decode()


def test_without_a_list_the_job_names_none() -> None:
    [request] = subscriptions(Subscribe("m", "a@x.io", None))
    assert "relationships" not in json.loads(request.body())["data"]


@pytest.mark.parametrize(("write", "most"), [(Subscribe, 1000), (Unsubscribe, 100)])
def test_a_job_takes_so_many(write: Any, most: int) -> None:
    steps = [write("m", f"p{n}@x.io", None) for n in range(most + 1)]
    requests = subscriptions(*steps) if write is Subscribe else unsubscriptions(*steps)
    assert [len(request.items) for request in requests] == [most, 1]


def test_who_is_subscribed_without_a_list_is_introduced_to_klaviyo_first() -> None:
    operations: list[Operation] = [
        Subscribe("m", "a@x.io", None),
        Subscribe("m", "A@x.io", None, NUMBER),
        Subscribe("m", "b@x.io", "L"),
        Subscribe("m", "c@x.io", None, historical_import=True, consented_at=THEN),
    ]
    progress = Progress(operations, judged={0, 1, 2, 3})
    [request] = plan_introductions(progress, range(4))
    assert (request.endpoint.name, attributes(request)) == (
        "create_or_update_profile",
        {"email": "A@x.io", "phone_number": NUMBER},
    )
    assert [(item.covers, item.joins) for item in request.items] == [((), (0, 1))]
    assert covers(plan_subscriptions(progress, range(4))) == [[(2,)], [(3,)]]


def test_an_unsubscription_without_a_list_is_from_everything() -> None:
    [request] = unsubscriptions(
        Unsubscribe("m", "a@x.io", None, NUMBER),
        Unsubscribe("m", "A@x.io", None, NUMBER),
        Unsubscribe("m", "a@x.io", None),
    )
    assert covers([request]) == [[(0, 1), (2,)]]
    consent = {"marketing": {"consent": "UNSUBSCRIBED"}}
    assert json.loads(request.body()) == {
        "data": {
            "type": "profile-subscription-bulk-delete-job",
            "attributes": {
                "profiles": {
                    "data": [
                        {
                            "type": "profile",
                            "attributes": {
                                "email": "a@x.io",
                                "phone_number": NUMBER,
                                "subscriptions": {"email": consent, "sms": consent},
                            },
                        },
                        {
                            "type": "profile",
                            "attributes": {"email": "a@x.io", "subscriptions": {"email": consent}},
                        },
                    ]
                }
            },
        }
    }


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({}, [], id="before anybody has looked"),
        pytest.param({(0, "email"): None, (0, "phone_number"): None}, [], id="not on the list"),
        pytest.param(
            {(0, "email"): "P1", (0, "phone_number"): "P1"},
            [{"email": "a@x.io", "phone_number": NUMBER}],
            id="one member",
        ),
        pytest.param(
            {(0, "email"): "P1", (0, "phone_number"): None},
            [{"email": "a@x.io"}],
            id="the number is not on the list",
        ),
        pytest.param(
            {(0, "email"): "P1", (0, "phone_number"): "P2"},
            [{"email": "a@x.io"}, {"phone_number": NUMBER}],
            id="two members",
        ),
    ],
)
def test_from_a_list_only_members_are_unsubscribed(
    members: dict[tuple[int, str], str | None], expected: Json
) -> None:
    requests = unsubscriptions(Unsubscribe("m", "a@x.io", "L", NUMBER), members=members)
    found = [
        {name: value for name, value in each["attributes"].items() if name != "subscriptions"}
        for request in requests
        for each in attributes(request)["profiles"]["data"]
    ]
    assert found == expected


def test_a_member_leaves_a_list_in_one_item_with_all_channels() -> None:
    [request] = unsubscriptions(
        Unsubscribe("m", "a@x.io", "L"),
        Unsubscribe("m", None, "L", NUMBER),
        members={(0, "email"): "P1", (1, "phone_number"): "P1"},
    )
    assert covers([request]) == [[(0, 1)]]
    assert request.list_ids == ("L",)
