"""An identify and an opt-out that another function has just sent: Klaviyo does not show it yet."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from local.klaviyo_stand_in import Account, Policy
from operations import Identity, Operation, Subscribe, Unsubscribe, UpsertProfile
from operations.channels import EVERY_CHANNEL
from tests.ledger.two_functions import (
    ADA,
    KEY,
    Clock,
    Pair,
    at,
    consents,
    deletes,
    deliver,
    members,
    said,
    withdraws,
)

SMS = "sms.marketing"
NUMBER = "+12025550123"


@pytest.fixture
def account(clock: Clock) -> Account:
    """One that carries a consent out a minute after accepting it."""
    account = Account(
        keys={KEY},
        policy=Policy(default_opt_in="single_opt_in", consent_seconds=60.0),
        clock=clock.passing,
        started_at=datetime.fromtimestamp(clock.now, UTC),
    )
    account.add_list("L", "Newsletter", "single_opt_in")
    return account


def known(pair: Pair, account: Account) -> None:
    """Ada has an address and a number, and has been on the list for long."""
    deliver(pair.one, UpsertProfile("m", Identity(email=ADA, phone_number=NUMBER), time=at(1)))
    account.add_subscribed(ADA, "L")


def identifies(second: float, list_id: str = "L") -> Subscribe:
    return Subscribe("m", ADA, list_id, NUMBER, time=at(second))


@pytest.mark.parametrize(
    "opts_out",
    [
        [Unsubscribe("m", ADA, None, NUMBER, time=at(5))],
        [Unsubscribe("m", ADA, None, time=at(5), channels=EVERY_CHANNEL)],
        [Unsubscribe("m", ADA, "L", time=at(5))],
        [Unsubscribe("m", None, "L", NUMBER, time=at(5)), Unsubscribe("m", ADA, "L", time=at(5))],
        [withdraws(5), Unsubscribe("m", None, None, NUMBER, time=at(6))],
    ],
)
def test_an_identify_does_not_subscribe_whose_opt_out_klaviyo_does_not_show_yet(
    pair: Pair, account: Account, opts_out: list[Unsubscribe]
) -> None:
    known(pair, account)
    assert said(deliver(pair.other, *opts_out))[0].startswith("delivered")
    before = account.counts.total()
    assert said(deliver(pair.client("third"), identifies(7))) == ["delivered opted_out"]
    assert account.counts.total() == before


def test_half_an_hour_later_klaviyo_is_asked(pair: Pair, account: Account) -> None:
    known(pair, account)
    deliver(pair.one, withdraws(5))
    pair.clock.skip(1801)
    before = account.counts.total()
    assert "opted_out" in said(deliver(pair.other, identifies(7)))[0]
    assert account.counts.total() > before


@pytest.mark.parametrize("channels", [(), (SMS,)])
def test_of_whom_one_channel_is_withdrawn_waits_until_klaviyo_shows_which(
    pair: Pair, account: Account, channels: tuple[str, ...]
) -> None:
    """Also where the message did not name the number that the channel goes by."""
    deliver(pair.one, UpsertProfile("m", Identity(email=ADA, phone_number=NUMBER), time=at(1)))
    by_sms = Unsubscribe("m", None if not channels else ADA, None, None, time=at(5))
    by_sms = replace(by_sms, phone_number=None if channels else NUMBER, channels=channels)
    assert said(deliver(pair.one, by_sms)) == ["delivered"]
    pair.clock.skip(10)
    found = deliver(pair.client("third"), identifies(7))
    assert said(found) == ["consent_too_soon"]
    pair.clock.skip(1801)
    assert said(deliver(pair.client("fourth"), identifies(7))) == ["delivered opted_out"]
    pair.clock.skip(61)
    profile = account.profiles.by_email(ADA)
    assert profile is not None
    consents_ = {name: profile.consents.get(name) for name in ("email.marketing", SMS)}
    assert consents_ == {"email.marketing": "SUBSCRIBED", SMS: "UNSUBSCRIBED"}
    assert members(account) == [ADA]


@pytest.mark.parametrize(
    ("opts_out", "resumes"),
    [
        (withdraws(5), consents(6)),
        (withdraws(5), deletes(6)),
        (
            Unsubscribe("m", None, None, NUMBER, time=at(5)),
            Subscribe("m", None, None, NUMBER, time=at(6), is_consent=True),
        ),
    ],
)
def test_who_has_come_back_since_is_not_left_out(
    pair: Pair, account: Account, opts_out: Unsubscribe, resumes: Operation
) -> None:
    deliver(pair.one, UpsertProfile("m", Identity(email=ADA, phone_number=NUMBER), time=at(1)))
    deliver(pair.one, opts_out)
    pair.clock.skip(61)
    deliver(pair.one, resumes)
    pair.clock.skip(61)
    one = replace(identifies(7), **{"phone_number" if opts_out.email else "email": None})
    assert "opted_out" not in said(deliver(pair.client("third"), one))[0]


def test_what_was_subscribed_a_short_time_ago_is_a_repeat_on_every_channel(
    pair: Pair, account: Account
) -> None:
    """Also if one of them is withdrawn since: nobody gets a second letter on the other."""
    deliver(pair.one, Subscribe("m", ADA, "L", NUMBER, time=at(1), is_consent=True))
    pair.clock.skip(10)
    deliver(pair.other, withdraws(5))
    before = account.counts.total()
    assert said(deliver(pair.client("third"), identifies(7))) == ["delivered"]
    assert said(deliver(pair.client("third"), identifies(7, "M"))) == ["consent_too_soon"]
    assert account.counts.total() == before
