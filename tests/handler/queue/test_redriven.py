"""What comes back from the dead-letter queue starts anew, however it came there."""

import time
from typing import Any

import pytest

from handler.queue.batch import MOVED_AFTER
from local.aws_stand_in.server import arn_of
from local.aws_stand_in.template import function
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import batch, envelope
from tests.handler.test_retry import DAY, DONE, event
from tests.virtual import Clock, RetrySide, retry_function

HOUR = 3_600

CALL = function("RetryFunction").timeout_seconds

CLOCKS_DIFFER = 20.0
"""Seconds by which SQS's clock may be ahead of Lambda's, amply."""


def sent(text: str, at: float) -> dict[str, Any]:
    """A batch of one SQS message, which SQS was given at that time."""
    lambda_event = batch(text)
    lambda_event["Records"][0]["attributes"]["SentTimestamp"] = str(round(at * 1000))
    return lambda_event


@pytest.mark.parametrize(
    ("after", "attempts"),
    [
        pytest.param(-900.0, 6, id="long before"),
        pytest.param(0.0, 6, id="in time"),
        pytest.param(CALL + CLOCKS_DIFFER, 6, id="put back untried, at the end of a call"),
        pytest.param(MOVED_AFTER - 5, 6, id="not yet too late"),
        pytest.param(MOVED_AFTER + 5, 1, id="too late"),
        pytest.param(11 * HOUR, 1, id="long after"),
    ],
)
def test_what_was_sent_after_its_time_was_sent_by_a_redrive(
    deployment: Deployment, after: float, attempts: int
) -> None:
    """An entry that the functions send with a history has a `not_before` in the future, or that of
    the beginning of their call."""
    deployment.account.set_weather(Weather(down=True))
    due = time.time() - 12 * HOUR
    since = due - 3 * HOUR
    history = {"attempts": 5, "first_failed_at": since, "not_before": due}
    lambda_event = sent(envelope({"operation": event(), **history}), due + after)
    assert deployment.retry(lambda_event) == DONE
    [waiting] = deployment.waiting()
    assert waiting["attempts"] == attempts
    # Of the first twelve of its fifteen hours nobody took it: they are no time of trying.
    tried_for = time.time() - waiting["first_failed_at"]
    assert tried_for == pytest.approx(3 * HOUR + max(after, 0.0) if attempts == 6 else 0, abs=30)


def test_a_time_before_the_first_failure_was_written_by_hand_and_proves_no_redrive(
    deployment: Deployment,
) -> None:
    deployment.account.set_weather(Weather(down=True))
    now = time.time()
    history = {"attempts": 5, "first_failed_at": now - HOUR, "not_before": 0}
    assert deployment.retry(sent(envelope({"operation": event(), **history}), now)) == DONE
    [waiting] = deployment.waiting()
    assert (waiting["attempts"], waiting["first_failed_at"]) == (6, now - HOUR)


def test_what_sqs_itself_has_dead_lettered_is_tried_for_a_whole_window_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function fails for eleven hours, a day passes, then somebody redrives."""
    clock = Clock(monkeypatch)
    side = RetrySide(deployment, clock, monkeypatch)
    deployment.account.set_weather(Weather(down=True))
    began = clock.now
    deployment.put(envelope({"operation": event(), "first_failed_at": began}))
    side.run(HOUR)
    healthy, side.function = side.function, _broken(deployment, clock)
    side.run(11 * HOUR)
    [dead] = deployment.dead()
    assert dead["first_failed_at"] == began, "SQS moves a message as it is"
    assert "reason" not in dead

    clock.now += DAY
    side.function = healthy
    queues, sqs = deployment.queues, deployment.sqs
    sqs.start_message_move_task(
        SourceArn=arn_of(queues.dead_letter_queue_url),
        DestinationArn=arn_of(queues.retry_queue_url),
    )
    redriven_at = clock.now
    side.run(HOUR)
    assert deployment.dead() == []
    [waiting] = deployment.waiting()
    assert waiting["first_failed_at"] >= redriven_at
    deployment.account.set_weather()
    side.run(HOUR)
    assert [each.unique_id for each in deployment.account.events] == ["u-1"]


def _broken(deployment: Deployment, clock: Clock) -> Any:
    return retry_function({**deployment.variables, "CREDENTIALS_SECRET_ARN": "arn:gone"}, clock)
