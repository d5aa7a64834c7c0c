"""Answers that are not Klaviyo's, partial ones and incomplete ones, by the stand-in over HTTP."""

from collections import Counter

import pytest

from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Retryable,
    RetryReason,
)
from klaviyo_client.api.revision import REVISION
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Result
from local.klaviyo_stand_in import Account, Policy, Weather, serve
from operations import (
    AddToList,
    CheckImport,
    DeleteProfile,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from tests.klaviyo_client.fakes import deliver, event, kinds, upsert

NUMBER = "+14155552671"

FOREIGN = {
    "a sign-in page": Weather(status=200, html=True),
    "a proxy that accepts": Weather(status=202, html=True),
    "an empty object": Weather(status=200, body="{}"),
    "null": Weather(status=200, body='{"data": null}'),
    "cut JSON": Weather(status=200, body='{"data": ['),
    "nothing": Weather(status=200),
    "204 with a body of its own": Weather(status=203, body="cached"),
    "a 404 of another host": Weather(status=404, html=True),
    "a challenge": Weather(status=403, html=True),
    **{
        str(status): Weather(status=status)
        for status in (301, 405, 407, 410, 415, 421, 423, 425, 451)
    },
}
PERSON = Identity("ann@shop.example", "7")
EVERY_KIND: dict[str, list[Operation]] = {
    "event": [event(0)],
    "events": [event(n) for n in range(30)],
    "profile": [upsert(0)],
    "profiles": [upsert(n) for n in range(8)],
    "joins a list": [AddToList("m", PERSON, "L1", "01P")],
    "joins a list by its name": [AddToList("m", PERSON, None, list_name="vip")],
    "leaves a list": [RemoveFromList("m", PERSON, "L1")],
    "leaves a list by its name": [RemoveFromList("m", PERSON, None, list_name="Newsletter")],
    "subscribes": [Subscribe("m", "ann@shop.example", "L1")],
    "unsubscribes": [Unsubscribe("m", "ann@shop.example", None)],
    "unsubscribes from a list": [Unsubscribe("m", "ann@shop.example", "L1")],
    "is deleted": [DeleteProfile("m", PERSON)],
    "check of an import": [CheckImport(None, "JOB", ("m0",))],
}


@pytest.mark.parametrize("operations", EVERY_KIND.values(), ids=EVERY_KIND)
@pytest.mark.parametrize("weather", FOREIGN.values(), ids=FOREIGN)
def test_an_answer_that_is_not_klaviyos_is_no_answer(
    account: Account, klaviyo: Klaviyo, weather: Weather, operations: list[Operation]
) -> None:
    account.set_weather(weather)
    delivery = deliver(klaviyo, *operations)
    assert kinds(delivery) == {"unexpected_answer": len(operations)}
    assert delivery.follow_ups == ()


def test_a_retired_revision_costs_nothing() -> None:
    with serve(Account(policy=Policy(retired=frozenset({REVISION})))) as url:
        delivery = deliver(Klaviyo(url), upsert(0), event(0))
    outcome = Retryable(RetryReason.UNEXPECTED_ANSWER, None, 410)
    assert delivery.results[0] == Result(upsert(0), outcome)


# Partial success


@pytest.fixture
def partial() -> Account:
    account = Account(policy=Policy(left_out_phones=frozenset({NUMBER})))
    account.add_list("L1", "Newsletter", "single_opt_in")
    return account


def with_number(n: int, number: str) -> UpsertProfile:
    identity = Identity(email=f"p{n}@shop.example", phone_number=number)
    return upsert(n, identity=identity, phone_as_sent={"phone": f"as sent {n}"})


@pytest.mark.parametrize("number", [1, 8])
def test_a_number_that_was_left_out_stays_a_custom_property(partial: Account, number: int) -> None:
    with serve(partial) as url:
        klaviyo = Klaviyo(url)
        delivery = deliver(klaviyo, *(with_number(n, NUMBER) for n in range(number)))
        deliver(klaviyo, *delivery.follow_ups)
    assert kinds(delivery) == {"Delivered": number}
    found = {each.email: (each.phone_number, each.properties) for each in partial.profiles}
    assert found == {f"p{n}@shop.example": (None, {"phone": f"as sent {n}"}) for n in range(number)}
    assert delivery.requests == 2


def test_who_has_no_number_is_not_sent_twice(partial: Account) -> None:
    operations = [with_number(0, NUMBER), *(upsert(n) for n in range(1, 8))]
    with serve(partial) as url:
        delivery = deliver(Klaviyo(url), *operations)
    assert kinds(delivery) == {"Delivered": 8}
    assert partial.items["bulk_import_profiles"] == 9


@pytest.mark.parametrize("made", [Subscribe, Unsubscribe])
def test_a_consent_that_was_not_recorded_is_warned_of(
    partial: Account, made: type[Subscribe | Unsubscribe]
) -> None:
    both = made("m0", "a@shop.example", "L1" if made is Subscribe else None, NUMBER)
    mail = made("m1", "b@shop.example", "L1" if made is Subscribe else None)
    with serve(partial) as url:
        delivery = deliver(Klaviyo(url), both, mail)
    assert delivery.results == (
        Result(both, Delivered(), (DeliveryWarning.CHANNEL_LEFT_OUT,)),
        Result(mail, Delivered()),
    )


def test_an_event_needs_nothing(partial: Account) -> None:
    identity = Identity(email="a@shop.example", phone_number=NUMBER)
    with serve(partial) as url:
        delivery = deliver(Klaviyo(url), event(0, identity=identity))
    assert (delivery.requests, kinds(delivery)) == (1, {"Delivered": 1})


# What gives way


def test_an_age_gate_costs_the_sms_consent_only() -> None:
    account = Account(policy=Policy(age_gate=True))
    account.add_list("L1", "Newsletter", "single_opt_in")
    with serve(account) as url:
        delivery = deliver(Klaviyo(url), Subscribe("m", "a@shop.example", "L1", NUMBER))
    assert delivery.results == (
        Result(
            Subscribe("m", "a@shop.example", "L1"),
            Delivered(),
            (DeliveryWarning.CHANNEL_LEFT_OUT,),
        ),
    )
    profile = account.profiles.by_email("a@shop.example")
    assert profile is not None
    assert profile.consents == {"email.marketing": "SUBSCRIBED"}


# The errors of an import


def refused_import(account: Account, klaviyo: Klaviyo) -> CheckImport:
    """The check of an import whose first three profiles were refused."""
    account.set_weather(
        Weather(
            refuse_items="import",
            refuses=lambda attributes: attributes["email"][:2] in ("p0", "p1", "p2"),
        )
    )
    [check] = deliver(klaviyo, *(upsert(n) for n in range(8))).follow_ups
    assert isinstance(check, CheckImport)
    return check


def failed(delivery_failures: tuple[Result, ...]) -> list[str | None]:
    return [failure.operation.message_id for failure in delivery_failures]


def test_errors_that_are_missing_are_waited_for(account: Account, klaviyo: Klaviyo) -> None:
    check = refused_import(account, klaviyo)
    account.set_weather(Weather(missing_errors=2))
    first = deliver(klaviyo, check)
    [result] = first.results
    assert result.outcome == Retryable(RetryReason.IMPORT_ERRORS_MISSING, status=200)
    assert failed(first.import_failures) == ["m2"]
    account.set_weather()
    second = deliver(klaviyo, result.operation, *first.follow_ups)
    assert kinds(second) == {"Delivered": 2}
    assert failed(second.import_failures) == ["m0", "m1"]
    assert second.follow_ups == ()


def test_one_entry_waits_for_each_profile_that_is_missing(
    account: Account, klaviyo: Klaviyo
) -> None:
    """So as many end in the dead-letter queue as cannot be named, and the job is named by each."""
    check = refused_import(account, klaviyo)
    account.set_weather(Weather(missing_errors=3))
    delivery = deliver(klaviyo, check)
    waiting = [delivery.results[0].operation, *delivery.follow_ups]
    one = CheckImport(None, check.job_id, missing=1)
    whole = CheckImport(None, check.job_id, check.message_ids, check.merged, (), 3)
    assert waiting == [whole, one, one]
    before = len(account.requests)
    again = deliver(klaviyo, *waiting)
    assert [result.operation for result in again.results] == waiting
    assert kinds(again) == {"import_errors_missing": 3}
    assert (again.follow_ups, len(account.requests) - before) == ((), 2)


def test_errors_that_cannot_be_read_are_waited_for_alike(
    account: Account, klaviyo: Klaviyo
) -> None:
    check = refused_import(account, klaviyo)
    reading = frozenset({"get_errors_for_bulk_import_profiles_job"})
    account.set_weather(Weather(endpoints=reading, status=200, html=True))
    delivery = deliver(klaviyo, check)
    assert kinds(delivery) == {"unexpected_answer": 1}
    assert Counter(map(type, delivery.follow_ups)) == {CheckImport: 2}


def test_a_challenge_says_nothing_of_the_errors(account: Account, klaviyo: Klaviyo) -> None:
    """They are asked for again, by one check."""
    check = refused_import(account, klaviyo)
    reading = frozenset({"get_errors_for_bulk_import_profiles_job"})
    account.set_weather(Weather(endpoints=reading, status=403, html=True))
    delivery = deliver(klaviyo, check)
    assert kinds(delivery) == {"unexpected_answer": 1}
    assert delivery.follow_ups == ()


def test_after_a_challenge_a_list_is_left_without_a_wait(account: Account, url: str) -> None:
    """Nothing was done, so it may be sent again at once."""
    deliver(Klaviyo(url), Subscribe("m", "ann@shop.example", "L1", is_consent=True))
    leaving = frozenset({"bulk_unsubscribe_profiles"})
    account.set_weather(Weather(endpoints=leaving, status=403, html=True))
    [result] = deliver(Klaviyo(url), Unsubscribe("m", "ann@shop.example", "L1")).results
    assert result.outcome == Retryable(RetryReason.UNEXPECTED_ANSWER, None, 403)


def test_several_errors_of_one_profile_are_one_failure(account: Account, url: str) -> None:
    klaviyo = Klaviyo(url)
    check = refused_import(account, klaviyo)
    failures = account.jobs[check.job_id].failures
    failures.append(failures[0])
    account.set_weather()
    delivery = deliver(klaviyo, check)
    assert kinds(delivery) == {"Delivered": 1}
    assert failed(delivery.import_failures) == ["m0", "m1", "m2"]


# Deletion


def test_everybody_with_the_external_id_is_deleted(account: Account, klaviyo: Klaviyo) -> None:
    deliver(klaviyo, UpsertProfile("m", Identity("one@shop.example", "7")), upsert(0))
    for n in range(150):
        account.add_twin("7", f"twin{n}@shop.example")
    delivery = deliver(klaviyo, DeleteProfile("m", Identity(external_id="7")), seconds=60.0)
    assert kinds(delivery) == {"Delivered": 1}
    assert [each.email for each in account.profiles] == ["p0@shop.example"]


def test_a_deletion_of_several_ends_when_all_have_ended(account: Account, klaviyo: Klaviyo) -> None:
    deliver(klaviyo, UpsertProfile("m", Identity("one@shop.example", "7")))
    account.add_twin("7", "two@shop.example")
    account.set_weather(
        Weather(endpoints=frozenset({"request_profile_deletion"}), status=500, times=1)
    )
    deletion = DeleteProfile("m", Identity(external_id="7"))
    assert kinds(deliver(klaviyo, deletion)) == {"unavailable": 1}
    assert len(account.profiles) == 1
    assert kinds(deliver(klaviyo, deletion)) == {"Delivered": 1}
    assert len(account.profiles) == 0
