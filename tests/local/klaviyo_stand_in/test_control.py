"""The control endpoints of Klaviyo's stand-in, and what it shows of itself."""

import json
from typing import Any

import pytest

from local.klaviyo_stand_in import Account, Limit, Request, RequestRecord, Response, Weather
from tests.local.klaviyo_stand_in.caller import (
    SteppedClock,
    account,
    answer,
    entry,
    event,
    events_job,
    get,
    import_job,
    post,
    profile,
    recorded,
    subscriber,
    subscription_job,
)

Json = Any


def control(made: Account, method: str, path: str, document: Json = None) -> Response:
    body = b"" if document is None else json.dumps(document).encode()
    return answer(made, Request.of(method, f"/stand-in/{path}", {}, body))


def test_the_state_shows_everything_with_its_counts() -> None:
    made = account(policy={"import_seconds": 60})
    post(made, "/api/events", event(unique_id="1"))
    post(made, "/api/events", event(unique_id="1"))
    subscribe = subscription_job(subscriber(), list_id="DOUBLE")
    post(made, "/api/profile-subscription-bulk-create-jobs", subscribe)
    post(made, "/api/profile-bulk-import-jobs", import_job(profile()))
    [ann] = made.profiles
    state = control(made, "GET", "state").json()
    assert state["counts"] == {
        "profiles": 1,
        "events_sent": 2,
        "events_recorded": 1,
        "lists": 2,
        "jobs": 1,
    }
    assert [each["id"] for each in state["profiles"]] == [ann.id]
    assert [(each["unique_id"], each["sent"]) for each in state["events"]] == [("1", 2)]
    assert state["lists"][1] == {
        "id": "DOUBLE",
        "name": "Offers",
        "opt_in_process": "double_opt_in",
        "members": [],
        "pending": [ann.id],
    }
    assert [each["attributes"]["status"] for each in state["jobs"]] == ["queued"]


def test_the_state_shows_as_many_of_each_as_asked_for() -> None:
    made = account()
    for number in range(5):
        post(made, "/api/events", event(profile(email=f"p{number}@shop.io")))
    state = control(made, "GET", "state?limit=2").json()
    assert (len(state["profiles"]), len(state["events"]), state["counts"]["profiles"]) == (2, 2, 5)


def test_requests_are_counted_by_endpoint_and_status_and_items_by_endpoint() -> None:
    made = account()
    post(made, "/api/events", event())
    post(made, "/api/events", {})
    document = events_job(entry(recorded(unique_id="1"), recorded(unique_id="2")))
    post(made, "/api/event-bulk-create-jobs", document)
    get(made, "/api/nowhere")
    assert control(made, "GET", "requests").json() == {
        "total": 4,
        "endpoints": {
            "create_event": {"202": 1, "400": 1},
            "bulk_create_events": {"202": 1},
            "unknown": {"404": 1},
        },
        "statuses": {"202": 2, "400": 1, "404": 1},
        "items": {"create_event": 1, "bulk_create_events": 2},
    }


def test_each_request_is_on_record() -> None:
    clock = SteppedClock()
    made = account(clock=clock)
    post(made, "/api/events", event())
    clock.step(2.5)
    get(made, "/api/lists?page%5Bsize%5D=1")
    assert made.requests == [
        RequestRecord("POST", "/api/events", "create_event", 202, 1, 0.0),
        RequestRecord("GET", "/api/lists", "get_lists", 200, 0, 2.5),
    ]
    assert made.counts == {("create_event", 202): 1, ("get_lists", 200): 1}
    assert made.items == {"create_event": 1, "get_lists": 0}


def test_the_record_can_be_bounded_and_the_counts_go_on() -> None:
    made = account(keep_requests=2)
    for _ in range(5):
        get(made, "/api/lists")
    assert (len(made.requests), made.counts) == (2, {("get_lists", 200): 5})


def test_weather_is_set_as_json() -> None:
    made = account()
    document = [
        {"status": 500, "times": 1, "endpoints": ["create_event"]},
        {"faults": {"seed": 3, "p_503": 1.0}},
    ]
    assert control(made, "POST", "weather", document).status == 200
    assert [post(made, "/api/events", event()).status for _ in range(2)] == [500, 503]
    assert control(made, "POST", "weather", {}).status == 200
    assert post(made, "/api/events", event()).status == 202


BAD_WEATHER = {
    "an unknown key": {"hail": True},
    "a predicate": {"refuses": "poison"},
    "a number as text": {"latency": "slow"},
    "another cut": {"cut": "during"},
    "unknown faults": {"faults": {"p_500": 1}},
    "an unknown endpoint": {"endpoints": ["create_events"]},
    "no object": [1],
}


@pytest.mark.parametrize("document", BAD_WEATHER.values(), ids=BAD_WEATHER)
def test_bad_weather_is_400_and_changes_nothing(document: Json) -> None:
    made = account()
    made.set_weather(Weather(down=True))
    assert control(made, "POST", "weather", document).status == 400
    assert made.weather == (Weather(down=True),)


def test_a_list_is_added_with_its_id() -> None:
    made = account()
    document = {"id": "Y6nRLr", "name": "VIP", "opt_in_process": "single_opt_in"}
    assert control(made, "POST", "lists", document).json() == document
    added = made.lists["Y6nRLr"]
    assert (added.name, added.opt_in_process) == ("VIP", "single_opt_in")


@pytest.mark.parametrize(
    "document", [{"name": "VIP"}, {"id": "L", "name": "VIP", "opt_in_process": "none"}]
)
def test_a_list_that_is_wrong_is_400(document: Json) -> None:
    assert control(account(), "POST", "lists", document).status == 400


def test_a_reset_forgets_everything() -> None:
    made = account(limits={"create_event": Limit(1, 1)})
    post(made, "/api/events", event())
    made.set_weather(Weather(down=True))
    assert control(made, "POST", "reset").status == 200
    assert (len(made.profiles), made.events, made.events_sent) == (0, [], 0)
    assert (dict(made.lists), made.requests, made.weather) == ({}, [], ())
    assert post(made, "/api/events", event()).status == 202


def test_control_requests_are_neither_counted_nor_limited_nor_weathered() -> None:
    made = account(limits=0.001)
    made.set_weather(Weather(down=True))
    assert [control(made, "GET", "requests").json()["total"] for _ in range(5)] == [0] * 5


@pytest.mark.parametrize(("method", "path"), [("GET", "weather"), ("POST", "state"), ("GET", "x")])
def test_another_control_request_is_404(method: str, path: str) -> None:
    assert control(account(), method, path).status == 404
