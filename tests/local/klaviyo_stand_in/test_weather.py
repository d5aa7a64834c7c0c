"""Trouble that Klaviyo's stand-in makes on demand."""

from collections import Counter
from typing import Any

import pytest

from local.klaviyo_stand_in import Account, Faults, Reply, Weather
from tests.local.klaviyo_stand_in.caller import (
    account,
    entry,
    event,
    events_job,
    get,
    import_job,
    post,
    problems,
    profile,
    recorded,
    request,
)

Json = Any


def sent(made: Account, unique_id: str = "1") -> Reply:
    return made.exchange(request("POST", "/api/events", event(unique_id=unique_id)))


def in_weather(*weather: Weather) -> Account:
    made = account()
    made.set_weather(*weather)
    return made


ANSWERS = {
    "down": (Weather(down=True), 503, "service_unavailable"),
    "a bad request": (Weather(status=400), 400, "error"),
    "a server error": (Weather(status=500), 500, "error"),
    "a refused key": (Weather(status=401), 401, "authentication_failed"),
    "a refused permission": (Weather(status=403), 403, "permission_denied"),
    "a throttled account": (Weather(throttle=7), 429, "throttled"),
}


@pytest.mark.parametrize(("weather", "status", "code"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_can_be_given_without_effect(weather: Weather, status: int, code: str) -> None:
    made = in_weather(weather)
    response = sent(made).response
    assert response is not None
    assert (response.status, response.json()["errors"][0]["code"]) == (status, code)
    assert made.events == []


def test_a_throttled_account_says_when_to_come_back() -> None:
    response = sent(in_weather(Weather(throttle=7))).response
    assert response is not None
    assert response.headers["Retry-After"] == "7"


def test_an_error_can_have_a_body_that_is_no_json() -> None:
    response = sent(in_weather(Weather(status=502, html=True))).response
    assert response is not None
    assert (response.status, response.headers, response.body[:6]) == (
        502,
        {"Content-Type": "text/html"},
        b"<html>",
    )


def test_a_success_can_be_claimed_without_effect() -> None:
    made = in_weather(Weather(status=202))
    response = sent(made).response
    assert response is not None
    assert (response.status, response.body, made.events) == (202, b"", [])


def test_a_connection_can_be_cut_before_the_effect() -> None:
    made = in_weather(Weather(cut="before"))
    assert sent(made) == Reply(None)
    assert made.events == []
    assert [(each.status, each.answered) for each in made.requests] == [(0, False)]


def test_a_connection_can_be_cut_after_the_effect() -> None:
    made = in_weather(Weather(cut="after"))
    assert sent(made) == Reply(None)
    assert [each.unique_id for each in made.events] == ["1"]
    assert [(each.status, each.answered) for each in made.requests] == [(202, False)]


def test_no_answer_can_come_for_some_time_and_then_a_reset() -> None:
    made = in_weather(Weather(hang=30))
    assert sent(made) == Reply(None, delay=30)
    assert made.events == []


def test_an_answer_can_be_held_back_after_its_effect() -> None:
    made = in_weather(Weather(latency=2.5))
    reply = sent(made)
    assert (reply.delay, reply.response and reply.response.status) == (2.5, 202)
    assert made.events_recorded == 1


def test_an_answer_can_drip_after_its_effect() -> None:
    made = in_weather(Weather(drip=0.5, interim=2))
    reply = sent(made)
    assert (reply.drip, reply.interim, reply.response and reply.response.status) == (0.5, 2, 202)
    assert made.events_recorded == 1


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        ({"throttle": 7}, 429),
        ({"status": 401}, 401),
        ({"down": True}, 503),
        ({"faults": Faults(p_502=1.0)}, 502),
    ],
)
def test_an_answer_without_effect_can_drip_too(trouble: dict[str, Any], status: int) -> None:
    reply = sent(in_weather(Weather(**trouble, drip=0.5, interim=2)))
    assert (reply.drip, reply.interim, reply.response and reply.response.status) == (0.5, 2, status)


def statuses(made: Account, number: int) -> list[int]:
    return [post(made, "/api/events", event(unique_id=str(n))).status for n in range(number)]


def test_weather_can_clear_after_so_many_requests() -> None:
    assert statuses(in_weather(Weather(status=500, times=2)), 4) == [500, 500, 202, 202]


def test_weather_can_be_about_some_endpoints() -> None:
    made = in_weather(Weather(down=True, times=1, endpoints=frozenset({"create_event"})))
    assert get(made, "/api/lists").status == 200
    assert statuses(made, 2) == [503, 202]


def test_of_several_weathers_the_first_about_the_endpoint_decides() -> None:
    made = in_weather(
        Weather(status=500, endpoints=frozenset({"get_lists"})),
        Weather(throttle=1, times=1),
        Weather(down=True),
    )
    assert (statuses(made, 2), get(made, "/api/lists").status) == ([429, 503], 500)


def test_fine_weather_returns_at_a_word() -> None:
    made = in_weather(Weather(down=True))
    made.set_weather()
    assert statuses(made, 1) == [202]


def test_bad_weather_takes_nothing_from_the_rate_limits() -> None:
    made = account(limits="published")
    made.set_weather(Weather(down=True, times=3))
    assert [get(made, "/api/accounts").status for _ in range(5)] == [503, 503, 503, 200, 429]


POISONED = events_job(
    entry(recorded(unique_id="1")),
    entry(recorded(unique_id="2", properties={"poison": True}), recorded(unique_id="3")),
    entry(recorded(unique_id="4", properties={"poison": "no"})),
)


def test_poisoned_items_can_be_refused_by_pointer() -> None:
    made = in_weather(Weather(refuse_items="pointer"))
    response = post(made, "/api/event-bulk-create-jobs", POISONED)
    place = "/data/attributes/events-bulk-create/data/1/attributes/events/data/0/attributes"
    assert (response.status, problems(response), made.events) == (
        400,
        [("Invalid input.", place)],
        [],
    )


def test_poisoned_items_can_be_refused_without_a_pointer() -> None:
    response = post(
        in_weather(Weather(refuse_items="silent")), "/api/event-bulk-create-jobs", POISONED
    )
    assert (response.status, problems(response)) == (400, [("Invalid input.", None)])
    assert response.json()["errors"][0]["source"] == {}


def test_in_fine_weather_poison_does_no_harm() -> None:
    assert post(account(), "/api/event-bulk-create-jobs", POISONED).status == 202


def test_items_can_be_picked_by_a_predicate() -> None:
    weather = Weather(
        refuse_items="pointer", refuses=lambda attributes: attributes.get("email") == "b@shop.io"
    )
    document = import_job(profile(), profile(email="b@shop.io"))
    response = post(in_weather(weather), "/api/profile-bulk-import-jobs", document)
    assert problems(response) == [("Invalid input.", "/data/attributes/profiles/data/1/attributes")]


def fates(seed: int) -> list[tuple[int, bool, float]]:
    """Status, whether it was answered, and the delay of 300 requests in random trouble."""
    faults = Faults(
        seed=seed,
        p_503=0.1,
        p_502=0.1,
        p_429=0.1,
        p_cut_before=0.1,
        p_cut_after=0.1,
        p_slow=0.1,
        slow=9,
    )
    made = in_weather(Weather(faults=faults))
    delays = [sent(made, str(number)).delay for number in range(300)]
    return [
        (each.status, each.answered, delay)
        for each, delay in zip(made.requests, delays, strict=True)
    ]


def test_random_faults_are_the_same_for_the_same_seed() -> None:
    assert fates(7) == fates(7)
    assert fates(7) != fates(8)


def test_random_faults_are_of_every_kind_and_about_as_frequent_as_asked() -> None:
    seen = Counter(fates(7))
    assert seen.keys() == {
        (503, True, 0),
        (502, True, 0),
        (429, True, 0),
        (0, False, 0),
        (202, False, 0),
        (202, True, 9),
        (202, True, 0),
    }
    assert all(15 <= number <= 50 for fate, number in seen.items() if fate != (202, True, 0))


def test_random_faults_have_their_effect_when_and_only_when_they_should() -> None:
    made = in_weather(Weather(faults=Faults(p_cut_after=0.5, p_cut_before=0.5)))
    for number in range(50):
        sent(made, str(number))
    lost = [str(n) for n, each in enumerate(made.requests) if each.status == 202]
    assert [each.unique_id for each in made.events] == lost


IMPOSSIBLE = {
    "probabilities over 1": lambda: Faults(p_503=0.6, p_429=0.6),
    "a probability below 0": lambda: Faults(p_503=-0.1),
    "a negative delay": lambda: Weather(latency=-1),
    "a negative drip": lambda: Weather(drip=-1),
    "another cut": lambda: Weather(cut="during"),  # type: ignore[arg-type]
    "another refusal": lambda: Weather(refuse_items="loudly"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_weather_is_an_error(make: Any) -> None:
    with pytest.raises(ValueError, match=r"probabilities|negative|expected"):
        make()


# Poison in other clothes, and answers that are not Klaviyo's


@pytest.mark.parametrize(
    ("clothes", "status"), [("500", 500), ("403", 403), ("408", 408), ("cut", None)]
)
def test_a_poison_item_can_make_its_whole_request_fail(clothes: Any, status: int | None) -> None:
    made = in_weather(Weather(refuse_items=clothes))
    sent(made, "1")
    poisoned = event(unique_id="2", properties={"poison": True})
    reply = made.exchange(request("POST", "/api/events", poisoned))
    assert (reply.response and reply.response.status) == status
    assert [each.unique_id for each in made.events] == ["1"]


def test_an_answer_can_be_somebody_elses() -> None:
    made = in_weather(Weather(status=200, body='{"data": null}'))
    response = sent(made).response
    assert response is not None
    assert (response.status, response.body) == (200, b'{"data": null}')
    assert made.events == []
