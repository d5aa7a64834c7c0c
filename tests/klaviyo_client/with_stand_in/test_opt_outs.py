"""Who has opted out is not subscribed again, unless by a later consent: client and stand-in."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Policy, Weather, serve
from operations import (
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    from_json,
    to_json,
)
from operations.channels import EVERY_CHANNEL
from tests.klaviyo_client.fakes import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    UPSERT_WITH_CONSENTS,
    Clock,
    Sent,
    answer,
    deliver,
    kinds,
    klaviyo_accepts,
    scripted,
    upsert,
)

ADDRESS, NUMBER = "ann@shop.example", "+14155552671"
EMAIL, SMS = "email.marketing", "sms.marketing"
OPTED_OUT, NOT_ON_LIST = DeliveryWarning.OPTED_OUT, DeliveryWarning.NOT_ON_LIST
HOUR = timedelta(hours=1)


def known(account: Account, url: str, *addresses: str, number: str | None = None) -> None:
    """Have people subscribed to the list, by another process and without leaving a trace."""
    steps = [
        Subscribe("m", each, "L1", number, is_consent=True) for each in addresses or (ADDRESS,)
    ]
    deliver(Klaviyo(url), *steps)


def counted(account: Account, before: Counter[str] | None = None) -> Counter[str]:
    """How often each endpoint was called."""
    found = Counter(record.endpoint for record in account.requests)
    return found if before is None else found - before


def state(account: Account, address: str = ADDRESS) -> str | None:
    profile = account.profiles.by_email(address)
    return None if profile is None else profile.consents.get(EMAIL)


def at(time: datetime) -> str:
    return time.isoformat()


OPT_OUTS: list[Callable[[Account], None]] = [
    lambda account: account.unsubscribe(ADDRESS),
    lambda account: account.unsubscribe(ADDRESS, "L1"),
    lambda account: account.suppress(ADDRESS, "USER_SUPPRESSED"),
    lambda account: account.suppress(ADDRESS, "SPAM_COMPLAINT"),
    lambda account: account.suppress(ADDRESS, "HARD_BOUNCE"),
]


# An identify with a list


@pytest.mark.parametrize("opts_out", OPT_OUTS)
@pytest.mark.parametrize("with_profile", [True, False])
def test_an_identify_does_not_subscribe_who_has_opted_out(
    klaviyo: Klaviyo, account: Account, url: str, opts_out: Any, with_profile: bool
) -> None:
    """Whether the upsert's answer tells, or a look-up."""
    known(account, url)
    opts_out(account)
    before = counted(account)
    profile = [UpsertProfile("m", Identity(ADDRESS))] if with_profile else []
    *_, result = deliver(klaviyo, *profile, Subscribe("m", ADDRESS, "L1")).results
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert account.reversals == []
    asked = "create_or_update_profile" if with_profile else "get_profiles"
    assert counted(account, before) == {asked: 1}


@pytest.mark.parametrize("with_profile", [True, False])
def test_who_is_subscribed_already_is_left_alone(
    klaviyo: Klaviyo, account: Account, url: str, with_profile: bool
) -> None:
    known(account, url)
    before = counted(account)
    profile = [UpsertProfile("m", Identity(ADDRESS))] if with_profile else []
    *_, result = deliver(klaviyo, *profile, Subscribe("m", ADDRESS, "L1")).results
    assert (result.outcome, result.warnings) == (Delivered(), ())
    assert counted(account, before)["bulk_subscribe_profiles"] == 0


def test_who_has_never_been_asked_is_subscribed(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, UpsertProfile("m", Identity(ADDRESS)), Subscribe("m", ADDRESS, "L1"))
    assert state(account) == "SUBSCRIBED"
    assert counted(account) == {"create_or_update_profile": 1, "bulk_subscribe_profiles": 1}


def test_a_replay_subscribes_nobody_again_and_looks_up_a_hundred_at_a_time(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    people = [f"p{n}@shop.example" for n in range(1000)]
    known(account, url, *people)
    for each in people[::2]:
        account.unsubscribe(each)
    before = counted(account)
    replay: list[Operation] = []
    for n, each in enumerate(people):
        replay += [upsert(n), Subscribe(f"m{n}", each, "L1", time="2026-01-01T00:00:00Z")]
    delivery = deliver(klaviyo, *replay)
    assert kinds(delivery) == {"Delivered": 2000}
    assert sum(OPTED_OUT in result.warnings for result in delivery.results) == 500
    assert account.reversals == []
    assert counted(account, before) == {"bulk_import_profiles": 1, "get_profiles": 10}


def test_a_look_up_that_fails_subscribes_nobody_and_comes_again(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    known(account, url)
    account.unsubscribe(ADDRESS)
    account.set_weather(Weather(endpoints=frozenset({"get_profiles"}), down=True))
    [result] = deliver(klaviyo, Subscribe("m", ADDRESS, "L1")).results
    assert isinstance(result.outcome, Retryable)
    account.set_weather()
    [later] = deliver(klaviyo, from_json(to_json(result.operation))).results
    assert later.warnings == (OPTED_OUT,)
    assert account.reversals == []


def without_consents(request: Sent) -> Any:
    """A Klaviyo that knows everybody, and does not say what they have consented to."""
    if request.path.startswith("/api/profiles?"):
        people = [{"type": "profile", "id": "P", "attributes": {"email": ADDRESS}}]
        return answer(200, {"data": people})
    if request.path == UPSERT_WITH_CONSENTS:
        return answer(200, {"data": {"type": "profile", "id": "P", "attributes": {}}})
    return klaviyo_accepts(request)


def test_an_answer_that_does_not_tell_subscribes_nobody_without_a_consent() -> None:
    klaviyo, transport = scripted(without_consents)
    steps: list[Operation] = [
        UpsertProfile("m", Identity(ADDRESS)),
        Subscribe("m", ADDRESS, "L1"),
    ]
    [_, result] = deliver(klaviyo, *steps).results
    assert result.outcome == Retryable(RetryReason.UNEXPECTED_ANSWER)
    assert SUBSCRIBE not in transport.paths
    [given] = deliver(klaviyo, Subscribe("m", ADDRESS, "L1", is_consent=True)).results
    assert given.outcome == Delivered()


def test_an_address_that_klaviyo_does_not_look_up_is_not_subscribed_without_a_consent() -> None:
    def script(request: Sent) -> Any:
        if request.path.startswith("/api/profiles?"):
            return answer(400, {"errors": [{"code": "invalid", "detail": "Invalid filter."}]})
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    [result] = deliver(klaviyo, Subscribe("m", ADDRESS, "L1")).results
    assert isinstance(result.outcome, Refused)
    assert SUBSCRIBE not in transport.paths


def test_a_subscription_that_an_earlier_release_has_queued_is_no_consent(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    known(account, url)
    account.unsubscribe(ADDRESS)
    old = from_json({"kind": "subscribe", "message_id": "m", "email": ADDRESS, "list_id": "L1"})
    [result] = deliver(klaviyo, old).results
    assert result.warnings == (OPTED_OUT,)


def test_a_second_address_tells_of_the_same_opt_out(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    known(account, url)
    account.unsubscribe(ADDRESS)
    profile = account.profiles.by_email(ADDRESS)
    assert profile is not None
    resource = {"id": profile.id, "attributes": {}}
    patch = {"patch_identifiers": {"append": {"email": ["ann@work.example"]}}}
    account.profiles.upsert({**resource, "meta": patch}, account.now)
    steps = [Subscribe("m", each, "L1") for each in ("ann@work.example", "bob@shop.example")]
    first, second = deliver(klaviyo, *steps).results
    assert (first.warnings, second.warnings) == ((OPTED_OUT,), ())


# A consent


@pytest.mark.parametrize("opts_out", OPT_OUTS[:4])
@pytest.mark.parametrize(("later", "stays_out"), [(HOUR, False), (-HOUR, True)])
@pytest.mark.parametrize("list_id", ["L1"])
def test_a_consent_removes_an_opt_out_of_before_and_no_later_one(
    klaviyo: Klaviyo,
    account: Account,
    url: str,
    opts_out: Any,
    later: timedelta,
    stays_out: bool,
    list_id: str,
) -> None:
    known(account, url)
    opts_out(account)
    step = Subscribe("m", ADDRESS, list_id, time=at(account.now + later), is_consent=True)
    [result] = deliver(klaviyo, step).results
    assert (result.outcome, OPTED_OUT in result.warnings) == (Delivered(), stays_out)
    assert len(account.reversals) == (not stays_out)


def test_a_consent_of_long_ago_counts_by_its_own_time(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    known(account, url)
    account.unsubscribe(ADDRESS)
    step = Subscribe(
        "m",
        ADDRESS,
        "L1",
        historical_import=True,
        consented_at="2024-05-01T10:00:00Z",
        time=at(account.now + HOUR),
        is_consent=True,
    )
    [result] = deliver(klaviyo, step).results
    assert result.warnings == (OPTED_OUT,)
    assert account.reversals == []


def test_of_two_channels_the_one_is_given_that_was_not_withdrawn_since(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    known(account, url)
    account.unsubscribe(ADDRESS)
    step = Subscribe("m", ADDRESS, "L1", NUMBER, time=at(account.now - HOUR), is_consent=True)
    [result] = deliver(klaviyo, step).results
    assert result.warnings == (OPTED_OUT,)
    assert result.operation == Subscribe("m", None, "L1", NUMBER, time=step.time, is_consent=True)
    assert state(account) == "UNSUBSCRIBED"


def test_a_consent_from_before_the_arrival_of_a_withdrawal_is_not_given(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    """Klaviyo dates a withdrawal by its arrival. Without a ledger nobody knows when it was said,
    and of those that have arrived Klaviyo shows the last one only."""
    known(account, url)
    sent = account.now - HOUR
    deliver(klaviyo, Unsubscribe("m", ADDRESS, None, time=at(sent)))
    later = at(sent + timedelta(seconds=5))
    [result] = deliver(klaviyo, Subscribe("m", ADDRESS, None, time=later, is_consent=True)).results
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert account.reversals == []


@pytest.mark.parametrize(("second", "stays_out"), [("37", True), ("38", True), ("39", False)])
def test_a_consent_within_the_second_of_a_withdrawal_is_not_given(
    second: str, stays_out: bool
) -> None:
    """As the examples in Klaviyo's schema of get_profiles have it: …:38+00:00."""

    def script(request: Sent) -> Any:
        if request.body is not None:
            return klaviyo_accepts(request)
        since = "2026-03-01T10:00:38+00:00"
        consent = {"consent": "UNSUBSCRIBED", "consent_timestamp": since}
        attributes = {"email": ADDRESS, "subscriptions": {"email": {"marketing": consent}}}
        return answer(200, {"data": [{"type": "profile", "id": "P", "attributes": attributes}]})

    klaviyo, _ = scripted(script)
    said = f"2026-03-01T10:00:{second}.500Z"
    [result] = deliver(klaviyo, Subscribe("m", ADDRESS, "L1", time=said, is_consent=True)).results
    assert (OPTED_OUT in result.warnings) == stays_out


# An unsubscription


def test_an_unsubscription_from_a_list_that_one_is_not_on_is_said(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    account.add_list("L2", "Offers", "single_opt_in")
    known(account, url)
    before = counted(account)
    [result] = deliver(klaviyo, Unsubscribe("m", ADDRESS, "L2")).results
    assert (result.outcome, result.warnings) == (Delivered(), (NOT_ON_LIST,))
    assert counted(account, before) == {"get_profiles_for_list": 1}
    assert state(account) == "SUBSCRIBED"


def test_the_same_unsubscription_from_a_list_is_sent_once_within_half_an_hour() -> None:
    """Klaviyo's job has not run yet; carried out twice, it would be one from everything."""
    clock = Clock()
    account = Account(clock=clock, policy=Policy(consent_seconds=600.0))
    account.add_list("L1", "Newsletter", "single_opt_in")
    with serve(account) as url:
        known(account, url)
        clock.sleep(600.0)
        klaviyo = Klaviyo(url, clock=clock, sleep=clock.sleep)
        step = Unsubscribe("m", ADDRESS, "L1", time="2026-03-01T10:00:00Z")
        other = Unsubscribe("n", ADDRESS, "L1", time="2026-03-01T10:00:01Z")
        deliver(klaviyo, step)
        [again, different] = [deliver(klaviyo, each).results[0] for each in (step, other)]
        assert again.outcome == Delivered()
        assert different.outcome == Retryable(RetryReason.WAITS_FOR_PROFILE, 1800.0, tried=False)
        clock.sleep(1800.0)
        [later] = deliver(klaviyo, other).results
    assert (later.outcome, later.warnings) == (Delivered(), (NOT_ON_LIST,))
    assert state(account) == "SUBSCRIBED"
    assert counted(account)["bulk_unsubscribe_profiles"] == 1
    assert account.withdrawn_everywhere == []


def test_who_has_left_a_list_and_still_shows_on_it_is_not_unsubscribed_again() -> None:
    """As another function finds it while Klaviyo is not done yet."""

    def script(request: Sent) -> Any:
        left = {"list_id": "L1", "reason": "UNSUBSCRIBE", "timestamp": "2026-03-01T10:00:00+00:00"}
        marketing = {"consent": "SUBSCRIBED", "list_suppressions": [left]}
        attributes = {"email": ADDRESS, "subscriptions": {"email": {"marketing": marketing}}}
        return answer(200, {"data": [{"type": "profile", "id": "P", "attributes": attributes}]})

    klaviyo, transport = scripted(script)
    [result] = deliver(klaviyo, Unsubscribe("m", ADDRESS, "L1")).results
    assert (result.outcome, result.warnings) == (Delivered(), ())
    assert len(transport.sent) == 1


@pytest.mark.parametrize("list_id", [None, "L1"])
def test_an_identify_after_an_unsubscription_that_has_not_run_yet_subscribes_nobody(
    list_id: str | None,
) -> None:
    clock = Clock()
    account = Account(clock=clock, policy=Policy(consent_seconds=600.0))
    account.add_list("L1", "Newsletter", "single_opt_in")
    with serve(account) as url:
        deliver(Klaviyo(url), upsert(0), Subscribe("m", "p0@shop.example", "L1", is_consent=True))
        clock.sleep(600.0)
        klaviyo = Klaviyo(url, clock=clock, sleep=clock.sleep)
        deliver(klaviyo, Unsubscribe("m", "p0@shop.example", list_id))
        [_, result] = deliver(klaviyo, upsert(0), Subscribe("m", "p0@shop.example", "L1")).results
        clock.sleep(1200.0)
    assert result.warnings == (OPTED_OUT,)
    assert account.reversals == []


def test_an_identify_subscribes_once_within_half_an_hour(
    klaviyo: Klaviyo, account: Account
) -> None:
    """A double opt-in list would send its confirmation message each time."""
    account.add_list("DOUBLE", "Offers", "double_opt_in")
    for _ in range(3):
        deliver(klaviyo, upsert(0), Subscribe("m", "p0@shop.example", "DOUBLE"))
    assert counted(account)["bulk_subscribe_profiles"] == 1


def test_who_withdraws_everything_is_reached_by_what_klaviyo_knows_of_them(
    klaviyo: Klaviyo, account: Account, url: str
) -> None:
    """The message names an address; the consent to SMS goes by the number."""
    known(account, url, number=NUMBER)
    before = counted(account)
    step = Unsubscribe("m", ADDRESS, None, channels=EVERY_CHANNEL)
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    profile = account.profiles.by_email(ADDRESS)
    assert profile is not None
    assert profile.consents == dict.fromkeys(EVERY_CHANNEL, "UNSUBSCRIBED")
    assert counted(account, before) == {"get_profiles": 1, "bulk_unsubscribe_profiles": 1}


def test_a_channel_that_the_account_lacks_costs_the_withdrawal_of_no_other() -> None:
    def script(request: Sent) -> Any:
        if request.body is None:
            return answer(200, {"data": []})
        if request.path == UNSUBSCRIBE and "whatsapp" in request.profiles[0]["subscriptions"]:
            pointer = "/data/attributes/profiles/data/0/attributes/subscriptions/whatsapp"
            error = {"code": "invalid", "detail": "Not set up.", "source": {"pointer": pointer}}
            return answer(400, {"errors": [error]})
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    step = Unsubscribe("m", ADDRESS, None, NUMBER, channels=EVERY_CHANNEL)
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert list(transport.sent[-1].profiles[0]["subscriptions"]) == ["email", "sms"]
