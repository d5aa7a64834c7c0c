"""Consents that Klaviyo has taken, and that come again to be noted."""

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from handler.books.last_word import Lateness, Words
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.in_order import InOrder
from klaviyo_client.results import Delivery
from ledger.allowance import Allowance
from ledger.calls import Asked, TableError
from ledger.table import Table
from local.klaviyo_stand_in import Account, Weather
from operations import Identity, Operation, Subscribe, Unsubscribe, UpsertProfile
from tests.deployment import answer_of
from tests.ledger.two_functions import (
    ADA,
    CHANGED,
    KEY,
    PEOPLE,
    Pair,
    Puts,
    at,
    consents,
    deletes,
    deliver,
    halting,
    identifies,
    marketing,
    members,
    said,
    subscribed,
    throttled,
    unable_to_claim,
    upsert,
    withdraws,
)

NUMBER = "+12025550123"


def not_noted(pair: Pair, consent: Operation) -> Operation:
    """The consent as it comes again, after Klaviyo has taken it and the table was too late to note
    that."""
    well = pair.table.requests.call
    pair.table.requests.call = Puts(pair.table, None, "TimedOut")
    [result] = deliver(pair.client("short"), consent).results
    assert result.outcome == Retryable(RetryReason.LEDGER_LATE)
    assert result.operation == replace(consent, sent_at=pair.clock())
    pair.table.requests.call = well
    pair.allowance = Allowance(30.0)
    pair.clock.skip(10)  # so that its claim has ended
    return result.operation


def not_checked(pair: Pair, withdrawal: Unsubscribe) -> Operation:
    """The withdrawal as it comes again, after a function has sent it while the table was late."""
    [result] = deliver(unable_to_claim(pair), withdrawal).results
    assert isinstance(result.outcome, Retryable)
    assert result.outcome.reason is RetryReason.LEDGER_LATE
    assert result.operation == replace(withdrawal, sent_at=pair.clock())
    pair.clock.skip(10)
    return result.operation


@pytest.mark.parametrize("consent", [consents(5, "L"), consents(5), identifies(5)])
def test_a_consent_that_could_not_be_noted_is_noted_later_and_not_sent_again(
    pair: Pair, account: Account, consent: Subscribe
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    late = not_noted(pair, consent)
    before = account.counts.total()
    assert said(deliver(pair.client("later"), late)) == ["delivered"]
    assert said(deliver(pair.client("third"), consent, late)) == ["delivered", "delivered"]
    assert account.counts.total() == before


def test_a_consent_that_was_noted_later_outdates_an_older_withdrawal(
    pair: Pair, account: Account
) -> None:
    late = not_noted(pair, consents(5, "L"))
    deliver(pair.client("later"), late)
    assert said(deliver(pair.client("third"), withdraws(3))) == ["delivered superseded"]
    assert marketing(account) == "SUBSCRIBED"


def test_a_consent_is_noted_as_of_when_it_was_sent(pair: Pair, account: Account) -> None:
    late = not_noted(pair, consents(5, "L"))
    pair.clock.skip(1801)
    later = pair.client("later")
    assert said(deliver(later, late, consents(7, "M"))) == ["delivered", "delivered"]
    assert members(account, "M") == [ADA]


def test_what_says_it_was_sent_in_the_future_is_noted_as_of_now(pair: Pair) -> None:
    """As somebody may write who edits a dead letter."""
    edited = replace(consents(5, "L"), sent_at=4e9)
    assert said(deliver(pair.one, edited)) == ["delivered"]
    pair.clock.skip(1801)
    assert said(deliver(pair.other, consents(7, "M"))) == ["delivered"]


@pytest.mark.parametrize("list_id", ["L", None])
def test_a_consent_that_an_older_withdrawal_has_undone_before_it_was_noted_is_sent_again(
    pair: Pair, account: Account, list_id: str | None
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    late = not_noted(pair, consents(5, list_id))
    assert said(deliver(pair.client("third"), withdraws(3))) == ["delivered"]
    assert said(deliver(pair.client("later"), late)) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"
    assert said(deliver(pair.client("third"), withdraws(3))) == ["delivered superseded"]


def test_a_consent_that_a_newer_withdrawal_has_ended_before_it_was_noted_stays_ended(
    pair: Pair, account: Account
) -> None:
    late = not_noted(pair, consents(5, "L"))
    deliver(pair.client("third"), withdraws(7))
    before = account.counts.total()
    assert said(deliver(pair.client("later"), late)) == ["delivered"]
    assert account.counts.total() == before
    assert marketing(account) == "UNSUBSCRIBED"
    assert said(deliver(pair.client("later"), consents(6))) == ["delivered superseded"]


def test_a_withdrawal_that_was_sent_unchecked_is_noted_later_and_not_sent_again(
    pair: Pair, account: Account
) -> None:
    """Whoever has come back at Klaviyo's own form meanwhile stays."""
    deliver(pair.one, consents(1, "L"))
    late = not_checked(pair, withdraws(5))
    account.add_subscribed(ADA, "L")
    assert said(deliver(pair.client("later"), late)) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"
    assert said(deliver(pair.client("third"), consents(3))) == ["delivered superseded"]


def test_a_withdrawal_that_an_older_consent_has_undone_before_it_was_noted_is_sent_again(
    pair: Pair, account: Account
) -> None:
    """Klaviyo's date of the withdrawal counts as that of the one that was noted."""
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(1))
    late = not_checked(pair, withdraws(5))
    assert said(deliver(pair.other, consents(3))) == ["delivered"]
    assert said(deliver(pair.client("later"), late)) == ["delivered"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_a_newer_consent_that_waited_with_an_unchecked_withdrawal_is_given(
    pair: Pair, account: Account
) -> None:
    """Though Klaviyo dates the withdrawal later: it is noted first."""
    deliver(pair.one, upsert(1, plan="x"))
    found = deliver(unable_to_claim(pair), withdraws(5), consents(7, "L"))
    assert said(found) == ["ledger_late order_not_checked", "ledger_late"]
    pair.clock.skip(40)
    again = [each.operation for each in found.results]
    assert said(deliver(pair.client("later"), *again)) == ["delivered", "delivered"]
    assert marketing(account) == "SUBSCRIBED"


def come_again(pair: Pair, *operations: Operation) -> None:
    """Deliver the operations until none of them waits."""
    for _ in range(4):
        results = deliver(pair.client(uuid.uuid4().hex), *operations).results
        operations = tuple(
            each.operation for each in results if isinstance(each.outcome, Retryable)
        )
        pair.clock.skip(10)
        if not operations:
            return
    raise AssertionError


@pytest.mark.parametrize("together", [True, False])
def test_a_withdrawal_that_an_older_consent_has_undone_that_waits_to_be_noted_is_sent_again(
    pair: Pair, account: Account, *, together: bool
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(1))
    withdrawal, consent = not_checked(pair, withdraws(5)), not_noted(pair, consents(3))
    for batch in [(withdrawal, consent)] if together else [(withdrawal,), (consent,)]:
        come_again(pair, *batch)
    assert marketing(account) == "UNSUBSCRIBED"


def test_a_consent_that_an_older_withdrawal_has_undone_that_waits_to_be_noted_is_sent_again(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    consent, withdrawal = not_noted(pair, consents(5)), not_checked(pair, withdraws(3))
    come_again(pair, consent, withdrawal)
    assert marketing(account) == "SUBSCRIBED"


@pytest.mark.parametrize(
    ("first", "meanwhile", "expected"),
    [
        (withdraws(5), consents(3), "UNSUBSCRIBED"),
        (consents(5), withdraws(3), "SUBSCRIBED"),
    ],
)
def test_what_waits_to_be_noted_waits_for_something_older_that_is_on_its_way(
    pair: Pair,
    account: Account,
    first: Subscribe | Unsubscribe,
    meanwhile: Operation,
    expected: str,
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(1))
    late = not_checked(pair, first) if isinstance(first, Unsubscribe) else not_noted(pair, first)
    found: list[Delivery] = []
    one = halting(pair, lambda: found.append(deliver(pair.client("later"), late)))
    assert said(deliver(one, meanwhile)) == ["delivered"]
    assert said(found[0]) == ["person_busy"]
    pair.clock.skip(10)
    come_again(pair, *(each.operation for each in found[0].results))
    assert marketing(account) == expected


@pytest.mark.parametrize(
    ("codes", "becomes"),
    [
        (["ThrottlingException"], "ledger_late"),
        (CHANGED, "person_busy"),
    ],
)
def test_an_older_consent_is_left_out_beside_a_withdrawal_that_cannot_be_noted_either(
    pair: Pair, account: Account, codes: list[str], becomes: str
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(1))
    late = not_checked(pair, withdraws(5))
    pair.table.requests.call = Puts(pair.table, *codes)
    found = said(deliver(pair.client("later"), late, consents(3)))
    assert found == [becomes, "delivered superseded"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_a_withdrawal_by_number_that_an_older_consent_of_both_has_undone_is_sent_again(
    pair: Pair, account: Account
) -> None:
    number = "+15005550006"
    person = UpsertProfile("m", Identity(email=ADA, phone_number=number), time=at(1))
    by_number = Unsubscribe("m", None, None, phone_number=number, time=at(1))
    deliver(pair.one, person)
    deliver(pair.one, by_number)
    late = not_checked(pair, replace(by_number, time=at(5)))
    deliver(pair.other, replace(consents(3), phone_number=number))
    come_again(pair, late)
    profile = account.profiles.by_email(ADA)
    assert profile is not None
    assert profile.consents["sms.marketing"] == "UNSUBSCRIBED"


def test_nobody_who_was_deleted_meanwhile_is_subscribed_again(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    late = not_noted(pair, consents(5))
    deliver(pair.client("third"), withdraws(3))
    deliver(pair.client("third"), deletes(9))
    pair.clock.skip(60)
    come_again(pair, late)
    assert account.profiles.by_email(ADA) is None


def test_a_consent_that_another_of_its_batch_supersedes_was_not_sent(
    pair: Pair, account: Account
) -> None:
    """So a later one need not wait."""
    deliver(pair.one, upsert(1, plan="x"))
    found = said(deliver(pair.one, consents(3, "L"), withdraws(5)))
    assert found == ["delivered superseded", "delivered"]
    pair.clock.skip(60)
    assert said(deliver(pair.other, consents(7, "M"))) == ["delivered"]
    assert members(account, "M") == [ADA]


def test_a_withdrawal_that_another_of_its_batch_supersedes_is_not_noted(
    pair: Pair, account: Account
) -> None:
    withdrawal, consent = withdraws(3), consents(5)
    late = unable_to_claim(pair, urgent={id(consent)})
    found = deliver(late, withdrawal, consent)
    assert said(found)[0] == "delivered superseded order_not_checked"
    assert found.results[0].operation is withdrawal
    assert account.counts["bulk_unsubscribe_profiles", 202] == 0


def test_what_is_sent_again_is_as_urgent_as_it_was(pair: Pair) -> None:
    """And is left out without a claim: somebody may have withdrawn since the record was read."""
    deliver(pair.one, upsert(1, plan="x"))
    late = not_noted(pair, consents(5))
    deliver(pair.client("third"), withdraws(3))
    pair.table.requests.call = Puts(pair.table, "TimedOut")
    words = Words(pair.table, PEOPLE, pair.allowance, "late", Lateness())
    client = InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent={id(late)})
    assert said(deliver(client, late)) == ["delivered opted_out order_not_checked"]


@pytest.mark.parametrize("lateness", [Lateness(), None], ids=["retry function", "webhook"])
@pytest.mark.parametrize("is_throttled_again", [False, True])
def test_a_withdrawal_that_a_throttled_table_could_not_check_comes_again(
    pair: Pair, account: Account, lateness: Lateness | None, *, is_throttled_again: bool
) -> None:
    """Until it is noted, an older consent may be given, with the date of the withdrawal before."""
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(3))
    pair.clock.skip(20)
    found = deliver(throttled(pair, lateness=lateness), withdraws(7))
    assert said(found) == ["ledger_late order_not_checked"]
    assert account.counts["bulk_unsubscribe_profiles", 202] == 2
    pair.clock.skip(20)
    if is_throttled_again:
        found = deliver(throttled(pair), found.results[0].operation)
        assert said(found) == ["ledger_late"]
    deliver(pair.other, consents(5))
    pair.clock.skip(20)
    come_again(pair, found.results[0].operation)
    assert marketing(account) == "UNSUBSCRIBED"


@pytest.mark.parametrize("subscription", [identifies(9, "L"), consents(9, "L")])
def test_what_a_throttled_table_could_not_check_and_there_was_no_time_for_comes_again_together(
    pair: Pair, account: Account, subscription: Subscribe
) -> None:
    """Otherwise the subscription came first, and alone."""
    deliver(pair.one, upsert(1, plan="x"))
    client = throttled(pair)
    results = client.deliver([withdraws(7), subscription], KEY, 0.0).results
    delays = [each.outcome.delay for each in results if isinstance(each.outcome, Retryable)]
    assert delays == [5.0, 5.0]


@pytest.mark.parametrize("is_webhook", [False, True])
@pytest.mark.parametrize("is_down", [False, True])
def test_a_subscription_that_is_busy_does_not_go_ahead_of_an_unchecked_withdrawal(
    pair: Pair, account: Account, *, is_webhook: bool, is_down: bool
) -> None:
    """The record of the address is throttled, and that of the number has changed each time."""
    deliver(pair.one, UpsertProfile("m", Identity(email=ADA, phone_number=NUMBER), time=at(1)))
    deliver(pair.one, UpsertProfile("m", Identity(phone_number=NUMBER), time=at(1)))
    account.add_subscribed(ADA, "L")
    codes = ["ThrottlingException", CHANGED[0]] * 6
    table = Table(pair.table.name, Puts(pair.table, *codes), 86_400.0)
    words = Words(table, PEOPLE, Allowance(30.0), "me", None if is_webhook else Lateness())
    client = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
    both = Subscribe("m", ADA, "M", NUMBER, time=at(6))
    account.set_weather(Weather(down=is_down))
    results = deliver(client, withdraws(5), both).results
    first, second = [each.outcome for each in results]
    assert isinstance(first, Retryable)
    assert isinstance(second, Retryable)
    assert second.reason is RetryReason.PERSON_BUSY
    assert second.delay == first.delay


def test_a_consent_is_excused_for_one_delivery(pair: Pair, account: Account) -> None:
    """A later one of the same process does not know what others have withdrawn meanwhile."""
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(3))
    klaviyo = Klaviyo(pair.url, probe_seconds=0.2)
    account.set_weather(Weather(status=400))
    deliver(pair.client("process", klaviyo), consents(5))
    account.set_weather(Weather())
    pair.clock.skip(20)
    deliver(pair.other, withdraws(7))
    found = deliver(throttled(pair, klaviyo), consents(5))
    assert said(found) == ["delivered opted_out order_not_checked"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_a_consent_without_a_claim_is_not_excused(pair: Pair, account: Account) -> None:
    """Somebody else may have withdrawn since the record was read."""
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(3))
    pair.clock.skip(20)

    def throttled_once(asked: Iterable[Asked], seconds: float) -> Any:
        for number, (operation, document) in enumerate(asked):
            if operation == "PutItem":
                deliver(pair.other, withdraws(7))
                yield number, TableError("ThrottlingException")
            else:
                yield number, answer_of(pair.table.requests.call, operation, document, seconds)

    table = Table(pair.table.name, throttled_once, 86_400.0)
    words = Words(table, PEOPLE, Allowance(5.0), "throttled", Lateness())
    deliver(InOrder(Klaviyo(pair.url), words, wall=pair.clock), consents(5))
    assert marketing(account) == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("status", "said_twice", "list_members"),
    [(503, consents(5, "L"), [ADA]), (429, withdraws(5, "L"), [])],
)
def test_what_stands_twice_in_a_batch_and_is_not_taken_is_sent_again(
    pair: Pair,
    account: Account,
    status: int,
    said_twice: Subscribe | Unsubscribe,
    list_members: list[str],
) -> None:
    """The one that was left out for the other does not count as sent."""
    if isinstance(said_twice, Unsubscribe):
        subscribed(pair)
    else:
        deliver(pair.one, upsert(1, plan="x"))
    account.set_weather(Weather(status=status))
    found = deliver(pair.one, said_twice, said_twice)
    account.set_weather(Weather())
    pair.clock.skip(60)
    again = [each.operation for each in found.results if isinstance(each.outcome, Retryable)]
    assert said(deliver(pair.other, *again)) == ["delivered"]
    assert members(account) == list_members


@pytest.mark.parametrize(
    ("codes", "is_urgent", "expected"),
    [
        (["TimedOut"], False, "ledger_late"),
        (["TimedOut"], True, "delivered order_not_checked"),
        (["ThrottlingException"], False, "delivered order_not_checked"),
        (CHANGED, False, "person_busy"),
        (CHANGED, True, "delivered order_not_checked"),
    ],
)
def test_what_cannot_be_noted_later_either_comes_again_or_is_told(
    pair: Pair, account: Account, codes: list[str], *, is_urgent: bool, expected: str
) -> None:
    late = not_noted(pair, consents(5, "L"))
    before = account.counts.total()
    pair.table.requests.call = Puts(pair.table, *codes)
    words = Words(pair.table, PEOPLE, pair.allowance, "late", Lateness())
    urgent = {id(late)} if is_urgent else set()
    client = InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent=urgent)
    delivery = deliver(client, late)
    assert said(delivery) == [expected]
    assert delivery.results[0].operation is late
    assert account.counts.total() == before


def test_a_list_is_left_once_though_it_could_not_be_noted(pair: Pair, account: Account) -> None:
    subscribed(pair)
    pair.table.requests.call = Puts(pair.table, None, "TimedOut")
    assert said(deliver(pair.client("short"), withdraws(5, "L"))) == ["delivered"]
    pair.allowance = Allowance(30.0)
    pair.clock.skip(10)
    third = pair.client("third")
    assert said(deliver(third, withdraws(5, "L"))) == ["consent_too_soon"]
    assert said(deliver(third, consents(3, "L"))) == ["delivered superseded"]
    pair.clock.skip(1801)
    assert said(deliver(third, withdraws(5, "L"))) == ["delivered not_on_list"]
    assert account.counts["bulk_unsubscribe_profiles", 202] == 1


def test_of_what_was_not_taken_nothing_is_told(pair: Pair, account: Account) -> None:
    account.set_weather(Weather(status=401))
    pair.table.requests.call = Puts(pair.table, None, "ThrottlingException")
    assert said(deliver(pair.one, consents(5, "L"))) == ["unauthorized"]


@pytest.mark.parametrize("trouble", ["ThrottlingException", "AccessDeniedException", "URLError"])
def test_two_that_could_not_check_an_unsubscription_from_a_list_do_not_make_it_one_from_everything(
    pair: Pair, account: Account, trouble: str
) -> None:
    subscribed(pair)
    copies = [deliver(throttled(pair, trouble=trouble), withdraws(7, "L")) for _ in range(2)]
    assert [said(each) for each in copies] == [["ledger_late"], ["ledger_late"]]
    again = [each.results[0].operation for each in copies]
    assert [said(deliver(pair.client(f"{n}"), each)) for n, each in enumerate(again)] == [
        ["delivered"],
        ["delivered"],
    ]
    pair.clock.skip(10)
    assert (members(account), marketing(account)) == ([], "SUBSCRIBED")
    assert account.withdrawn_everywhere == []


def test_an_urgent_unsubscription_from_a_list_is_sent_unchecked(
    pair: Pair, account: Account
) -> None:
    subscribed(pair)
    leaving = withdraws(7, "L")
    client = InOrder(
        Klaviyo(pair.url),
        Words(pair.table, PEOPLE, Allowance(0.0), "late", Lateness()),
        wall=pair.clock,
        urgent={id(leaving)},
    )
    assert said(deliver(client, leaving)) == ["delivered order_not_checked"]
    pair.clock.skip(10)
    assert members(account) == []


@pytest.mark.parametrize(
    ("subscription", "waits"),
    [
        (consents(9, "L"), True),
        (consents(5, "L"), True),
        (identifies(9, "L"), True),
        (consents(9, "M"), False),
        (consents(9), False),
    ],
)
def test_a_subscription_does_not_overtake_an_unsubscription_from_its_list_that_waits(
    pair: Pair, subscription: Subscribe, *, waits: bool
) -> None:
    subscribed(pair)
    results = deliver(throttled(pair), withdraws(7, "L"), subscription).results
    found = [isinstance(each.outcome, Retryable) for each in results]
    assert found == [True, waits]
