"""Deletion on request: the client against the stand-in over HTTP."""

from collections import Counter

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Weather, serve
from operations import (
    AddToList,
    DeleteProfile,
    Identity,
    Operation,
    Subscribe,
    UpsertProfile,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import (
    Sent,
    answer,
    deliver,
    error,
    event,
    kinds,
    refusal,
    scripted,
    upsert,
)

NUMBER = "+14155552671"
ANN = Identity("ann@shop.example", "7", NUMBER)

LATER = Retryable(RetryReason.WAITS_FOR_PROFILE, 300.0, tried=False)


def outcomes(klaviyo: Klaviyo, *operations: Operation) -> list[Outcome]:
    return [result.outcome for result in deliver(klaviyo, *operations).results]


def requests(account: Account) -> Counter[str]:
    """How often each endpoint was called."""
    return Counter(record.endpoint for record in account.requests)


@pytest.mark.parametrize(
    "identity",
    [
        Identity(external_id="7"),
        Identity(email="ANN@shop.example"),
        Identity(phone_number=NUMBER),
        Identity("other@shop.example", "7"),
        Identity("ann@shop.example", "another id"),
    ],
)
def test_the_profile_is_found_by_external_id_then_address_then_number(
    klaviyo: Klaviyo, account: Account, identity: Identity
) -> None:
    deliver(klaviyo, upsert(identity=ANN), upsert(1))
    assert outcomes(klaviyo, DeleteProfile("m", identity)) == [Delivered()]
    assert [profile.email for profile in account.profiles] == ["p1@shop.example"]


def test_the_external_id_decides_where_two_profiles_are_named(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=Identity(external_id="7")), upsert(1))
    deliver(klaviyo, DeleteProfile("m", Identity("p1@shop.example", "7")))
    assert [profile.email for profile in account.profiles] == ["p1@shop.example"]


def test_whoever_is_not_found_is_no_error(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, upsert(1))
    assert outcomes(klaviyo, DeleteProfile("m", ANN)) == [Delivered()]
    assert requests(account)["request_profile_deletion"] == 0


def test_a_deletion_names_the_profile_id_and_nothing_else() -> None:
    def script(request: Sent) -> Answer:
        found = {"type": "profile", "id": "01ANN", "attributes": {"external_id": "7"}}
        return answer(200, {"data": [found]}) if request.method == "GET" else answer(202)

    klaviyo, transport = scripted(script)
    deliver(klaviyo, DeleteProfile("m", ANN))
    assert transport.sent[-1].body == {
        "data": {
            "type": "data-privacy-deletion-job",
            "attributes": {
                "profile": {"data": {"type": "profile", "id": "01ANN", "attributes": {}}}
            },
        }
    }


def test_a_stranger_that_a_lookup_brings_up_is_not_deleted() -> None:
    """An answer that does not keep to the filter must not cost anybody his profile."""
    strangers = [
        {"type": "profile", "id": f"01S{n}", "attributes": {"email": f"s{n}@x.io"}}
        for n in range(2)
    ]
    klaviyo, transport = scripted(lambda _: answer(200, {"data": strangers}))
    assert outcomes(klaviyo, DeleteProfile("m", ANN)) == [Delivered()]
    assert {request.method for request in transport.sent} == {"GET"}


def test_people_are_looked_up_together_and_each_is_deleted_once(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, *(upsert(n) for n in range(10)))
    before = requests(account)
    steps = [DeleteProfile("m", upsert(n // 2).identity) for n in range(20)]
    assert outcomes(klaviyo, *steps) == [Delivered()] * 20
    assert len(account.profiles) == 0
    assert requests(account) - before == {"get_profiles": 1, "request_profile_deletion": 10}


def test_beyond_3_a_second_deletions_spread_themselves_without_a_refusal() -> None:
    account = Account(limits="published")
    with serve(account) as url:
        klaviyo = Klaviyo(url)
        deliver(klaviyo, *(upsert(n) for n in range(6)))
        steps = [DeleteProfile("m", upsert(n).identity) for n in range(6)]
        assert outcomes(klaviyo, *steps) == [Delivered()] * 6
    assert len(account.profiles) == 0
    assert 429 not in {record.status for record in account.requests}


def test_beyond_60_a_minute_deletions_wait(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, *(upsert(n) for n in range(3)))
    account.set_weather(Weather(endpoints=frozenset({"request_profile_deletion"}), throttle=42))
    steps = [DeleteProfile("m", upsert(n).identity) for n in range(3)]
    found = deliver(klaviyo, *steps)
    assert {type(result.outcome) for result in found.results} == {Retryable}
    account.set_weather()
    again = [from_json(to_json(result.operation)) for result in found.results]
    assert again == steps


@pytest.mark.parametrize("number", [1, 30])
def test_what_came_before_is_done_before(klaviyo: Klaviyo, account: Account, number: int) -> None:
    """Not in an import job, which would bring the person back."""
    people = [upsert(n) for n in range(number)]
    steps: list[Operation] = [*people, *(event(n) for n in range(number))]
    steps += [AddToList("m", each.identity, "L1") for each in people]
    steps += [DeleteProfile("m", each.identity) for each in people]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 4 * number}
    assert len(account.profiles) == 0
    assert len(account.deleted) == number
    assert account.lists["L1"].members == set()
    assert requests(account)["bulk_import_profiles"] == 0


def test_others_in_the_batch_go_in_bulk_all_the_same(klaviyo: Klaviyo, account: Account) -> None:
    people = [upsert(n) for n in range(30)]
    deliver(klaviyo, *people, DeleteProfile("m", people[0].identity))
    assert requests(account)["create_or_update_profile"] == 1
    assert requests(account)["bulk_import_profiles"] == 1
    assert len(account.profiles) == 29


def test_what_comes_after_waits_until_klaviyo_has_deleted(
    klaviyo: Klaviyo, account: Account
) -> None:
    """Whoever comes back at once would be deleted with the old profile."""
    deliver(klaviyo, upsert(identity=ANN))
    steps: list[Operation] = [
        DeleteProfile("m", Identity(external_id="7")),
        UpsertProfile("m", ANN),
        event(0, identity=ANN),
        Subscribe("m", "ann@shop.example", "L1"),
        DeleteProfile("m", ANN),
        upsert(1),
    ]
    found = outcomes(klaviyo, *steps)
    assert found[:5] == [Delivered(), *[LATER] * 4]
    assert isinstance(found[5], Delivered)
    assert [profile.email for profile in account.profiles] == ["p1@shop.example"]


def test_what_comes_after_a_deletion_that_must_come_again_waits_with_it(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(0))
    account.set_weather(Weather(endpoints=frozenset({"request_profile_deletion"}), throttle=42))
    found = outcomes(klaviyo, DeleteProfile("m", upsert(0).identity), upsert(0))
    assert found == [
        Retryable(RetryReason.THROTTLED, 42.0, 429),
        Retryable(RetryReason.WAITS_FOR_PROFILE, 42.0, 429),
    ]


@pytest.mark.parametrize(
    "step",
    [upsert(0), event(0), AddToList("m", upsert(0).identity, "L1")],
    ids=["upsert", "event", "list step"],
)
def test_a_deletion_does_not_overtake_what_must_come_again(
    klaviyo: Klaviyo, account: Account, step: Operation
) -> None:
    account.set_weather(Weather(down=True, times=1))
    deletion = DeleteProfile("m", upsert(0).identity)
    first, second = outcomes(klaviyo, step, deletion)
    assert isinstance(first, Retryable)
    assert isinstance(second, Retryable)
    assert second.reason is RetryReason.WAITS_FOR_PROFILE
    assert kinds(deliver(klaviyo, step, deletion)) == {"Delivered": 2}
    assert len(account.profiles) == 0


def test_an_upsert_waits_for_a_deletion_in_the_queue(url: str, account: Account) -> None:
    klaviyo = Klaviyo(url, remember_seconds=60.0)
    deliver(klaviyo, upsert(0))
    account.set_weather(Weather(endpoints=frozenset({"request_profile_deletion"}), down=True))
    deliver(klaviyo, DeleteProfile("m", upsert(0).identity))
    assert kinds(deliver(klaviyo, upsert(0))) == {"waits_for_profile": 1}


def test_a_profile_that_is_gone_by_now_is_no_error() -> None:
    def script(request: Sent) -> Answer:
        found = {"type": "profile", "id": "01ANN", "attributes": {"external_id": "7"}}
        return answer(200, {"data": [found]}) if request.method == "GET" else refusal(404, error())

    klaviyo, _ = scripted(script)
    assert outcomes(klaviyo, DeleteProfile("m", ANN)) == [Delivered()]


def test_a_deletion_that_klaviyo_refuses_is_refused() -> None:
    def script(request: Sent) -> Answer:
        found = {"type": "profile", "id": "01ANN", "attributes": {"external_id": "7"}}
        return answer(200, {"data": [found]}) if request.method == "GET" else refusal(400, error())

    klaviyo, _ = scripted(script)
    assert outcomes(klaviyo, DeleteProfile("m", ANN)) == [Refused(400, "invalid", "Invalid input.")]


@pytest.mark.parametrize(("second", "members"), [(5, []), (7, ["ann@shop.example"])])
def test_whoever_was_deleted_and_comes_back_joins_the_list_anew(
    klaviyo: Klaviyo, account: Account, second: int, members: list[str]
) -> None:
    """What was said before the deletion is a repeat, and brings nobody back."""

    def joins(second: int) -> Subscribe:
        time = f"2026-01-01T00:00:{second:02d}Z"
        return Subscribe("m", "ann@shop.example", "L1", time=time, is_consent=False)

    assert outcomes(klaviyo, joins(5)) == [Delivered()]
    deletion = DeleteProfile("m", Identity("ann@shop.example"), time="2026-01-01T00:00:06Z")
    assert outcomes(klaviyo, deletion) == [Delivered()]
    assert outcomes(klaviyo, joins(second)) == [Delivered()]
    assert [profile.email for profile in account.profiles] == members
