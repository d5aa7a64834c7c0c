"""A long outage in virtual time: Lambda counts the invocations of a chain, and so does this."""

import pytest

from local.aws_stand_in.template import FILE, function, load
from local.aws_stand_in.tracing import MOST_INVOCATIONS
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import envelope
from tests.handler.test_retry import event
from tests.virtual import Clock, RetrySide

HOUR = 3_600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def outage(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch, allows: bool
) -> RetrySide:
    """Klaviyo is away for 13 hours: time for SQS to dead-letter what Lambda gave up."""
    side = RetrySide(deployment, clock, monkeypatch, allows_recursion=allows)
    entries = ({"operation": event(number), "first_failed_at": clock.now} for number in range(3))
    for entry in entries:
        deployment.put(envelope(entry))
    deployment.account.set_weather(Weather(down=True))
    side.run(13 * HOUR)
    deployment.account.set_weather()
    side.run(1 * HOUR)
    return side


def test_function_may_invoke_itself_through_its_queue() -> None:
    assert function("RetryFunction").allows_recursion


def test_hours_of_retries_is_a_chain_far_longer_than_lambda_lets_pass_by_itself(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    allows = function("RetryFunction").allows_recursion
    side = outage(deployment, clock, monkeypatch, allows)
    assert side.hops > 3 * MOST_INVOCATIONS
    assert sorted(each.unique_id for each in deployment.account.events) == ["u-0", "u-1", "u-2"]
    assert (deployment.waiting(), deployment.dead()) == ([], [])


def test_without_the_setting_everything_that_waits_is_dead_lettered_without_a_reason(
    deployment: Deployment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what the setting is for, and that this emulation would miss it."""
    text = FILE.read_text().replace("      RecursiveLoop: Allow\n", "")
    allows = function("RetryFunction", load(text)).allows_recursion
    side = outage(deployment, clock, monkeypatch, allows)
    assert side.hops == MOST_INVOCATIONS
    assert side.dropped
    assert list(deployment.account.events) == []
    assert [entry.get("reason") for entry in deployment.dead()] == [None, None, None]
