"""An identify and an opt-out that another function has just sent: Klaviyo does not show it yet."""

from datetime import UTC, datetime

import pytest

from local.klaviyo_stand_in import Account, Policy
from operations import Operation, Subscribe, Unsubscribe
from tests.ledger.two_functions import (
    ADA,
    KEY,
    Clock,
    Pair,
    consents,
    deletes,
    deliver,
    identifies,
    marketing,
    members,
    said,
    subscribed,
    upsert,
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


@pytest.mark.parametrize("opts_out", [withdraws(5), withdraws(5, "L")])
def test_an_identify_does_not_subscribe_whose_opt_out_klaviyo_does_not_show_yet(
    pair: Pair, account: Account, opts_out: Unsubscribe
) -> None:
    subscribed(pair)
    assert said(deliver(pair.other, opts_out)) == ["delivered"]
    before = account.counts.total()
    assert said(deliver(pair.client("third"), identifies(7))) == ["delivered opted_out"]
    assert account.counts.total() == before


def test_half_an_hour_later_klaviyo_is_asked(pair: Pair, account: Account) -> None:
    subscribed(pair)
    deliver(pair.one, withdraws(5))
    account.add_subscribed(ADA, "L")
    pair.clock.skip(1801)
    before = account.counts.total()
    assert said(deliver(pair.other, identifies(7))) == ["delivered opted_out"]
    assert account.counts.total() > before


def test_an_opt_out_on_one_channel_leaves_the_other_to_an_identify(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    by_sms = Unsubscribe("m", ADA, None, NUMBER, time="2026-01-01T00:00:05Z", channels=(SMS,))
    assert said(deliver(pair.one, by_sms)) == ["delivered"]
    both = Subscribe("m", ADA, "L", NUMBER, time="2026-01-01T00:00:07Z")
    assert said(deliver(pair.other, both)) == ["delivered opted_out"]
    pair.clock.skip(60)
    assert (members(account), marketing(account)) == ([ADA], "SUBSCRIBED")


@pytest.mark.parametrize("resumes", [consents(6), deletes(6)])
def test_who_has_come_back_since_is_not_left_out(
    pair: Pair, account: Account, resumes: Operation
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(5))
    pair.clock.skip(61)
    deliver(pair.one, resumes)
    pair.clock.skip(61)
    assert "opted_out" not in said(deliver(pair.client("third"), identifies(7)))[0]
