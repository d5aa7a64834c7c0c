"""Consent given and withdrawn: the client against the stand-in over HTTP."""

from collections import Counter

import pytest

from klaviyo_client.delivery import Klaviyo
from klaviyo_client.outcomes import Delivered, Refused, Retryable, RetryReason
from klaviyo_mapping.operations import (
    AddToList,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    from_json,
    to_json,
)
from local.klaviyo import Account, Weather
from tests.client.fakes import BAD_PHONE, deliver, kinds, upsert

ADDRESS, NUMBER = "ann@shop.example", "+14155552671"
EMAIL, SMS = "email.marketing", "sms.marketing"
THEN = "2025-01-01T00:00:00Z"


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
    deliver(klaviyo, Subscribe("m", ADDRESS, "L1", NUMBER))
    assert consents(account) == {EMAIL: "SUBSCRIBED", SMS: "SUBSCRIBED"}
    assert requests(account) == {"bulk_subscribe_profiles": 1}


def test_a_number_alone_is_subscribed(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, Subscribe("m", None, "L1", NUMBER))
    [profile] = account.profiles
    assert (profile.phone_number, profile.consents) == (NUMBER, {SMS: "SUBSCRIBED"})


@pytest.mark.parametrize("number", [1, 40])
def test_one_bad_number_costs_no_e_mail_its_subscription(
    klaviyo: Klaviyo, account: Account, number: int
) -> None:
    """The result shows the operation as it was carried out."""
    bad = Subscribe("bad", ADDRESS, "L1", BAD_PHONE)
    others = [Subscribe(f"m{n}", f"p{n}@shop.example", "L1") for n in range(number - 1)]
    delivery = deliver(klaviyo, *others, bad)
    assert kinds(delivery) == {"Delivered": number}
    assert delivery.results[-1].operation == Subscribe("bad", ADDRESS, "L1")
    assert len(account.lists["L1"].members) == number
    assert consents(account) == {EMAIL: "SUBSCRIBED"}


def test_one_bad_address_costs_no_number_its_subscription(
    klaviyo: Klaviyo, account: Account
) -> None:
    bad = Subscribe("bad", "no address", "L1", NUMBER)
    delivery = deliver(klaviyo, bad, Subscribe("m", ADDRESS, "L1"))
    assert kinds(delivery) == {"Delivered": 2}
    assert delivery.results[0].operation == Subscribe("bad", None, "L1", NUMBER)
    profile = account.profiles.by_phone_number(NUMBER)
    assert profile is not None
    assert profile.consents == {SMS: "SUBSCRIBED"}


def test_a_bad_number_alone_is_refused(klaviyo: Klaviyo, account: Account) -> None:
    delivery = deliver(
        klaviyo, Subscribe("m", None, "L1", BAD_PHONE), Subscribe("m", ADDRESS, "L1")
    )
    assert [type(result.outcome) for result in delivery.results] == [Refused, Delivered]
    assert is_member(account)


def test_a_bad_number_costs_nothing_where_klaviyo_does_not_name_it(
    klaviyo: Klaviyo, account: Account
) -> None:
    """Said twice about one person, and among many."""
    steps = [Subscribe(f"m{n}", f"p{n}@shop.example", "L1") for n in range(10)]
    twice = [Subscribe("a", ADDRESS, "L1", BAD_PHONE), Subscribe("b", ADDRESS, "L1")]
    assert kinds(deliver(klaviyo, *steps, *twice)) == {"Delivered": 12}
    assert len(account.lists["L1"].members) == 11


def test_a_historical_import_asks_nobody_to_confirm(klaviyo: Klaviyo, account: Account) -> None:
    account.add_list("DOUBLE", "Offers", "double_opt_in")
    step = Subscribe(
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
    steps = [Subscribe("m", f"p{n}@shop.example", None) for n in range(number)]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": number}
    assert len(account.profiles) == number
    assert account.confirm("p0@shop.example")
    assert consents(account, "p0@shop.example") == {EMAIL: "SUBSCRIBED"}
    assert requests(account)["bulk_subscribe_profiles"] == 1


def test_without_a_list_a_bad_number_costs_nothing_either(
    klaviyo: Klaviyo, account: Account
) -> None:
    assert kinds(deliver(klaviyo, Subscribe("m", ADDRESS, None, BAD_PHONE))) == {"Delivered": 1}
    assert account.confirm(ADDRESS)


def test_an_address_and_a_number_of_two_profiles_are_subscribed_all_the_same(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(0), upsert(1, identity=Identity(phone_number=NUMBER)))
    step = Subscribe("m", "p0@shop.example", None, NUMBER)
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert account.confirm("p0@shop.example")


def test_who_cannot_be_introduced_waits(klaviyo: Klaviyo, account: Account) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_or_update_profile"}), down=True))
    [result] = deliver(klaviyo, Subscribe("m", ADDRESS, None)).results
    assert result.outcome == Retryable(RetryReason.WAITS_FOR_PROFILE, None, 503)
    account.set_weather()
    assert kinds(deliver(klaviyo, from_json(to_json(result.operation)))) == {"Delivered": 1}
    assert account.confirm(ADDRESS)


# Unsubscribing


def subscribed(klaviyo: Klaviyo, account: Account) -> None:
    """Ann has subscribed to two lists by both channels, and Bob to one by e-mail."""
    account.add_list("L2", "Offers", "single_opt_in")
    deliver(klaviyo, Subscribe("m", ADDRESS, "L1", NUMBER), Subscribe("m", "bob@x.io", "L1"))
    deliver(klaviyo, Subscribe("m", ADDRESS, "L2", NUMBER))


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
    klaviyo: Klaviyo, account: Account, step: Unsubscribe, expected: dict[str, str]
) -> None:
    subscribed(klaviyo, account)
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
    klaviyo: Klaviyo, account: Account, steps: list[Operation]
) -> None:
    subscribed(klaviyo, account)
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": len(steps)}
    assert (is_member(account, "L1"), is_member(account, "L2")) == (False, True)
    assert consents(account) == BOTH


def test_whoever_is_not_on_the_list_keeps_all_consents(klaviyo: Klaviyo, account: Account) -> None:
    subscribed(klaviyo, account)
    steps = [
        Unsubscribe("m", "bob@x.io", "L2"),
        Unsubscribe("m", "nobody@x.io", "L2"),
        Unsubscribe("m", ADDRESS, "L2"),
    ]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 3}
    assert consents(account, "bob@x.io") == {EMAIL: "SUBSCRIBED"}
    assert consents(account) == BOTH
    assert not is_member(account, "L2")


def test_doing_it_again_does_no_harm(klaviyo: Klaviyo, account: Account) -> None:
    subscribed(klaviyo, account)
    for _ in range(2):
        assert kinds(deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1"))) == {"Delivered": 1}
    assert consents(account) == BOTH


def test_an_unsubscription_whose_answer_was_lost_is_not_sent_twice(
    klaviyo: Klaviyo, account: Account
) -> None:
    """It comes again once it shows whether it was carried out."""
    subscribed(klaviyo, account)
    cut = Weather(endpoints=frozenset({"bulk_unsubscribe_profiles"}), cut="after", times=1)
    account.set_weather(cut)
    [result] = deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1")).results
    assert result.outcome == Retryable(RetryReason.CONNECTION_FAILED, 60.0)
    assert kinds(deliver(klaviyo, from_json(to_json(result.operation)))) == {"Delivered": 1}
    assert requests(account)["bulk_unsubscribe_profiles"] == 1
    assert consents(account) == BOTH


def test_a_number_on_somebody_elses_profile_is_left_alone(
    klaviyo: Klaviyo, account: Account
) -> None:
    """On no list, an unsubscription of it would be from everything."""
    deliver(klaviyo, Subscribe("m", ADDRESS, "L1"))
    account.add_list("L2", "Offers", "single_opt_in")
    deliver(klaviyo, Subscribe("m", "bob@x.io", "L2", NUMBER))
    deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1", NUMBER))
    assert not is_member(account)
    assert consents(account, "bob@x.io") == BOTH


def test_an_unknown_list_is_refused_and_costs_nobody_a_consent(
    klaviyo: Klaviyo, account: Account
) -> None:
    """A wrong id in the settings must show: somebody has asked not to be written to."""
    subscribed(klaviyo, account)
    steps = [Unsubscribe("m", ADDRESS, "NONE"), Unsubscribe("m", "bob@x.io", "NONE")]
    found = [result.outcome for result in deliver(klaviyo, *steps).results]
    assert [type(outcome) for outcome in found] == [Refused, Refused]
    assert consents(account) == BOTH
    assert requests(account)["get_profiles_for_list"] == 1


def test_1000_members_are_unsubscribed_in_20_requests(klaviyo: Klaviyo, account: Account) -> None:
    people = [f"p{n}@shop.example" for n in range(1000)]
    deliver(klaviyo, *(Subscribe("m", each, "L1") for each in people))
    before = len(account.requests)
    steps = [Unsubscribe("m", each, "L1") for each in people]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 1000}
    assert len(account.requests) - before == 20
    assert account.lists["L1"].members == set()
    assert {each.consents[EMAIL] for each in account.profiles} == {"SUBSCRIBED"}


def test_a_bad_number_does_not_keep_an_address_from_being_unsubscribed(
    klaviyo: Klaviyo, account: Account
) -> None:
    subscribed(klaviyo, account)
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
        Subscribe("m", ADDRESS, "L1") if kind is Subscribe else Unsubscribe("m", ADDRESS, list_id)
        for kind in kinds_of_step
    ]
    waiting: list[Operation] = [upsert(0), *steps]
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
    klaviyo: Klaviyo, account: Account
) -> None:
    """Klaviyo may not have put them on the list yet; whoever is not on it would stay."""
    steps: list[Operation] = [Subscribe("m", ADDRESS, "L1"), Unsubscribe("m", ADDRESS, "L1")]
    delivery = deliver(klaviyo, *steps, Subscribe("again", ADDRESS, "L1"))
    later = Retryable(RetryReason.WAITS_FOR_PROFILE, 60.0, tried=False)
    assert [result.outcome for result in delivery.results] == [Delivered(), later, later]
    assert requests(account) == {"bulk_subscribe_profiles": 1}


def test_a_withdrawal_does_not_overtake_a_subscription_that_must_come_again(
    klaviyo: Klaviyo, account: Account
) -> None:
    account.set_weather(Weather(endpoints=frozenset({"bulk_subscribe_profiles"}), throttle=9))
    steps: list[Operation] = [
        Subscribe("m", ADDRESS, "L1"),
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
    deliver(klaviyo, Subscribe("m", ADDRESS, "L1"))
    account.set_weather()
    found = kinds(deliver(klaviyo, Unsubscribe("m", ADDRESS, None)))
    assert found == {"waits_for_profile": 1}


def test_steps_of_different_people_share_their_requests(klaviyo: Klaviyo, account: Account) -> None:
    people = [f"p{n}@shop.example" for n in range(50)]
    steps: list[Operation] = []
    for each in people:
        steps += [Subscribe("m", each, "L1"), Unsubscribe("m", each, None)]
    deliver(klaviyo, *steps)
    assert requests(account) == {"bulk_subscribe_profiles": 1, "bulk_unsubscribe_profiles": 1}


def test_joining_a_list_and_withdrawing_from_it_keep_their_order(
    klaviyo: Klaviyo, account: Account
) -> None:
    ann = Identity(ADDRESS)
    steps: list[Operation] = [AddToList("m", ann, "L1"), Unsubscribe("m", ADDRESS, "L1")]
    deliver(klaviyo, *steps)
    assert not is_member(account)
    deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1"), AddToList("m", ann, "L1"))
    assert is_member(account)
