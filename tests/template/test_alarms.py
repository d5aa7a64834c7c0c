"""Which alarm would go off, by the metrics that SQS and the function report."""

from collections.abc import Callable
from typing import Any

import pytest

from local.aws_stand_in import server as aws
from tests.deployment import Deployment
from tests.handler.calls import envelope
from tests.handler.test_retry import event
from tests.template.stack import DEFAULT
from tests.template.template import arn, ref
from tests.virtual import Clock, RetrySide, retry_function, written_metrics

MINUTE, HOUR = 60, 3_600

Points = list[tuple[float, float]]

COMBINE: dict[str, Callable[[list[float]], float]] = {
    "Sum": lambda values: sum(values),
    "Maximum": lambda values: max(values),
}


def goes_off(alarm: dict[str, Any], points: Points) -> float | None:
    """When an alarm on one metric goes off, in seconds from the first point; `None` if it does not.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    combine = COMBINE[alarm["Statistic"]]
    period, wanted = alarm["Period"], alarm["DatapointsToAlarm"]
    began = points[0][0]
    buckets: dict[int, list[float]] = {}
    for at, value in points:
        buckets.setdefault(int(at // period), []).append(value)
    breaching: list[bool] = []
    for number in range(min(buckets), max(buckets) + 1):
        values = buckets.get(number)
        breaching.append(values is not None and combine(values) >= alarm["Threshold"])
        if sum(breaching[-alarm["EvaluationPeriods"] :]) >= wanted:
            return float((number + 1) * period - began)
    return None


def test_a_retry_function_that_fails_every_batch_is_noticed_within_ten_minutes(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The age of the oldest message does not tell: SQS leaves out what was received three times."""
    clock = Clock(monkeypatch)
    side = RetrySide(deployment, clock, monkeypatch)
    broken = {**deployment.variables, "CREDENTIALS_SECRET_ARN": "arn:gone"}
    side.function = retry_function(broken, clock)
    deployment.put(envelope({"operation": event()}))
    failures: Points = []
    ages: Points = []
    until = clock.now + 3 * HOUR
    while clock.now < until:
        side.run(MINUTE)
        written = written_metrics(capsys.readouterr().out)
        if "RetryFailures" in written:
            failures.append((clock.now, written["RetryFailures"]))
        reported = aws.metrics(deployment.queues.retry_queue_url, clock.now)
        ages.append((clock.now, reported["ApproximateAgeOfOldestMessage"]))

    alarm = DEFAULT.properties("RetryFailuresAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("KlaviyoDestination", "RetryFailures")
    after = goes_off(alarm, failures)
    assert after is not None
    assert after <= 10 * MINUTE
    assert goes_off(DEFAULT.properties("OldestMessageAlarm"), ages) is None
    assert len(deployment.waiting()) == 1, "it is still there"


def test_dropped_invocations_of_the_retry_function_are_watched() -> None:
    alarm = DEFAULT.properties("RecursionAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        "AWS/Lambda",
        "RecursiveInvocationsDropped",
    )
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": ref("RetryFunction")}]
    assert goes_off(alarm, [(0.0, 1.0)]) == 300.0


def test_age_that_sqs_reports_leaves_out_what_was_received_three_times(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    url = deployment.queues.retry_queue_url
    deployment.put("old")
    clock.now += 100
    ages = []
    for _ in range(3):
        ages.append(aws.metrics(url, clock.now)["ApproximateAgeOfOldestMessage"])
        deployment.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    ages.append(aws.metrics(url, clock.now)["ApproximateAgeOfOldestMessage"])
    assert ages == pytest.approx([100, 100, 100, 0], abs=1)


def test_properties_name_the_retry_function_and_queue() -> None:
    assert DEFAULT.properties("OldestMessageAlarm")["Dimensions"] == [
        {"Name": "QueueName", "Value": arn("RetryQueue", "QueueName")}
    ]
