"""Consent given and withdrawn: the client against the stand-in over HTTP."""

from collections import Counter
from typing import Any

import pytest

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Weather
from operations import (
    AddToList,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import BAD_PHONE, Clock, deliver, kinds, upsert

ADDRESS, NUMBER = "ann@shop.example", "+14155552671"
EMAIL, SMS = "email.marketing", "sms.marketing"
THEN = "2025-01-01T00:00:00Z"


def gives(
    message_id: str, email: str | None, list_id: str | None, number: str | None = None, **more: Any
) -> Subscribe:
    """A consent that the person has given."""
    return Subscribe(message_id, email, list_id, number, is_consent=True, **more)


def consents(account: Account, address: str = ADDRESS) -> dict[str, str]:
    profile = account.profiles.by_email(address)
    return {} if profile is None else profile.consents


def is_member(account: Account, list_id: str = "L1", address: str = ADDRESS) -> bool:
    profile = account.profiles.by_email(address)
    return profile is not None and profile.id in account.lists[list_id].members


def requests(account: Account) -> Counter[str]:
    """How often each endpoint was called."""
    return Counter(record.endpoint for record in account.requests)


# Subscribing


def test_both_channels_are_subscribed_in_one_request(klaviyo: Klaviyo, account: Account) -> None:
    """Once each identifier is known to have no later opt-out."""
    deliver(klaviyo, gives("m", ADDRESS, "L1", NUMBER))
    assert consents(account) == {EMAIL: "SUBSCRIBED", SMS: "SUBSCRIBED"}
    assert requests(account) == {"get_profiles": 2, "bulk_subscribe_profiles": 1}


def test_a_number_alone_is_subscribed(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, gives("m", None, "L1", NUMBER))
    [profile] = account.profiles
    assert (profile.phone_number, profile.consents) == (NUMBER, {SMS: "SUBSCRIBED"})


@pytest.mark.parametrize("number", [1, 40])
def test_one_bad_number_costs_no_e_mail_its_subscription(
    klaviyo: Klaviyo, account: Account, number: int
) -> None:
    """The result shows the operation as it was carried out."""
    bad = gives("bad", ADDRESS, "L1", BAD_PHONE)
    others = [gives(f"m{n}", f"p{n}@shop.example", "L1") for n in range(number - 1)]
    delivery = deliver(klaviyo, *others, bad)
    assert kinds(delivery) == {"Delivered": number}
    assert delivery.results[-1].operation == gives("bad", ADDRESS, "L1")
    assert len(account.lists["L1"].members) == number
    assert consents(account) == {EMAIL: "SUBSCRIBED"}


def test_one_bad_address_costs_no_number_its_subscription(
    klaviyo: Klaviyo, account: Account
) -> None:
    bad = gives("bad", "no address", "L1", NUMBER)
    delivery = deliver(klaviyo, bad, gives("m", ADDRESS, "L1"))
    assert kinds(delivery) == {"Delivered": 2}
    assert delivery.results[0].operation == gives("bad", None, "L1", NUMBER)
    profile = account.profiles.by_phone_number(NUMBER)
    assert profile is not None
    assert profile.consents == {SMS: "SUBSCRIBED"}


def test_a_bad_number_alone_is_refused(klaviyo: Klaviyo, account: Account) -> None:
    delivery = deliver(klaviyo, gives("m", None, "L1", BAD_PHONE), gives("m", ADDRESS, "L1"))
    assert [type(result.outcome) for result in delivery.results] == [Refused, Delivered]
    assert is_member(account)


def test_a_bad_number_costs_nothing_where_klaviyo_does_not_name_it(
    klaviyo: Klaviyo, account: Account
) -> None:
    """Said twice about one person, and among many."""
    steps = [gives(f"m{n}", f"p{n}@shop.example", "L1") for n in range(10)]
    twice = [gives("a", ADDRESS, "L1", BAD_PHONE), gives("b", ADDRESS, "L1")]
    assert kinds(deliver(klaviyo, *steps, *twice)) == {"Delivered": 12}
    assert len(account.lists["L1"].members) == 11


def test_a_historical_import_asks_nobody_to_confirm(klaviyo: Klaviyo, account: Account) -> None:
    account.add_list("DOUBLE", "Offers", "double_opt_in")
    step = gives(
        "m", ADDRESS, "DOUBLE", NUMBER, historical_import=True, consented_at=THEN,
        custom_source="Shop",
    )  # fmt: skip
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert is_member(account, "DOUBLE")


@pytest.mark.parametrize("number", [1, 30])
def test_without_a_list_the_accounts_own_opt_in_process_applies_to_new_people_too(
    klaviyo: Klaviyo, account: Account, number: int
) -> None:
    """Klaviyo would forget an address that it has never seen."""
    steps = [gives("m", f"p{n}@shop.example", None) for n in range(number)]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": number}
    assert len(account.profiles) == number
    assert account.confirm("p0@shop.example")
    assert consents(account, "p0@shop.example") == {EMAIL: "SUBSCRIBED"}
    assert requests(account)["bulk_subscribe_profiles"] == 1


def test_without_a_list_a_bad_number_costs_nothing_either(
    klaviyo: Klaviyo, account: Account
) -> None:
    assert kinds(deliver(klaviyo, gives("m", ADDRESS, None, BAD_PHONE))) == {"Delivered": 1}
    assert account.confirm(ADDRESS)


def test_an_address_and_a_number_of_two_profiles_are_subscribed_all_the_same(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(0), upsert(1, identity=Identity(phone_number=NUMBER)))
    step = gives("m", "p0@shop.example", None, NUMBER)
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert account.confirm("p0@shop.example")


def test_who_cannot_be_introduced_waits(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_or_update_profile"}), down=True))
    [result] = deliver(klaviyo, gives("m", ADDRESS, None)).results
    assert result.outcome == Retryable(RetryReason.WAITS_FOR_PROFILE, None, 503)
    account.set_weather()
    assert kinds(deliver(klaviyo, from_json(to_json(result.operation)))) == {"Delivered": 1}
    assert account.confirm(ADDRESS)


# Unsubscribing


def subscribed(url: str, account: Account) -> None:
    """Ann has subscribed to two lists by both channels, and Bob to one by e-mail, a while ago."""
    klaviyo = Klaviyo(url)
    account.add_list("L2", "Offers", "single_opt_in")
    deliver(klaviyo, gives("m", ADDRESS, "L1", NUMBER), gives("m", "bob@x.io", "L1"))
    deliver(klaviyo, gives("m", ADDRESS, "L2", NUMBER))


BOTH = {EMAIL: "SUBSCRIBED", SMS: "SUBSCRIBED"}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Unsubscribe("m", ADDRESS, None), {EMAIL: "UNSUBSCRIBED", SMS: "SUBSCRIBED"}),
        (Unsubscribe("m", None, None, NUMBER), {EMAIL: "SUBSCRIBED", SMS: "UNSUBSCRIBED"}),
        (
            Unsubscribe("m", ADDRESS.upper(), None, NUMBER),
            {EMAIL: "UNSUBSCRIBED", SMS: "UNSUBSCRIBED"},
        ),
    ],
)
def test_without_a_list_consent_ends_everywhere(
    url: str, klaviyo: Klaviyo, account: Account, step: Unsubscribe, expected: dict[str, str]
) -> None:
    subscribed(url, account)
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert consents(account) == expected


@pytest.mark.parametrize(
    "steps",
    [
        [Unsubscribe("m", ADDRESS, "L1")],
        [Unsubscribe("m", ADDRESS.upper(), "L1")],
        [Unsubscribe("m", None, "L1", NUMBER)],
        [Unsubscribe("m", ADDRESS, "L1", NUMBER)],
        [Unsubscribe("m", ADDRESS, "L1"), Unsubscribe("m", None, "L1", NUMBER)],
        [Unsubscribe("m", ADDRESS, "L1"), Unsubscribe("m", ADDRESS, "L1")],
    ],
)
def test_from_a_list_a_member_leaves_that_list_alone(
    url: str, klaviyo: Klaviyo, account: Account, steps: list[Operation]
) -> None:
    subscribed(url, account)
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": len(steps)}
    assert (is_member(account, "L1"), is_member(account, "L2")) == (False, True)
    assert consents(account) == BOTH


def test_whoever_is_not_on_the_list_keeps_all_consents(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    subscribed(url, account)
    steps = [
        Unsubscribe("m", "bob@x.io", "L2"),
        Unsubscribe("m", "nobody@x.io", "L2"),
        Unsubscribe("m", ADDRESS, "L2"),
    ]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 3}
    assert consents(account, "bob@x.io") == {EMAIL: "SUBSCRIBED"}
    assert consents(account) == BOTH
    assert not is_member(account, "L2")


def test_doing_it_again_does_no_harm(url: str, klaviyo: Klaviyo, account: Account) -> None:
    subscribed(url, account)
    for _ in range(2):
        assert kinds(deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1"))) == {"Delivered": 1}
    assert consents(account) == BOTH


def test_an_unsubscription_whose_answer_was_lost_is_not_sent_twice(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    """It comes again once it surely shows whether it was carried out."""
    subscribed(url, account)
    cut = Weather(endpoints=frozenset({"bulk_unsubscribe_profiles"}), cut="after", times=1)
    account.set_weather(cut)
    [result] = deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1")).results
    assert result.outcome == Retryable(RetryReason.CONNECTION_FAILED, 1800.0)
    again = Unsubscribe("again", ADDRESS, "L1")
    assert kinds(deliver(klaviyo, again)) == {"waits_for_profile": 1}
    assert kinds(deliver(Klaviyo(url), from_json(to_json(result.operation)))) == {"Delivered": 1}
    assert requests(account)["bulk_unsubscribe_profiles"] == 1
    assert consents(account) == BOTH


def test_a_number_on_somebody_elses_profile_is_left_alone(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    """On no list, an unsubscription of it would be from everything."""
    account.add_list("L2", "Offers", "single_opt_in")
    deliver(Klaviyo(url), gives("m", ADDRESS, "L1"), gives("m", "bob@x.io", "L2", NUMBER))
    [result] = deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1", NUMBER)).results
    assert result.warnings == (DeliveryWarning.NOT_ON_LIST,)
    assert not is_member(account)
    assert consents(account, "bob@x.io") == BOTH


def test_an_unknown_list_is_refused_and_costs_nobody_a_consent(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    """A wrong id in the settings must show: somebody has asked not to be written to."""
    subscribed(url, account)
    steps = [Unsubscribe("m", ADDRESS, "NONE"), Unsubscribe("m", "bob@x.io", "NONE")]
    found = [result.outcome for result in deliver(klaviyo, *steps).results]
    assert [type(outcome) for outcome in found] == [Refused, Refused]
    assert consents(account) == BOTH
    assert requests(account)["get_profiles_for_list"] == 1


def test_1000_members_are_unsubscribed_in_20_requests(url: str, account: Account) -> None:
    """By a clock that stands still: whoever was looked up too long ago is looked up again."""
    clock = Clock()
    klaviyo = Klaviyo(url, clock=clock, sleep=clock.sleep)
    people = [f"p{n}@shop.example" for n in range(1000)]
    deliver(Klaviyo(url), *(gives("m", each, "L1") for each in people))
    before = len(account.requests)
    steps = [Unsubscribe("m", each, "L1") for each in people]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 1000}
    assert len(account.requests) - before == 20
    assert account.lists["L1"].members == set()
    assert {each.consents[EMAIL] for each in account.profiles} == {"SUBSCRIBED"}


def test_a_bad_number_does_not_keep_an_address_from_being_unsubscribed(
    url: str, klaviyo: Klaviyo, account: Account
) -> None:
    subscribed(url, account)
    assert kinds(deliver(klaviyo, Unsubscribe("m", ADDRESS, None, BAD_PHONE))) == {"Delivered": 1}
    assert consents(account) == {EMAIL: "UNSUBSCRIBED", SMS: "SUBSCRIBED"}


# Order


@pytest.mark.parametrize("list_id", [None, "L1"])
@pytest.mark.parametrize(
    ("kinds_of_step", "expected"),
    [
        ([Subscribe, Unsubscribe], "UNSUBSCRIBED"),
        ([Unsubscribe, Subscribe], "SUBSCRIBED"),
        ([Subscribe, Unsubscribe, Subscribe], "SUBSCRIBED"),
        ([Unsubscribe, Subscribe, Unsubscribe], "UNSUBSCRIBED"),
    ],
)
def test_the_later_word_on_a_consent_stands(
    klaviyo: Klaviyo,
    account: Account,
    kinds_of_step: list[type[Subscribe] | type[Unsubscribe]],
    expected: str,
    list_id: str | None,
) -> None:
    steps: list[Operation] = [
        gives("m", ADDRESS, "L1") if kind is Subscribe else Unsubscribe("m", ADDRESS, list_id)
        for kind in kinds_of_step
    ]
    waiting: list[Operation] = [upsert(0, identity=Identity(ADDRESS)), *steps]
    while waiting:
        delivery = deliver(klaviyo, *waiting)
        waiting = [
            result.operation
            for result in delivery.results
            if not isinstance(result.outcome, Delivered)
        ]
    if list_id is None:
        assert consents(account) == {EMAIL: expected}
    else:
        assert is_member(account) == (expected == "SUBSCRIBED")


def test_who_has_only_just_been_subscribed_leaves_the_list_a_minute_later(
    url: str, account: Account
) -> None:
    """Klaviyo may not have put them on the list yet; whoever is not on it would stay."""
    clock = Clock()
    klaviyo = Klaviyo(url, clock=clock, sleep=clock.sleep)
    leaves = Unsubscribe("m", ADDRESS, "L1")
    deliver(klaviyo, gives("m", ADDRESS, "L1"))
    clock.sleep(20.0)
    [result] = deliver(klaviyo, leaves).results
    assert result.outcome == Retryable(RetryReason.WAITS_FOR_PROFILE, 40.0, tried=False)
    clock.sleep(40.0)
    assert kinds(deliver(klaviyo, leaves)) == {"Delivered": 1}
    assert not is_member(account)


def test_of_many_words_about_one_list_only_the_last_is_sent(
    klaviyo: Klaviyo, account: Account
) -> None:
    steps: list[Operation] = [gives("m", ADDRESS, "L1"), Unsubscribe("m", ADDRESS, "L1")]
    delivery = deliver(klaviyo, *steps * 2000, gives("last", ADDRESS, "L1"))
    assert kinds(delivery) == {"Delivered": 4001}
    assert requests(account) == {"get_profiles": 1, "bulk_subscribe_profiles": 1}
    assert is_member(account)


def test_a_withdrawal_does_not_overtake_a_subscription_that_must_come_again(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(endpoints=frozenset({"bulk_subscribe_profiles"}), throttle=9))
    steps: list[Operation] = [
        gives("m", ADDRESS, "L1", NUMBER),
        Unsubscribe("m", ADDRESS, None),
        Unsubscribe("m", "bob@x.io", None),
    ]
    delivery = deliver(klaviyo, *steps)
    assert [result.outcome for result in delivery.results] == [
        Retryable(RetryReason.THROTTLED, 9.0, 429),
        Retryable(RetryReason.WAITS_FOR_PROFILE, 9.0, 429),
        Delivered(),
    ]


def test_a_withdrawal_waits_for_a_subscription_in_the_queue(url: str, account: Account) -> None:
    klaviyo = Klaviyo(url, remember_seconds=60.0)
    account.set_weather(Weather(endpoints=frozenset({"bulk_subscribe_profiles"}), throttle=9))
    deliver(klaviyo, gives("m", ADDRESS, "L1"))
    account.set_weather()
    found = kinds(deliver(klaviyo, Unsubscribe("m", ADDRESS, None)))
    assert found == {"waits_for_profile": 1}


def test_steps_of_different_people_share_their_requests(klaviyo: Klaviyo, account: Account) -> None:
    people = [f"p{n}@shop.example" for n in range(50)]
    steps: list[Operation] = []
    for each in people:
        steps += [gives("m", each, None), Unsubscribe("m", each, "L1")]
    deliver(klaviyo, *(AddToList("m", Identity(each), "L1") for each in people))
    before = requests(account)
    deliver(klaviyo, *steps)
    assert requests(account) - before == {
        "get_profiles": 1,
        "get_profiles_for_list": 1,
        "bulk_subscribe_profiles": 1,
        "bulk_unsubscribe_profiles": 1,
    }


def test_joining_a_list_and_withdrawing_from_it_keep_their_order(
    klaviyo: Klaviyo, account: Account
) -> None:
    ann = Identity(ADDRESS)
    steps: list[Operation] = [AddToList("m", ann, "L1"), Unsubscribe("m", ADDRESS, "L1")]
    deliver(klaviyo, *steps)
    assert not is_member(account)
    deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1"), AddToList("m", ann, "L1"))
    assert is_member(account)
