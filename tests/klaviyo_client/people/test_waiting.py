"""Whose upserts wait in a queue, and what must not overtake them."""

from klaviyo_client.api.outcomes import Delivered, Outcome, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.waiting import MOST_KEYS, MOST_LETTERS, WaitingPersons
from local.klaviyo_stand_in import Account, Weather, serve
from operations import CreateEvent, Identity, Operation, Subscribe, UpsertProfile

FAILED = Retryable(RetryReason.UNAVAILABLE, status=503)
ANN, BOB = Identity(email="ann@shop.example"), Identity(email="bob@shop.example")


def as_named(named: float | None) -> float | None:
    return named


def test_what_follows_waits_as_long_as_what_it_follows_can() -> None:
    waiting = WaitingPersons(30.0, lambda named: 5.0 if named is None else 1.1 * named)
    named = Retryable(RetryReason.THROTTLED, 30.0, 429)
    waiting.remember({("email", "ann@shop.example"): FAILED, ("email", "bob"): named}, 100.0)
    delays = {key[1]: outcome.delay for key, outcome in waiting.at(101.0).items()}
    assert delays == {"ann@shop.example": 5.0, "bob": 33.0}


def test_who_waits_is_remembered_for_so_long_and_no_longer() -> None:
    waiting = WaitingPersons(30.0, as_named)
    waiting.remember({("email", "ann@shop.example"): FAILED}, 100.0)
    assert waiting.at(129.9) == {("email", "ann@shop.example"): FAILED}
    assert waiting.at(130.0) == {}


def test_with_no_time_to_remember_nobody_is() -> None:
    waiting = WaitingPersons(0.0, as_named)
    waiting.remember({("email", "ann@shop.example"): FAILED}, 100.0)
    assert waiting.at(100.0) == {}


def test_beyond_its_bound_the_oldest_are_forgotten() -> None:
    waiting = WaitingPersons(30.0, as_named)
    waiting.remember({("email", str(number)): FAILED for number in range(MOST_KEYS)}, 100.0)
    waiting.remember({("email", "new"): FAILED}, 101.0)
    known = waiting.at(102.0)
    assert (len(known), ("email", "0") in known, ("email", "new") in known) == (
        MOST_KEYS,
        False,
        True,
    )


def test_long_values_are_bounded_in_all() -> None:
    waiting = WaitingPersons(30.0, as_named)
    values = [f"{number}" + "u" * 30_000 for number in range(500)]
    waiting.remember({("external_id", value): FAILED for value in values}, 100.0)
    known = waiting.at(101.0)
    assert sum(len(value) for _, value in known) <= MOST_LETTERS
    assert [value for _, value in known] == values[-len(known) :]


class Calls:
    """Deliveries of one process to a stand-in, at times that the test sets."""

    def __init__(self, url: str, remember_seconds: float) -> None:
        self.now = 0.0
        self.klaviyo = Klaviyo(url, clock=lambda: self.now, remember_seconds=remember_seconds)

    def deliver(self, *operations: Operation) -> list[Outcome]:
        delivery = self.klaviyo.deliver(operations, "pk_test", 3.0)
        return [result.outcome for result in delivery.results]


def test_a_later_identify_does_not_overtake_one_that_went_to_the_queue() -> None:
    account = Account(keys={"pk_test"})
    account.add_list("L", name="L", opt_in_process="single_opt_in")
    with serve(account) as url:
        calls = Calls(url, remember_seconds=30.0)
        account.set_weather(Weather(status=429, times=1))
        [first] = calls.deliver(UpsertProfile("m-1", ANN, {}, {"plan": "free"}))
        assert isinstance(first, Retryable)

        calls.now = 20.0
        later: list[Operation] = [
            UpsertProfile("m-2", Identity("ANN@shop.example", "7"), {}, {"plan": "pro"}),
            Subscribe("m-2", "ann@shop.example", "L"),
            UpsertProfile("m-3", BOB),
            CreateEvent("m-4", ANN, "Item Added", "u-4"),
        ]
        upsert, subscription, other, event = calls.deliver(*later)
        assert isinstance(upsert, Retryable)
        assert isinstance(subscription, Retryable)
        assert (upsert.reason, upsert.tried) == (RetryReason.WAITS_FOR_PROFILE, first.tried)
        assert subscription.reason is RetryReason.WAITS_FOR_PROFILE
        assert isinstance(other, Delivered), "nobody else waits"
        assert isinstance(event, Delivered), "an event carries its own time"

        calls.now = 31.0
        assert isinstance(calls.deliver(later[0])[0], Delivered), "by now the first has gone"


def test_the_retry_path_remembers_nobody_since_it_is_what_they_wait_for() -> None:
    account = Account(keys={"pk_test"})
    with serve(account) as url:
        calls = Calls(url, remember_seconds=0.0)
        account.set_weather(Weather(status=429, times=1))
        calls.deliver(UpsertProfile("m-1", ANN))
        calls.now = 20.0
        assert isinstance(calls.deliver(UpsertProfile("m-1", ANN))[0], Delivered)
