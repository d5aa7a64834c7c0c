"""While the stack is paused everything is kept, nothing is delivered, and nothing runs out."""

import time
from typing import Any

import pytest

from local.aws_stand_in.template import properties
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, identify, order, track
from tests.handler.test_retry import DONE, event
from tests.virtual import Clock, RetrySide, retry_function

HOUR, DAY = 3_600, 86_400


@pytest.fixture
def paused(deployment: Deployment) -> Deployment:
    return deployment.with_settings(PAUSE="on", LIST_ID="Y6nRLr")


def test_every_message_is_accepted_and_waits_and_klaviyo_gets_no_request(
    paused: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    status, answer = paused.webhook(call([identify(1), order(2), track(3), {"type": "page"}]))
    assert (status, answer["queued"], answer["dropped"]) == (200, 3, 1)
    reasons = {getattr(each, "reason", None) for each in caplog.records}
    assert reasons == {None, "paused"}
    kinds = sorted(each["operation"]["kind"] for each in paused.waiting() if "operation" in each)
    assert kinds == sorted(["upsert_profile", "subscribe"] + 4 * ["create_event"])
    assert paused.account.requests == []


def test_retry_function_gives_every_sqs_message_back_unopened(paused: Deployment) -> None:
    lambda_event = batch(envelope({"operation": event()}), "unreadable")
    assert paused.retry(lambda_event) == {
        "batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]
    }
    assert (paused.account.requests, paused.waiting(), paused.dead()) == ([], [], [])


def test_after_the_pause_all_of_it_is_delivered(paused: Deployment, deployment: Deployment) -> None:
    paused.webhook(call([track(1), track(2)]))
    waiting = [envelope(entry) for entry in deployment.waiting()]
    time.sleep(1.1)
    assert deployment.retry(batch(*waiting)) == DONE
    assert {each.unique_id for each in deployment.account.events} == {"track-1", "track-2"}


@pytest.mark.parametrize("days", [2, 10, 13])
def test_a_pause_of_days_is_no_time_of_trying(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """Klaviyo is down for two hours, then somebody pauses, then Klaviyo is down for two more."""
    clock = Clock(monkeypatch)
    deployment.sqs.set_queue_attributes(
        QueueUrl=deployment.queues.retry_queue_url,
        Attributes={
            "MessageRetentionPeriod": str(properties("RetryQueue")["MessageRetentionPeriod"])
        },
    )
    side = RetrySide(deployment, clock, monkeypatch)
    deployment.account.set_weather(Weather(down=True))
    deployment.put(envelope({"operation": event()}))
    side.run(2 * HOUR)
    clock.now += days * DAY
    side.function = retry_function(deployment.variables, clock)
    side.run(2 * HOUR)
    assert (len(deployment.waiting()), deployment.dead()) == (1, [])
    deployment.account.set_weather(Weather())
    side.run(HOUR)
    assert [each.unique_id for each in deployment.account.events] == ["u-1"]
    assert deployment.waiting() == []


def test_a_window_that_ends_before_the_pause_has_ended_for_good(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(down=True))
    now = time.time()
    entry: dict[str, Any] = {"operation": event(), "first_failed_at": now - 30 * HOUR}
    lambda_event = batch(envelope({**entry, "not_before": now - 3 * HOUR}))
    lambda_event["Records"][0]["attributes"]["SentTimestamp"] = str(round((now - 4 * HOUR) * 1000))
    assert deployment.retry(lambda_event) == DONE
    assert [each["reason"]["code"] for each in deployment.dead()] == ["retries_exhausted"]
