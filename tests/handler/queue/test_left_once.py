"""A list is left once, though nobody knows whether it was: twice would be from everything.

Klaviyo's job takes ten minutes here. Until then a look-up shows the person on the list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from handler.queue.batch import MOVED_AFTER, read
from handler.redelivery import Redelivery
from klaviyo_client.people.newest import ONCE_SECONDS
from local.aws_stand_in.function import FunctionError
from local.klaviyo_stand_in import Account, Policy, Weather
from operations import CreateEvent, Identity, Unsubscribe, to_json
from tests.deployment import PRIVATE_KEY, Deployment
from tests.handler.calls import batch, envelope
from tests.virtual import Clock, RetrySide, retry_function

ADDRESS, LIST = "ann@acme-store.example", "L1"
LEAVES = to_json(Unsubscribe("m-1", ADDRESS, LIST, time="2026-11-23T10:00:00Z"))
LEAVES_ALL = to_json(Unsubscribe("m-1", ADDRESS, None, time="2026-11-23T10:00:00Z"))
EVENT = to_json(CreateEvent("m-1", Identity(ADDRESS), "Item Added", "u-1"))
JOBS = frozenset({"bulk_unsubscribe_profiles"})
EXHAUSTED: dict[str, Any] = {"code": "retries_exhausted", "last": "timeout"}
REFUSED: dict[str, Any] = {"code": "refused", "status": 400}
HOUR, DAY = 3_600, 86_400


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def account(clock: Clock) -> Account:
    account = Account(keys={PRIVATE_KEY}, clock=clock, policy=Policy(consent_seconds=600.0))
    account.add_list(LIST, "Newsletter", "single_opt_in")
    account.add_subscribed(ADDRESS, LIST)
    return account


@dataclass(frozen=True, slots=True)
class Stopped:
    """A retry function that is stopped when all is done, before its answer is heard."""

    whole: Redelivery

    def handle(self, lambda_event: Mapping[str, Any], seconds: float) -> Any:
        self.whole.handle(lambda_event, seconds)
        self.whole.telemetry.flush()
        raise FunctionError


class Faulty:
    """A client with a fault of its own, after everything is sent."""

    def __init__(self, klaviyo: Any) -> None:
        self._klaviyo = klaviyo

    def __getattr__(self, name: str) -> Any:
        return getattr(self._klaviyo, name)

    def deliver(self, *given: Any) -> None:
        self._klaviyo.deliver(*given)
        raise RuntimeError


def stopped(function: Redelivery, _: Account) -> Any:
    return Stopped(function)


def faulty(function: Redelivery, _: Account) -> Any:
    klaviyo: Any = Faulty(function.klaviyo)
    return replace(function, klaviyo=klaviyo)


def cut(function: Redelivery, account: Account) -> Any:
    account.set_weather(Weather(endpoints=JOBS, cut="after", times=1))
    return function


def unavailable(function: Redelivery, account: Account) -> Any:
    account.set_weather(Weather(endpoints=JOBS, down=True, times=1))
    return function


@pytest.mark.parametrize(
    ("trouble", "requests"),
    [
        pytest.param(stopped, 1, id="the function is stopped before it answers"),
        pytest.param(faulty, 1, id="the function has a fault of its own"),
        pytest.param(cut, 1, id="the answer is cut off"),
        pytest.param(unavailable, 2, id="a 503 comes back"),
    ],
)
def test_whatever_becomes_of_the_answer_the_list_is_left_once(
    deployment: Deployment,
    account: Account,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Redelivery, Account], Any],
    requests: int,
) -> None:
    side = RetrySide(deployment, clock, monkeypatch)
    side.function = trouble(side.function, account)
    deployment.put(envelope({"operation": LEAVES, "first_failed_at": clock.now}))
    side.run(30.0)
    side.function = retry_function(deployment.variables, clock)  # which knows of nothing
    side.run(2 * HOUR)
    assert (deployment.waiting(), deployment.dead()) == ([], [])
    assert account.lists[LIST].members == set()
    assert account.withdrawn_everywhere == []
    sent = {status: n for (name, status), n in account.counts.items() if name in JOBS}
    assert sum(sent.values()) == requests


def test_what_comes_again_waits_until_klaviyo_surely_shows_what_became_of_it(
    deployment: Deployment, account: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = RetrySide(deployment, clock, monkeypatch)
    again = batch(envelope({"operation": LEAVES}, {"operation": EVENT}))
    again["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    assert side.function.handle(again, 60.0) == {"batchItemFailures": []}
    [waiting] = deployment.waiting()
    not_before = waiting.pop("not_before")
    assert waiting == {"operation": LEAVES, "first_failed_at": clock.now}
    assert ONCE_SECONDS <= not_before - clock.now <= 1.1 * ONCE_SECONDS
    assert {name for name, _ in account.counts} == {"create_event"}
    side.run(HOUR)
    assert account.counts["bulk_unsubscribe_profiles", 202] == 1


def test_of_copies_in_a_batch_the_one_stays_that_may_be_sent_already(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = RetrySide(deployment, clock, monkeypatch)
    due = clock.now + 1_200
    waits = {"operation": LEAVES, "first_failed_at": clock.now - 600, "not_before": due}
    both = batch(envelope({"operation": LEAVES}), envelope(waits))
    assert side.function.handle(both, 60.0) == {"batchItemFailures": []}
    assert deployment.waiting() == [waits]


@pytest.mark.parametrize(
    ("shown", "entry", "may_be_sent"),
    [
        ("1", {}, False),
        ("2", {}, True),
        ("?", {}, False),
        ("1", {"reason": EXHAUSTED}, True),
        ("1", {"reason": REFUSED}, False),
        ("1", {"not_before": -MOVED_AFTER + 5}, False),
        ("1", {"not_before": -MOVED_AFTER - 5}, True),
    ],
)
def test_whether_a_function_may_have_sent_it_before(
    shown: str, entry: dict[str, Any], may_be_sent: bool
) -> None:
    """Shown again by SQS; given up; or redriven by SQS, which had moved it as it was."""
    now = 1_800_000_000.0
    times = {"not_before": now + entry["not_before"]} if "not_before" in entry else {}
    lambda_event = batch(envelope({"operation": LEAVES, **entry, **times}))
    attributes = {"ApproximateReceiveCount": shown, "SentTimestamp": str(round(now * 1000))}
    lambda_event["Records"][0]["attributes"] = attributes
    [found] = read(lambda_event, now).entries
    assert found.may_be_sent == may_be_sent


@pytest.mark.parametrize("operation", [EVENT, LEAVES_ALL])
def test_what_may_be_done_twice_does_not_wait(
    deployment: Deployment, clock: Clock, operation: dict[str, Any]
) -> None:
    again = batch(envelope({"operation": operation}))
    again["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    function = retry_function(deployment.variables, clock)
    assert function.handle(again, 60.0) == {"batchItemFailures": []}
    assert deployment.waiting() == []
