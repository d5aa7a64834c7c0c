"""The client against the stand-in Klaviyo over HTTP, which checks every request."""

import time

import pytest

from klaviyo_client.api.outcomes import Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery
from klaviyo_client.sending.circuit_breaker import FIRST_OPEN_SECONDS
from local.klaviyo_stand_in import Account, Weather, serve
from operations import (
    AddToList,
    Identity,
    Operation,
    Subscribe,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import BAD_PHONE, event, kinds, upsert


def deliver(klaviyo: Klaviyo, *operations: Operation, seconds: float = 5.0) -> Delivery:
    return klaviyo.deliver(operations, "pk_test", seconds)


# The fewest requests


def test_1000_tracks_take_one_request(klaviyo: Klaviyo, account: Account) -> None:
    delivery = deliver(klaviyo, *(event(n) for n in range(1000)))
    assert (delivery.requests, kinds(delivery)) == (1, {"Delivered": 1000})
    assert account.events_recorded == 1000


def test_1000_identifies_take_one_request_and_one_to_check_it(
    klaviyo: Klaviyo, account: Account
) -> None:
    delivery = deliver(klaviyo, *(upsert(n) for n in range(1000)))
    checked = deliver(klaviyo, *delivery.follow_ups)
    assert (delivery.requests, kinds(delivery)) == (1, {"Delivered": 1000})
    assert (checked.requests, kinds(checked)) == (1, {"Delivered": 1})
    assert len(account.profiles) == 1000


@pytest.mark.parametrize(("confirmed", "most"), [(True, 13), (False, 3)])
def test_1000_identifies_that_join_a_list_take_few_requests(
    klaviyo: Klaviyo, account: Account, confirmed: bool, most: int
) -> None:
    """An import and its check, and a job; and a look-up of a hundred people for each hundred."""
    operations: list[Operation] = []
    for n in range(1000):
        identity = upsert(n).identity
        step = (
            Subscribe(f"m{n}", f"p{n}@shop.example", "L1")
            if confirmed
            else AddToList(f"m{n}", identity, "L1")
        )
        operations += [upsert(n), step]
    delivery = deliver(klaviyo, *operations)
    checked = deliver(klaviyo, *delivery.follow_ups)
    assert delivery.requests + checked.requests <= most
    assert kinds(delivery) == {"Delivered": 2000}
    assert len(account.lists["L1"].members) == 1000


def test_a_few_messages_go_singly_and_leave_nothing_to_check(
    klaviyo: Klaviyo, account: Account
) -> None:
    delivery = deliver(klaviyo, upsert(0, properties={"plan": "pro"}), event(0))
    assert (delivery.requests, delivery.follow_ups) == (2, ())
    profile = account.profiles.by_email("p0@shop.example")
    assert profile is not None
    assert profile.properties == {"plan": "pro"}
    assert [record.profile_id for record in account.events] == [profile.id]


def test_500_profiles_that_clear_something_spread_themselves_over_the_seconds() -> None:
    account = Account(limits="published")
    with serve(account) as url:
        clearing = (upsert(n, attributes={"title": None}) for n in range(500))
        delivery = deliver(Klaviyo(url), *clearing, seconds=2.5)
    assert {status for _, status in account.counts} <= {200, 201}
    assert kinds(delivery)["Delivered"] > 75, "more than the first second takes"
    # On a busy machine what is under way at the end is given up.
    assert kinds(delivery).keys() - {"timeout"} == {"Delivered", "out_of_time"}


def test_what_klaviyo_holds_is_cleared_singly_and_in_bulk(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(
        klaviyo,
        *(
            upsert(n, attributes={"title": "Dr"}, properties={"plan": "pro", "age": 36})
            for n in range(6)
        ),
    )
    deliver(klaviyo, *(upsert(n, properties={"plan": None}) for n in range(6)))
    deliver(klaviyo, *(upsert(n, attributes={"title": None}) for n in range(6)))
    for profile in account.profiles:
        assert (profile.attributes, profile.properties) == ({}, {"age": 36})


# Refusals


@pytest.mark.parametrize("number", [1, 30])
def test_a_refused_phone_number_is_kept_as_a_custom_property(
    klaviyo: Klaviyo, account: Account, number: int
) -> None:
    identity = Identity("bad@shop.example", None, BAD_PHONE)
    bad = upsert(999, identity=identity, phone_as_sent={"phone": "500-0006"})
    others = [upsert(n) for n in range(number - 1)]
    first = deliver(klaviyo, bad, *others)
    second = deliver(klaviyo, *first.follow_ups)
    third = deliver(klaviyo, *second.follow_ups)
    assert kinds(first) == {"Delivered": number}
    assert (third.follow_ups, third.import_failures) == ((), ())
    profile = account.profiles.by_email("bad@shop.example")
    assert profile is not None
    assert profile.phone_number is None
    assert profile.properties in ({"phone": "500-0006"}, {"phone": BAD_PHONE})


def test_identifiers_of_two_people_end_at_the_e_mails_owner(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=Identity("a@x.io")), upsert(identity=Identity(None, "7")))
    both = upsert(identity=Identity("a@x.io", "7"), properties={"plan": "pro"})
    assert kinds(deliver(klaviyo, both)) == {"Delivered": 1}
    owner, other = account.profiles.by_email("a@x.io"), account.profiles.by_external_id("7")
    assert owner is not None
    assert other is not None
    assert (owner.properties, other.properties) == ({"plan": "pro"}, {})


@pytest.mark.parametrize(
    ("weather", "most"),
    [(Weather(refuse_items="pointer"), 2), (Weather(refuse_items="silent"), 57)],
    ids=["named", "not named"],
)
def test_poison_costs_no_neighbour(
    klaviyo: Klaviyo, account: Account, weather: Weather, most: int
) -> None:
    account.set_weather(weather)
    poison = {7, 8, 500}
    operations = [event(n, properties={"poison": n in poison}) for n in range(1000)]
    delivery = deliver(klaviyo, *operations, seconds=20.0)
    refused = {
        n
        for n, result in enumerate(delivery.results)
        if isinstance(result.outcome, Refused) and result.outcome.status == 400
    }
    assert refused == poison
    assert kinds(delivery) == {"Delivered": 997, "Refused": 3}
    assert account.events_recorded == 997
    assert delivery.requests <= most


def test_profiles_that_a_job_refuses_later_are_named_and_joined_all_the_same(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(refuse_items="import"))
    operations: list[Operation] = []
    for n in range(150):
        poison = upsert(n, properties={"poison": n % 50 == 0})
        operations += [poison, AddToList(f"m{n}", poison.identity, "L1")]
    first = deliver(klaviyo, *operations)
    account.set_weather()
    second = deliver(klaviyo, *first.follow_ups)
    assert [failure.operation.message_id for failure in second.import_failures] == [
        "m0",
        "m50",
        "m100",
    ]
    assert second.import_failures[0].operation == operations[0]
    assert kinds(deliver(klaviyo, *second.follow_ups)) == {"Delivered": 3}
    assert len(account.lists["L1"].members) == 150


def test_a_merged_profile_that_a_job_refuses_accounts_for_every_message(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(refuse_items="import"))
    others = [upsert(n) for n in range(1, 6)]
    poison = [upsert(0, message_id=f"bad{n}", properties={"poison": True}) for n in range(3)]
    first = deliver(klaviyo, *others, *poison)
    second = deliver(klaviyo, *(from_json(to_json(each)) for each in first.follow_ups))
    assert [failure.operation.message_id for failure in second.import_failures] == [
        "bad0",
        "bad1",
        "bad2",
    ]


# Trouble


def test_throttled_events_leave_profiles_alone(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_event"}), throttle=30))
    first = deliver(klaviyo, event(0))
    second = deliver(klaviyo, upsert(1), event(1), event(2))
    assert first.results[0].outcome == Retryable(RetryReason.THROTTLED, 30.0, 429)
    assert kinds(second) == {"Delivered": 1, "throttled": 2}
    assert second.requests == 1
    for result in second.results[1:]:
        assert isinstance(result.outcome, Retryable)
        assert not result.outcome.tried
        assert 29 < (result.outcome.delay or 0) <= 30


@pytest.mark.alone
def test_a_short_pause_is_waited_out_by_who_has_patience(url: str, account: Account) -> None:
    account.set_weather(Weather(throttle=1, times=1))
    began = time.monotonic()
    delivery = deliver(Klaviyo(url, patience=5.0), event(0))
    assert kinds(delivery) == {"Delivered": 1}
    assert delivery.requests == 2
    assert 1.0 <= time.monotonic() - began < 2.0


@pytest.mark.alone
def test_while_klaviyo_hangs_a_call_costs_its_time_once_and_then_milliseconds(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(hang=30.0))
    began = time.monotonic()
    first = deliver(klaviyo, upsert(0), *(event(n) for n in range(40)), seconds=1.2)
    assert time.monotonic() - began < 1.9
    assert kinds(first) == {"timeout": 1, "out_of_time": 40}
    began = time.monotonic()
    second = deliver(klaviyo, *(event(n) for n in range(500)))
    assert time.monotonic() - began < 0.5
    assert (second.requests, kinds(second)) == (0, {"circuit_open": 500})


@pytest.mark.alone
def test_while_klaviyo_is_down_a_call_costs_milliseconds(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(down=True))
    for _ in range(3):
        assert kinds(deliver(klaviyo, event(0))) == {"unavailable": 1}
    began = time.monotonic()
    delivery = deliver(klaviyo, *(event(n) for n in range(500)))
    assert time.monotonic() - began < 0.5
    assert (delivery.requests, kinds(delivery)) == (0, {"circuit_open": 500})


def test_once_klaviyo_is_back_a_probe_finds_out(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(down=True))
    for _ in range(3):
        deliver(klaviyo, event(0))
    account.set_weather()
    time.sleep(FIRST_OPEN_SECONDS)
    delivery = deliver(klaviyo, *(event(n) for n in range(10)))
    assert (delivery.requests, kinds(delivery)) == (10, {"Delivered": 10})


def test_a_wrong_key_costs_no_event(klaviyo: Klaviyo, account: Account) -> None:
    wrong = klaviyo.deliver([event(0)], "pk_revoked", 5.0)
    assert kinds(wrong) == {"unauthorized": 1}
    assert kinds(deliver(klaviyo, event(0))) == {"Delivered": 1}


@pytest.mark.parametrize("number", [1, 50])
@pytest.mark.parametrize(
    "weather",
    [Weather(cut="before", times=1), Weather(cut="after", times=1)],
    ids=["before it was processed", "after it was processed"],
)
def test_a_connection_that_is_cut_has_no_double_effect(
    klaviyo: Klaviyo, account: Account, weather: Weather, number: int
) -> None:
    account.set_weather(weather)
    operations = [event(n) for n in range(number)]
    assert kinds(deliver(klaviyo, *operations)) == {"Delivered": number}
    assert sorted(record.unique_id for record in account.events) == sorted(
        operation.unique_id for operation in operations
    )


@pytest.mark.parametrize("times", [2, 4])
def test_what_stays_cut_comes_again_later_with_one_effect(
    klaviyo: Klaviyo, account: Account, times: int
) -> None:
    account.set_weather(Weather(cut="after", times=times))
    found = [kinds(deliver(klaviyo, event(0))) for _ in range(times)]
    assert found[0] == {"connection_failed": 1}
    assert found[-1] == {"Delivered": 1}
    assert account.events_recorded == 1
