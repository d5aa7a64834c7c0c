"""Two functions on one account and one table, on moto's server and the stand-in Klaviyo: the last
word about a person wins, and what may be done once is done once."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from handler.books.last_word import Lateness, Words
from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Retryable,
    RetryReason,
    waiting_for,
)
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.in_order import InOrder
from klaviyo_client.judged_results import CONTENDED
from klaviyo_client.people.claims import Written
from klaviyo_client.results import Delivery
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.calls import Asked, TableError
from ledger.table import Table
from ledger.values import marshalled
from local.klaviyo_stand_in import Account, Faults, Weather
from operations import (
    AddToList,
    CreateEvent,
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from tests.ledger.two_functions import (
    ADA,
    CHANGED,
    KEY,
    PEOPLE,
    Halting,
    Pair,
    Puts,
    at,
    consents,
    deletes,
    deliver,
    halting,
    identifies,
    joins,
    leaves,
    marketing,
    members,
    properties,
    said,
    subscribed,
    unable_to_claim,
    upsert,
    withdraws,
)

# Traits


def test_an_older_upsert_goes_without_what_a_newer_one_has_set(
    pair: Pair, account: Account
) -> None:
    assert said(deliver(pair.one, upsert(9, plan="new", x=1))) == ["delivered"]
    late = deliver(pair.other, upsert(5, plan="old", colour="red"))
    assert said(late) == ["delivered older_parts_left_out"]
    assert properties(account) == {"plan": "new", "x": 1, "colour": "red"}


def test_an_older_upsert_of_which_nothing_is_left_is_not_sent(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(9, plan="new"))
    before = account.counts.total()
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered superseded"]
    assert account.counts.total() == before


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(5, 5.5), (5.25, 5.5), (5.999, 6), (5.000001, 5.000002)],
)
def test_times_compare_as_times(pair: Pair, account: Account, earlier: float, later: float) -> None:
    deliver(pair.one, upsert(later, plan="new"))
    deliver(pair.other, upsert(earlier, plan="old"))
    assert properties(account) == {"plan": "new"}


def test_a_repeat_is_sent_again(pair: Pair) -> None:
    deliver(pair.one, upsert(5, plan="x"))
    assert said(deliver(pair.other, upsert(5, plan="x"))) == ["delivered"]


def test_a_batch_out_of_order_is_put_in_order(pair: Pair, account: Account) -> None:
    found = said(deliver(pair.one, upsert(9, plan="new"), upsert(5, plan="old", x=1)))
    assert found == ["delivered", "delivered"]
    assert properties(account) == {"plan": "new", "x": 1}


def test_people_meet_by_each_name_that_an_operation_has(pair: Pair, account: Account) -> None:
    both = Identity(email=ADA, external_id="7")
    deliver(pair.one, UpsertProfile("m", both, properties={"plan": "new"}, time=at(9)))
    by_id = UpsertProfile("m", Identity(external_id="7"), properties={"plan": "old"}, time=at(5))
    assert said(deliver(pair.other, by_id)) == ["delivered superseded"]
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered superseded"]


def person(second: float, address: str, **traits: Any) -> UpsertProfile:
    both = Identity(email=address, external_id="7")
    return UpsertProfile("m", both, properties=traits, time=at(second))


def test_an_id_that_several_people_share_outdates_nobodys_traits(
    pair: Pair, account: Account
) -> None:
    """The newer one keeps the id, as a changed address keeps its person."""
    bob = "bob@acme-store.example"
    assert said(deliver(pair.one, person(9, ADA, plan="new"))) == ["delivered"]
    late = deliver(pair.other, person(5, bob, plan="old"))
    assert said(late) == ["delivered older_parts_left_out"]
    assert (properties(account), properties(account, bob)) == ({"plan": "new"}, {"plan": "old"})
    profile = account.profiles.by_email(ADA)
    assert profile is not None
    assert profile.external_id == "7"
    assert said(deliver(pair.other, person(5, ADA, plan="old"))) == ["delivered superseded"]


def test_what_has_no_time_is_sent_as_it_is(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(9, plan="new"))
    timeless = UpsertProfile("m", Identity(email=ADA), properties={"plan": "?"})
    assert said(deliver(pair.other, timeless)) == ["delivered"]
    assert properties(account) == {"plan": "?"}


def test_events_are_never_asked_about(pair: Pair) -> None:
    event = CreateEvent("m", Identity(email=ADA), "Viewed", "m-1", time=at(5))
    words = pair.client("one")
    pair.allowance.fail("before", 1)
    assert said(deliver(words, event)) == ["delivered"]
    assert pair.table.query(item_keys.person(PEOPLE.hash("email", ADA)), Allowance(30.0)) == (
        [],
        True,
    )


# What failed is not counted as said


def test_what_klaviyo_refuses_does_not_count(pair: Pair, account: Account) -> None:
    account.set_weather(Weather(refuse_items="pointer"))
    poison = upsert(9, plan="new", poison=True)
    assert said(deliver(pair.one, poison)) == ["Refused"]
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered"]
    assert properties(account) == {"plan": "old"}


def test_what_has_failed_does_not_count(pair: Pair, account: Account) -> None:
    account.set_weather(Weather(status=401))
    assert said(deliver(pair.one, upsert(9, plan="new"))) == ["unauthorized"]
    account.set_weather()
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered"]
    assert said(deliver(pair.other, upsert(9, plan="new"))) == ["delivered"]
    assert properties(account) == {"plan": "new"}


def test_after_a_cut_nobody_says_anything_until_the_request_can_land_no_more(
    pair: Pair, account: Account
) -> None:
    account.set_weather(Weather(faults=Faults(seed=1, p_cut_before=1.0)))
    assert said(deliver(pair.one, upsert(5, plan="old"))) == ["connection_failed"]
    account.set_weather()
    assert said(deliver(pair.other, upsert(9, plan="new"))) == ["person_busy"]
    pair.clock.skip(11)
    assert said(deliver(pair.other, upsert(9, plan="new"))) == ["delivered"]
    assert said(deliver(pair.one, upsert(5, plan="old"))) == ["delivered superseded"]


def test_a_later_part_of_a_batch_that_is_refused_leaves_out_nothing(
    pair: Pair, account: Account
) -> None:
    account.set_weather(Weather(refuse_items="pointer"))
    batch = (upsert(9, plan="new", poison=True), upsert(5, plan="old"))
    assert said(deliver(pair.one, *batch)) == ["Refused", "delivered"]
    assert properties(account) == {"plan": "old"}


def test_what_was_tried_in_vain_and_refused_later_leaves_out_nothing(
    pair: Pair, account: Account
) -> None:
    account.set_weather(Weather(faults=Faults(seed=1, p_cut_before=1.0)))
    newer = upsert(9, plan="new", poison=True)
    assert said(deliver(pair.one, newer)) == ["connection_failed"]
    pair.clock.skip(11)
    account.set_weather(Weather(refuse_items="pointer"))
    assert said(deliver(pair.one, newer)) == ["Refused"]
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered"]


def test_what_an_import_job_refuses_later_leaves_out_nothing(pair: Pair, account: Account) -> None:
    account.set_weather(Weather(refuse_items="import"))
    people = [f"p{number}@acme-store.example" for number in range(10)]
    batch = [upsert(5, each, plan="x", poison=each[1] == "3") for each in people]
    imported = deliver(pair.one, *batch)
    assert said(imported) == ["delivered"] * 10
    checked = deliver(pair.one, *imported.follow_ups)
    assert [result.operation for result in checked.import_failures] == [batch[3]]
    assert said(deliver(pair.other, upsert(3, people[3], plan="older"))) == ["delivered"]
    assert said(deliver(pair.other, upsert(3, people[4], plan="older"))) == ["delivered superseded"]


def test_a_clock_that_is_ahead_outdates_nothing_that_comes_later(
    pair: Pair, account: Account
) -> None:
    ahead = UpsertProfile("m", Identity(email=ADA), properties={"plan": "2099"}, time="2099-01-01")
    assert said(deliver(pair.one, ahead)) == ["delivered"]
    pair.clock.skip(60)
    on_time = replace(ahead, properties={"plan": "on time"}, time="2027-01-15T08:00:30Z")
    assert said(deliver(pair.other, on_time)) == ["delivered"]
    assert properties(account) == {"plan": "on time"}
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered superseded"]


# Two at once


def test_while_an_older_value_is_on_its_way_a_newer_one_waits(pair: Pair, account: Account) -> None:
    found: list[Delivery] = []
    newer = upsert(9, plan="new")
    older = halting(pair, lambda: found.append(deliver(pair.other, newer)))
    assert said(deliver(older, upsert(5, plan="old"))) == ["delivered"]
    assert said(found[0]) == ["person_busy"]
    assert said(deliver(pair.other, newer)) == ["delivered"]
    assert properties(account) == {"plan": "new"}


def test_while_a_newer_value_is_on_its_way_an_older_one_waits(pair: Pair, account: Account) -> None:
    found: list[Delivery] = []
    older = upsert(5, plan="old")
    newer = halting(pair, lambda: found.append(deliver(pair.other, older)))
    deliver(newer, upsert(9, plan="new"))
    assert said(found[0]) == ["person_busy"]
    assert said(deliver(pair.other, older)) == ["delivered superseded"]


class Overtaken(Words):
    """Something happens before the first claim is written."""

    def __init__(self, pair: Pair, meanwhile: Callable[[], Any]) -> None:
        super().__init__(pair.table, PEOPLE, pair.allowance, "overtaken")
        self._meanwhile = [meanwhile]

    def write(self, *records: Any, **options: Any) -> Written:
        if self._meanwhile:
            self._meanwhile.pop()()
        return super().write(*records, **options)


def test_a_claim_that_is_tried_again_keeps_what_was_claimed_before(pair: Pair) -> None:
    found: list[Delivery] = []
    by_id = UpsertProfile("m", Identity(external_id="7"), properties={"x": 1}, time=at(5))
    transport = Halting(
        pair.url, lambda: found.append(deliver(pair.other, upsert(9, colour="new")))
    )
    overtaken = InOrder(
        Klaviyo(pair.url, transport=transport),
        Overtaken(pair, lambda: deliver(pair.other, by_id)),
        wall=pair.clock,
    )
    batch = (upsert(5, colour="old"), person(5, ADA, plan="x"))
    assert said(deliver(overtaken, *batch)) == ["delivered", "delivered"]
    assert said(found[0]) == ["person_busy"]


def test_other_traits_and_repeats_do_not_wait(pair: Pair) -> None:
    found: list[Delivery] = []
    first = upsert(5, plan="x")
    others = (first, upsert(9, colour="red"))
    one = halting(pair, lambda: found.extend(deliver(pair.other, each) for each in others))
    deliver(one, first)
    assert [said(each) for each in found] == [["delivered"], ["delivered"]]


def test_what_waits_takes_along_what_is_about_its_person(pair: Pair) -> None:
    found: list[Delivery] = []
    batch = (
        upsert(9, plan="new"),
        AddToList("m", Identity(email=ADA), "L", time=at(9)),
        CreateEvent("m", Identity(email=ADA), "Viewed", "m-9", time=at(9)),
        upsert(9, "bob@acme-store.example", plan="new"),
    )
    one = halting(pair, lambda: found.append(deliver(pair.other, *batch)))
    deliver(one, upsert(5, plan="old"))
    assert said(found[0]) == ["person_busy", "person_busy", "delivered", "delivered"]


def test_what_was_taken_counts_though_somebody_has_claimed_another_trait(
    pair: Pair, account: Account
) -> None:
    one = halting(pair, lambda: deliver(pair.other, upsert(5, colour="red")))
    deliver(one, upsert(9, plan="new"))
    assert said(deliver(pair.other, upsert(7, plan="old"))) == ["delivered superseded"]


def test_who_ends_a_claim_leaves_that_of_another(pair: Pair, account: Account) -> None:
    found: list[Delivery] = []

    def meanwhile() -> None:
        deliver(pair.one, upsert(5, colour="red"))
        found.append(deliver(pair.other, upsert(7, plan="newer")))

    deliver(halting(pair, meanwhile), upsert(5, plan="old"))
    assert said(found[0]) == ["person_busy"]
    assert said(deliver(pair.other, upsert(7, plan="newer"))) == ["delivered"]


class Killed(BaseException):
    """Lambda ends the function."""


def killed(pair: Pair, operation: Operation) -> None:
    """A function claims, and is ended before Klaviyo hears of it."""

    def end() -> None:
        raise Killed

    with pytest.raises(Killed):
        deliver(pair.client("killed", Claiming(pair.url, end)), operation)


class Claiming(Klaviyo):
    """Something happens in the place of the delivery."""

    def __init__(self, url: str, instead: Callable[[], None]) -> None:
        super().__init__(url)
        self._instead = instead

    def deliver(self, *_: Any) -> Delivery:
        self._instead()
        raise AssertionError


def test_a_claim_runs_out_and_has_said_nothing(pair: Pair, account: Account) -> None:
    killed(pair, upsert(9, plan="never came"))
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["person_busy"]
    pair.clock.skip(7)
    assert said(deliver(pair.other, upsert(5, plan="old"))) == ["delivered"]
    assert properties(account) == {"plan": "old"}


def test_the_last_word_wins_whoever_races(pair: Pair, account: Account) -> None:
    """Four functions send the same people's values in any order, until all are taken."""
    pair.allowance = Allowance(3_600.0)  # for all calls of all four
    people = [f"{uuid.uuid4().hex}@acme-store.example" for _ in range(30)]
    lock = threading.Lock()
    left = [upsert(second, address, step=second) for second in range(6) for address in people]
    left.sort(key=lambda operation: hash((operation.time, operation.identity.email)))

    def work(number: int) -> None:
        client = pair.client(f"client-{number}")
        while True:
            with lock:
                batch, left[:] = left[:20], left[20:]
            if not batch:
                return
            delivery = deliver(client, *batch)
            with lock:
                left.extend(
                    each.operation
                    for each in delivery.results
                    if isinstance(each.outcome, Retryable)
                    and isinstance(each.operation, UpsertProfile)
                )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(9)
    assert not pair.allowance.failures
    steps = {address: properties(account, address)["step"] for address in people}
    assert steps == dict.fromkeys(people, 5)


# Lists and consents


def test_an_older_step_on_a_list_is_superseded(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    assert said(deliver(pair.one, leaves(9))) == ["delivered"]
    assert said(deliver(pair.other, joins(5))) == ["delivered superseded"]
    assert members(account) == []
    assert said(deliver(pair.other, joins(12))) == ["delivered"]
    assert said(deliver(pair.one, leaves(11))) == ["delivered superseded"]
    assert members(account) == [ADA]


def imports(number: float, list_id: str = "L") -> Subscribe:
    """A consent of before, in a message of this time."""
    return replace(consents(number, list_id), historical_import=True, consented_at=at(5))


@pytest.mark.parametrize("older", [consents(5), consents(5, "L"), identifies(5), imports(12)])
def test_no_older_subscription_undoes_an_opt_out(
    pair: Pair, account: Account, older: Subscribe
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(9))
    assert said(deliver(pair.other, older)) == ["delivered superseded"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_who_has_withdrawn_since_a_consent_of_before_has_the_last_word(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, imports(12))
    assert said(deliver(pair.other, withdraws(9))) == ["delivered"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_an_old_consent_on_its_way_holds_up_another_one_and_a_withdrawal(
    pair: Pair, account: Account
) -> None:
    found: list[Delivery] = []

    def meanwhile() -> None:
        found.append(deliver(pair.other, imports(13, "M")))
        found.append(deliver(pair.other, withdraws(9)))

    assert said(deliver(halting(pair, meanwhile), imports(12))) == ["delivered"]
    assert [said(each) for each in found] == [["person_busy"], ["person_busy"]]
    assert said(deliver(pair.other, withdraws(9))) == ["delivered"]
    assert marketing(account) == "UNSUBSCRIBED"


def test_a_step_on_a_list_is_compared_with_an_old_consent_by_their_messages(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, leaves(8))
    assert said(deliver(pair.other, imports(12))) == ["delivered"]
    assert said(deliver(pair.one, leaves(10))) == ["delivered superseded"]
    assert members(account) == [ADA]


def test_who_was_deleted_and_is_imported_again_is_subscribed(pair: Pair, account: Account) -> None:
    deliver(pair.one, imports(12))
    pair.clock.skip(1)
    deliver(pair.one, deletes(20))
    pair.clock.skip(1)
    assert said(deliver(pair.other, imports(30))) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"


def test_an_older_opt_out_does_not_undo_a_fresh_consent(pair: Pair, account: Account) -> None:
    deliver(pair.one, consents(9))
    assert said(deliver(pair.other, withdraws(5))) == ["delivered superseded"]
    assert marketing(account) == "SUBSCRIBED"


def test_who_has_just_been_subscribed_cannot_leave_yet(pair: Pair) -> None:
    deliver(pair.one, consents(1, "L"))
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["consent_too_soon"]


def test_a_list_is_left_once_within_half_an_hour(pair: Pair, account: Account) -> None:
    subscribed(pair)
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["delivered"]
    before = account.counts.total()
    assert said(deliver(pair.one, withdraws(5, "L"))) == ["delivered"]
    assert said(deliver(pair.one, withdraws(7, "L"))) == ["consent_too_soon"]
    assert account.counts.total() == before
    pair.clock.skip(1801)
    third = pair.client("third")
    assert said(deliver(third, withdraws(7, "L"))) == ["delivered not_on_list"]
    assert account.counts[("bulk_unsubscribe_profiles", 202)] == 1


def test_who_is_not_on_a_list_holds_up_no_copy_of_the_unsubscription(
    pair: Pair, account: Account
) -> None:
    """Segment may have sent it several times: not each of them waits for half an hour more."""
    deliver(pair.one, upsert(1, plan="x"))
    for client in (pair.one, pair.other, pair.client("third")):
        assert said(deliver(client, withdraws(5, "L"))) == ["delivered not_on_list"]


def test_nobody_leaves_a_list_twice_at_the_same_moment(pair: Pair, account: Account) -> None:
    subscribed(pair)
    found: list[Delivery] = []
    one = halting(pair, lambda: found.append(deliver(pair.other, withdraws(5, "L"))))
    assert said(deliver(one, withdraws(5, "L"))) == ["delivered"]
    assert said(found[0]) == ["consent_too_soon"]
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["delivered"]
    assert account.counts[("bulk_unsubscribe_profiles", 202)] == 1


def test_a_list_unsubscription_that_did_not_go_out_is_not_held_up(
    pair: Pair, account: Account
) -> None:
    subscribed(pair)
    account.set_weather(Weather(status=401))
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["unauthorized"]
    account.set_weather()
    assert said(deliver(pair.client("third"), withdraws(5, "L"))) == ["delivered"]


def test_a_list_unsubscription_without_an_answer_waits_for_half_an_hour(
    pair: Pair, account: Account
) -> None:
    subscribed(pair)
    jobs = frozenset({"bulk_unsubscribe_profiles"})
    account.set_weather(Weather(endpoints=jobs, faults=Faults(seed=1, p_cut_after=1.0)))
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["connection_failed"]
    account.set_weather()
    pair.clock.skip(11)
    third = pair.client("third")
    assert said(deliver(third, withdraws(5, "L"))) == ["consent_too_soon"]
    pair.clock.skip(1801)
    assert said(deliver(third, withdraws(5, "L"))) == ["delivered not_on_list"]


def test_a_list_unsubscription_whose_look_up_had_no_answer_was_not_sent(
    pair: Pair, account: Account
) -> None:
    subscribed(pair)
    account.set_weather(Weather(faults=Faults(seed=1, p_cut_before=1.0)))
    assert said(deliver(pair.other, withdraws(5, "L"))) == ["connection_failed"]
    account.set_weather()
    pair.clock.skip(11)
    assert said(deliver(pair.client("third"), withdraws(5, "L"))) == ["delivered"]


def test_a_subscription_waits_within_half_an_hour_of_another(pair: Pair, account: Account) -> None:
    assert said(deliver(pair.one, consents(5, "L"))) == ["delivered"]
    assert said(deliver(pair.other, consents(7, "M"))) == ["consent_too_soon"]
    assert said(deliver(pair.other, consents(5, "L"))) == ["delivered"]
    pair.clock.skip(1801)
    assert said(deliver(pair.other, consents(7, "M"))) == ["delivered"]
    assert members(account, "M") == [ADA]


def test_who_has_just_been_subscribed_is_not_subscribed_by_each_identify(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, identifies(5))
    before = account.counts.total()
    assert said(deliver(pair.other, identifies(7))) == ["delivered"]
    assert account.counts.total() == before


def test_a_fresh_consent_is_given_though_klaviyo_dates_our_withdrawal_later(
    pair: Pair, account: Account
) -> None:
    """Klaviyo dates an opt-out by when it came; what we have sent ourselves, we date by its
    message, whichever function has sent it."""
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(5))
    assert said(deliver(pair.other, consents(9, "L"))) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"


def test_whoever_opts_out_at_klaviyo_stays_so(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(5))
    pair.clock.skip(1801)
    account.unsubscribe(ADA)
    assert said(deliver(pair.other, consents(9, "L"))) == ["delivered opted_out"]


def test_a_withdrawal_without_an_answer_is_ours_as_well(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    jobs = frozenset({"bulk_unsubscribe_profiles"})
    account.set_weather(Weather(endpoints=jobs, faults=Faults(seed=1, p_cut_after=1.0)))
    assert said(deliver(pair.one, withdraws(5))) == ["connection_failed"]
    account.set_weather()
    pair.clock.skip(11)
    assert said(deliver(pair.other, consents(9, "L"))) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"


def test_so_is_one_after_which_the_function_was_ended(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))

    def taken() -> None:
        account.unsubscribe(ADA)
        raise Killed

    with pytest.raises(Killed):
        deliver(pair.client("killed", Claiming(pair.url, taken)), withdraws(5))
    pair.clock.skip(11)
    assert said(deliver(pair.other, consents(9, "L"))) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"


def test_our_withdrawal_stays_ours_however_late_a_consent_of_before_comes(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, withdraws(5))
    pair.clock.skip(86_400)
    assert said(deliver(pair.other, consents(9, "L"))) == ["delivered"]
    assert marketing(account) == "SUBSCRIBED"


SMS = "sms.marketing"
NUMBER = "+12025550123"


def test_a_consent_on_another_channel_is_no_repeat(pair: Pair) -> None:
    deliver(pair.one, consents(9, "L"))
    by_sms = Subscribe(
        "m", ADA, "L", phone_number=NUMBER, time=at(5), channels=(SMS,), is_consent=True
    )
    assert said(deliver(pair.other, by_sms)) == ["consent_too_soon"]


def test_who_leaves_a_list_on_one_channel_can_leave_it_on_another(pair: Pair) -> None:
    subscribed(pair)
    assert said(deliver(pair.other, withdraws(9, "L"))) == ["delivered"]
    by_sms = Unsubscribe("m", ADA, "L", phone_number=NUMBER, time=at(5), channels=(SMS,))
    assert said(deliver(pair.one, by_sms)) == ["consent_too_soon"]


def test_a_subscription_that_was_left_out_has_said_nothing(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    deliver(pair.one, AddToList("m", Identity(email=ADA), "L", time=at(2)))
    account.unsubscribe(ADA)
    assert said(deliver(pair.one, identifies(9))) == ["delivered opted_out"]
    assert said(deliver(pair.other, leaves(5))) == ["delivered"]
    assert members(account) == []


def test_an_opt_out_that_klaviyo_has_not_taken_stops_an_older_consent(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    account.set_weather(Weather(status=401))
    assert said(deliver(pair.one, withdraws(9))) == ["unauthorized"]
    account.set_weather()
    assert said(deliver(pair.other, consents(5))) == ["delivered superseded"]


def test_a_consent_that_klaviyo_has_not_taken_stops_no_opt_out(
    pair: Pair, account: Account
) -> None:
    deliver(pair.one, consents(1))
    pair.clock.skip(1801)
    account.set_weather(Weather(status=401))
    assert said(deliver(pair.one, consents(9))) == ["unauthorized"]
    account.set_weather()
    assert said(deliver(pair.other, withdraws(5))) == ["delivered"]
    assert marketing(account) == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("last", "reason"), [("deletion", "person_busy"), ("merge", "waits_for_profile")]
)
def test_a_deletion_does_not_go_ahead_of_what_has_to_wait(
    pair: Pair, last: str, reason: str
) -> None:
    """What came after it would bring the person back."""
    ada, new = Identity(email=ADA), Identity(external_id="7")
    ends: dict[str, Operation] = {
        "deletion": DeleteProfile("m", ada, time=at(6)),
        "merge": MergeProfiles("m", new, ada, time=at(6)),
    }
    found: list[Delivery] = []
    batch = (
        upsert(5, plan="new"),
        ends[last],
        CreateEvent("m", ada, "Came back", "m-7", time=at(7)),
        upsert(5, "bob@acme-store.example", plan="new"),
    )
    one = halting(pair, lambda: found.append(deliver(pair.other, *batch)))
    deliver(one, upsert(4, plan="old"))
    assert said(found[0]) == ["person_busy", reason, "waits_for_profile", "delivered"]


def test_a_deletion_waits_for_a_consent_that_comes_too_soon(pair: Pair) -> None:
    deliver(pair.one, consents(1, "L"))
    batch = (consents(5, "M"), DeleteProfile("m", Identity(email=ADA), time=at(6)))
    assert said(deliver(pair.other, *batch)) == ["consent_too_soon", "waits_for_profile"]


# The table fails


def test_what_there_is_no_time_to_ask_about_comes_again(pair: Pair, account: Account) -> None:
    deliver(pair.one, upsert(9, plan="new"))
    pair.allowance = Allowance(0.0)
    late = pair.client("late")
    batch = (upsert(5, plan="old"), CreateEvent("m", Identity(email=ADA), "Viewed", "m-9"))
    assert said(deliver(late, *batch)) == ["ledger_late", "delivered"]
    assert properties(account) == {"plan": "new"}
    assert pair.allowance.failures


def test_what_a_process_with_little_time_could_not_check_soon_comes_again(pair: Pair) -> None:
    deliver(pair.one, upsert(1, plan="x"))
    pair.allowance = Allowance(0.0)
    results = deliver(pair.client("late"), withdraws(5), identifies(6)).results
    outcomes = [each.outcome for each in results]
    assert outcomes == [Retryable(RetryReason.LEDGER_LATE, tried=False)] * 2


def test_a_withdrawal_from_everything_that_could_not_be_compared_waits(
    pair: Pair, account: Account
) -> None:
    """It could undo a newer consent."""
    deliver(pair.one, consents(9, "L"))
    words = Words(pair.table, PEOPLE, Allowance(0.0), "late", Lateness())
    late = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
    assert said(deliver(late, withdraws(5))) == ["ledger_late"]
    assert said(deliver(unable_to_claim(pair), withdraws(5))) == ["delivered superseded"]
    assert marketing(account) == "SUBSCRIBED"


@pytest.mark.parametrize(
    ("status", "reason"), [(None, RetryReason.LEDGER_LATE), (401, RetryReason.UNAUTHORIZED)]
)
def test_a_withdrawal_from_everything_does_not_wait_for_a_late_table_but_comes_again_to_be_noted(
    pair: Pair, account: Account, status: int | None, reason: RetryReason
) -> None:
    """And so that no later subscription overtakes it: both come at the same time, again and
    again if Klaviyo does not take it."""
    account.add_subscribed(ADA, "L")
    deliver(pair.one, upsert(1, plan="x"))
    late = unable_to_claim(pair)
    account.set_weather(Weather(status=status))
    results = deliver(late, withdraws(5), identifies(6, "M"), withdraws(5, "L")).results
    outcomes = [each.outcome for each in results if isinstance(each.outcome, Retryable)]
    assert [each.reason for each in outcomes] == [reason, *[RetryReason.LEDGER_LATE] * 2]
    first, second, third = [each.delay for each in outcomes]
    assert first == second == (third if status is None else 5.0)
    assert results[0].warnings == (DeliveryWarning.ORDER_NOT_CHECKED,)
    assert (marketing(account) == "UNSUBSCRIBED") is (status is None)
    account.set_weather(Weather())
    again = [each.operation for each in results[:2]]
    assert said(deliver(pair.client("later"), *again)) == ["delivered", "delivered opted_out"]
    assert account.counts["bulk_unsubscribe_profiles", 202] == 1
    assert said(deliver(pair.client("later"), consents(4))) == ["delivered superseded"]


@pytest.mark.parametrize(
    ("weather", "delay"), [(Weather(down=True), 5.0), (Weather(throttle=7), 7.0)]
)
def test_a_withdrawal_that_klaviyo_has_not_taken_does_not_wait_as_long_as_a_late_table(
    pair: Pair, account: Account, weather: Weather, delay: float
) -> None:
    account.add_subscribed(ADA, "L")
    deliver(pair.one, upsert(1, plan="x"))
    account.set_weather(weather)
    [result] = deliver(unable_to_claim(pair), withdraws(5)).results
    assert isinstance(result.outcome, Retryable)
    assert result.outcome.delay == delay


@pytest.mark.parametrize("is_urgent", [False, True])
def test_a_subscription_waits_with_the_withdrawal_of_its_person_unless_it_is_urgent(
    pair: Pair, *, is_urgent: bool
) -> None:
    """The withdrawal is urgent later, and needs a record more."""
    deliver(pair.one, upsert(1, plan="x"))
    subscription = consents(6, "L")
    urgent = {id(subscription)} if is_urgent else set()
    words = Words(pair.table, PEOPLE, Allowance(0.0), "late", Lateness())
    late = InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent=urgent)
    found = said(deliver(late, withdraws(5), subscription))
    assert found == ["ledger_late", "delivered order_not_checked" if is_urgent else "ledger_late"]


def test_a_subscription_that_waits_for_a_reason_of_its_own_waits_as_long(pair: Pair) -> None:
    deliver(pair.one, consents(1, "L"))
    pair.clock.skip(120)
    table = Table(pair.table.name, Puts(pair.table, *["ThrottlingException"] * 3), 86_400.0)
    words = Words(table, PEOPLE, Allowance(30.0), "throttled")
    client = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
    found = deliver(client, withdraws(5), consents(6, "M"))
    assert said(found) == ["ledger_late order_not_checked", "consent_too_soon"]
    assert found.results[1].outcome == Retryable(RetryReason.CONSENT_TOO_SOON, 1_680.0, tried=False)


def test_a_withdrawal_waits_with_the_deletion_of_its_person(pair: Pair, account: Account) -> None:
    """Otherwise it could come again after the deletion, and recreate the person."""
    account.add_subscribed(ADA, "L")
    deliver(pair.one, upsert(1, plan="x"))
    late = unable_to_claim(pair)
    event = CreateEvent("m", Identity(email="bob@acme-store.example"), "Viewed", "m-9")
    results = deliver(late, withdraws(5), deletes(6), event).results
    first, second, third = [each.outcome for each in results]
    assert isinstance(second, Retryable)
    assert second == Retryable(RetryReason.LEDGER_LATE, second.delay, tried=False)
    assert first == waiting_for(second)
    assert isinstance(third, Delivered)
    assert marketing(account) == "SUBSCRIBED"


def test_a_table_that_throttles_is_not_left_alone_for_longer(pair: Pair) -> None:
    lateness = Lateness()
    well = pair.table.requests.call
    for _ in range(3):
        pair.table.requests.call = Puts(pair.table, None, "ThrottlingException")
        words = Words(pair.table, PEOPLE, Allowance(30.0), "me", lateness)
        client = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
        pair.clock.skip(60)
        assert said(deliver(client, upsert(5, plan="x"))) == ["delivered order_not_checked"]
        pair.table.requests.call = well
    assert lateness.grow() <= 45.0


def test_a_late_table_is_left_alone_for_longer_each_time_and_then_found_in_time(
    pair: Pair,
) -> None:
    lateness = Lateness()

    def delay(seconds: float, *failed: str) -> float | None:
        allowance = Allowance(seconds)
        for code in failed:
            allowance.fail(code)
        words = Words(pair.table, PEOPLE, allowance, "me", lateness)
        client = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
        [result] = deliver(client, upsert(5, plan="x")).results
        return getattr(result.outcome, "delay", None)

    for _ in range(3):
        assert delay(30.0, "TimedOut") is None, "something else came too late"
    for least in (30.0, 60.0, 120.0, 240.0, 300.0, 300.0):
        found = delay(0.0)
        assert found is not None
        assert least < found <= 1.5 * least
    assert delay(30.0) is None
    assert 30.0 <= (delay(0.0) or 0.0) <= 45.0


class FirstRead:
    """How a table is called that answers the first read in time, and no other."""

    def __init__(self, table: Table) -> None:
        self._call = table.requests.call
        self._reads = itertools.count()

    def __call__(self, asked: Iterable[Asked], seconds: float) -> Any:
        for number, each in enumerate(asked):
            if each[0] == "BatchGetItem" and next(self._reads):
                time.sleep(seconds)
                yield number, TableError("TimedOut")
            else:
                [(_, answer)] = self._call([each], seconds)
                yield number, answer


def test_of_many_people_those_whose_records_were_read_in_time_are_checked(pair: Pair) -> None:
    """The reading leaves as much time for the claims."""
    pair.table.requests.call = FirstRead(pair.table)
    pair.allowance = Allowance(6.0)
    people = [upsert(5, f"{number}@acme-store.example", plan="x") for number in range(150)]
    found = Counter(said(pair.client("late").deliver(people, KEY, 30.0)))
    assert found in (
        {"delivered": 100, "ledger_late": 50},
        {"delivered": 50, "ledger_late": 100},
    )


def test_where_time_is_short_those_who_withdraw_a_consent_are_checked_first(
    pair: Pair, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klaviyo_client.people.positions.SLICE", 1)
    account.add_subscribed(ADA, "L")
    pair.table.requests.call = FirstRead(pair.table)
    words = Words(pair.table, PEOPLE, Allowance(6.0), "late", Lateness())
    late = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
    batch = (upsert(5, "bob@acme-store.example", plan="x"), withdraws(5))
    assert said(late.deliver(batch, KEY, 30.0)) == ["ledger_late", "delivered"]


def test_of_two_unsubscriptions_from_a_list_in_one_batch_none_waits_for_the_other(
    pair: Pair, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the batch is checked in parts. They go in one request, with the channels of
    both."""
    monkeypatch.setattr("klaviyo_client.people.positions.SLICE", 2)
    number = "+15005550123"
    both = ("email.marketing", "sms.marketing")
    deliver(pair.one, Subscribe("m", ADA, "L", number, channels=both, time=at(1), is_consent=True))
    pair.clock.skip(61)
    words = Words(pair.table, PEOPLE, pair.allowance, "late", Lateness())
    client = InOrder(Klaviyo(pair.url), words, wall=pair.clock)
    by_sms = Unsubscribe("m", ADA, "L", number, time=at(7), channels=("sms.marketing",))
    others = [upsert(5, f"{name}@acme-store.example", plan="x") for name in ("bob", "eve", "sue")]
    found = said(deliver(client, withdraws(5, "L"), *others, by_sms, withdraws(9, "L")))
    assert found == ["delivered superseded", *["delivered"] * 5]
    assert (members(account), account.withdrawn_everywhere) == ([], [])
    assert account.counts["bulk_unsubscribe_profiles", 202] == 1


@pytest.mark.parametrize(
    ("seconds", "expected"), [(60.0, "ledger_late"), (0.0, "delivered order_not_checked")]
)
def test_a_process_gives_the_table_a_minute_before_it_sends_without(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: str
) -> None:
    """A function that has just started knows nothing of a table that is late."""

    def late(asked: Iterable[Asked], _: float) -> Any:
        return [(number, TableError("TimedOut")) for number, _ in enumerate(asked)]

    monkeypatch.setattr("ledger.calls.ALIVE_SECONDS", seconds)
    pair.table = Table(pair.table.name, late, 86_400.0)
    assert said(deliver(pair.client("new"), upsert(5, plan="x"))) == [expected]


@pytest.mark.parametrize(
    ("code", "is_urgent", "expected"),
    [
        ("TimedOut", False, ["ledger_late", "delivered"]),
        ("TimedOut", True, ["delivered order_not_checked", "delivered"]),
        ("ThrottlingException", False, ["delivered order_not_checked", "delivered"]),
    ],
)
def test_what_could_not_be_claimed_in_time_comes_again_where_that_helps(
    pair: Pair, code: str, *, is_urgent: bool, expected: list[str]
) -> None:
    pair.table.requests.call = Puts(pair.table, code)
    words = Words(pair.table, PEOPLE, pair.allowance, "late")
    batch = (upsert(5, plan="x"), CreateEvent("m", Identity(email=ADA), "Viewed", "m-9"))
    urgent = {id(each) for each in batch if is_urgent}
    late = InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent=urgent)
    assert said(deliver(late, *batch)) == expected
    pair.clock.skip(10)
    assert said(deliver(pair.one, upsert(5, plan="x"))) == ["delivered"]


class LateAnswers(Puts):
    """As `Puts`, but the puts that it fails are carried out: only their answer comes too late."""

    def __call__(self, asked: Iterable[Asked], seconds: float) -> Any:
        all_asked = list(asked)
        for operation, document in all_asked:
            if operation == "PutItem" and self._codes and self._codes[0] is not None:
                list(self._call([(operation, document)], seconds))
        return super().__call__(all_asked, seconds)


@pytest.mark.parametrize(
    ("is_urgent", "expected", "afterwards"),
    [
        (False, "ledger_late", ["delivered", "delivered"]),
        (True, "delivered order_not_checked", ["consent_too_soon", "consent_too_soon"]),
    ],
)
def test_a_list_unsubscription_whose_claim_was_answered_too_late_is_held_up_only_if_it_was_sent(
    pair: Pair, account: Account, *, is_urgent: bool, expected: str, afterwards: list[str]
) -> None:
    subscribed(pair)
    pair.table.requests.call = LateAnswers(pair.table, "TimedOut")
    words = Words(pair.table, PEOPLE, pair.allowance, "late")
    step = withdraws(5, "L")
    urgent = {id(step)} if is_urgent else set()
    late = InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent=urgent)
    assert said(deliver(late, step)) == [expected]
    pair.allowance = Allowance(30.0)
    found = [said(deliver(pair.client(me), step)) for me in ("third", "fourth")]
    assert [each for [each] in found] == afterwards
    assert members(account) == []
    assert account.counts[("bulk_unsubscribe_profiles", 202)] == 1


@pytest.mark.parametrize(
    ("operation", "codes", "expected"),
    [
        (upsert(5, plan="x"), ["TimedOut"], "ledger_late"),
        (upsert(5, plan="x"), ["ThrottlingException"], "delivered order_not_checked"),
        (upsert(5, plan="x"), CHANGED, "person_busy"),
        (consents(5, "L"), ["TimedOut"], "ledger_late"),
        (consents(5, "L"), ["ThrottlingException"], "delivered order_not_checked"),
        (consents(5, "L"), CHANGED, "person_busy"),
        (withdraws(5), ["TimedOut"], "delivered"),
        (withdraws(5), CHANGED, "delivered"),
    ],
)
def test_what_was_taken_and_could_not_be_noted_comes_again_or_is_told(
    pair: Pair, account: Account, operation: Operation, codes: list[str], expected: str
) -> None:
    pair.table.requests.call = Puts(pair.table, None, *codes)
    delivery = deliver(pair.one, operation)
    assert said(delivery) == [expected]
    assert account.profiles.by_email(ADA), "Klaviyo has taken it"
    [outcome] = [result.outcome for result in delivery.results]
    assert (
        isinstance(outcome, Delivered)
        or outcome == Retryable(RetryReason.LEDGER_LATE)
        or outcome == CONTENDED
    )


def test_a_record_that_no_release_has_written_costs_no_message(
    pair: Pair, account: Account
) -> None:
    item = {"pk": item_keys.person(PEOPLE.hash("email", ADA)), "sk": item_keys.WORDS, "w": "?"}
    pair.table.write([marshalled(item)], Allowance(30.0))
    batch = (upsert(5, plan="x"), upsert(5, "bob@acme-store.example", plan="x"))
    assert said(deliver(pair.one, *batch)) == ["delivered order_not_checked", "delivered"]
    assert pair.allowance.failures == {"unexpected": 1}


# Deletions


@pytest.mark.parametrize("is_consent", [True, False])
@pytest.mark.parametrize("who", ["one", "other"])
def test_who_was_deleted_and_comes_back_is_subscribed_at_once(
    pair: Pair, account: Account, who: str, *, is_consent: bool
) -> None:
    """The half hour counts for a person; somebody who was deleted is a new one."""

    def subscribes(second: float) -> Subscribe:
        return replace(consents(second, "L"), is_consent=is_consent)

    assert said(deliver(pair.one, subscribes(1))) == ["delivered"]
    pair.clock.skip(1)
    assert said(deliver(pair.other, deletes(5))) == ["delivered"]
    pair.clock.skip(1)
    assert list(account.profiles) == []
    client = pair.one if who == "one" else pair.other
    assert said(deliver(client, subscribes(7))) == ["delivered"]
    assert members(account, "L") == [ADA]
    assert said(deliver(client, consents(9, "M"))) == ["consent_too_soon"]


@pytest.mark.parametrize("who", ["one", "other"])
def test_an_older_subscription_does_not_bring_a_deleted_person_back(
    pair: Pair, account: Account, who: str
) -> None:
    deliver(pair.one, consents(3, "L"))
    pair.clock.skip(1)
    deliver(pair.other, deletes(5))
    client = pair.one if who == "one" else pair.other
    assert said(deliver(client, consents(3, "L"))) == ["delivered"]
    assert list(account.profiles) == []
