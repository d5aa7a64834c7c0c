"""The rate limits of Klaviyo's stand-in, on a clock that is stepped by hand."""

import pytest

from local.klaviyo_stand_in import Account, Limit, Response
from tests.local.klaviyo_stand_in.caller import (
    SteppedClock,
    account,
    event,
    events_job,
    get,
    new_list,
    post,
    profile,
)


def statuses(made: Account, number: int) -> list[int]:
    """The statuses of so many requests for an account's details."""
    return [get(made, "/api/accounts").status for _ in range(number)]


def test_the_burst_limit_holds_for_a_second() -> None:
    clock = SteppedClock()
    made = account(limits="published", clock=clock)
    assert statuses(made, 2) == [200, 429]
    clock.step(0.9)
    assert statuses(made, 1) == [429]
    clock.step(0.1)
    assert statuses(made, 2) == [200, 429]


def test_the_steady_limit_holds_for_a_minute() -> None:
    clock = SteppedClock()
    made = account(limits="published", clock=clock)
    answered = []
    for _ in range(61):
        answered += statuses(made, 1)
        clock.step(1)
    assert answered == [200] * 15 + [429] * 45 + [200]


def throttled_answer(response: Response) -> tuple[int, dict[str, str], str]:
    return response.status, dict(response.headers), response.json()["errors"][0]["detail"]


def test_a_throttled_request_says_when_to_come_back_and_nothing_else() -> None:
    clock = SteppedClock()
    made = account(limits={"get_accounts": Limit(1, 1)}, clock=clock)
    statuses(made, 1)
    clock.step(17.5)
    response = get(made, "/api/accounts")
    assert throttled_answer(response) == (
        429,
        {"Content-Type": "application/vnd.api+json", "Retry-After": "43"},
        "Request was throttled. Expected available in 43 seconds.",
    )
    assert response.json()["errors"][0]["code"] == "throttled"


def test_a_throttled_request_takes_nothing_from_the_windows() -> None:
    clock = SteppedClock()
    made = account(limits={"get_accounts": Limit(1, 2)}, clock=clock)
    assert statuses(made, 3) == [200, 429, 429]
    clock.step(1)
    assert statuses(made, 1) == [200]


def test_a_throttled_request_has_no_effect() -> None:
    made = account(limits={"create_event": Limit(1, 1)})
    assert [post(made, "/api/events", event(unique_id=name)).status for name in "ab"] == [202, 429]
    assert [each.unique_id for each in made.events] == ["a"]


def test_150_lists_a_day_can_be_made() -> None:
    clock = SteppedClock()
    made = account(limits="published", clock=clock)
    answered = []
    for _ in range(16):
        answered += [post(made, "/api/lists", new_list()).status for _ in range(10)]
        clock.step(60)
    assert answered == [201] * 150 + [429] * 10
    assert get(made, "/api/lists").status == 200
    clock.step(24 * 60 * 60)
    assert post(made, "/api/lists", new_list()).status == 201


def test_all_keys_share_the_limits_of_the_account() -> None:
    made = account(keys={"pk_one", "pk_two"}, limits={"get_accounts": Limit(1, 1)})
    answered = [
        get(made, "/api/accounts", authorization=f"Klaviyo-API-Key {key}").status
        for key in ("pk_one", "pk_two")
    ]
    assert answered == [200, 429]


def test_endpoints_do_not_share_limits() -> None:
    made = account(limits={"create_event": Limit(1, 1), "bulk_create_events": Limit(1, 1)})
    assert post(made, "/api/events", event()).status == 202
    assert post(made, "/api/event-bulk-create-jobs", events_job()).status == 400
    assert post(made, "/api/events", event()).status == 429


def test_a_refused_body_counts_and_a_wrong_key_does_not() -> None:
    made = account(limits={"create_event": Limit(1, 1)})
    assert post(made, "/api/events", event(), authorization=None).status == 401
    assert post(made, "/api/events", {}).status == 400
    assert post(made, "/api/events", event()).status == 429


def test_a_limit_on_an_endpoint_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="create_events"):
        account(limits={"create_events": Limit(1, 1)})


@pytest.mark.parametrize(("factor", "allowed"), [(0.1, 1), (2.0, 20), (0.5, 5)])
def test_the_published_limits_can_be_scaled(factor: float, allowed: int) -> None:
    made = account(limits=factor)
    answered = [post(made, "/api/lists", new_list()).status for _ in range(25)]
    assert answered == [201] * allowed + [429] * (25 - allowed)


def test_without_limits_nothing_is_throttled() -> None:
    assert statuses(account(), 100) == [200] * 100


def test_the_headers_count_down_the_burst_window() -> None:
    clock = SteppedClock()
    made = account(limits="published", clock=clock)
    remaining = []
    for seconds in (0, 0.5, 0.5):
        clock.step(seconds)
        response = post(made, "/api/profile-import", {"data": profile()})
        remaining.append(response.headers["RateLimit-Remaining"])
    assert remaining == ["74", "73", "74"]


def test_without_limits_there_are_no_headers_to_pace_oneself_by() -> None:
    headers = post(account(), "/api/lists", new_list()).headers
    assert set(headers) == {"Content-Type"}


def test_the_header_of_create_list_states_the_day() -> None:
    response = post(account(limits="published"), "/api/lists", new_list())
    assert response.headers["RateLimit-Limit"] == "10, 10;w=1, 150;w=60, 150;w=86400"
