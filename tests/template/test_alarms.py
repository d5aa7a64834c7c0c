"""Which alarm would go off, by the metrics that SQS and the function report."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.aws_stand_in import server as aws
from tests.deployment import Deployment
from tests.handler.calls import envelope
from tests.handler.test_retry import event
from tests.template.stack import DEFAULT, PAUSED, WITH_LEDGER, Stack
from tests.template.template import of_type
from tests.virtual import Clock, RetrySide, retry_function, written_metrics

MINUTE, HOUR, DAY = 60, 3_600, 86_400

Points = list[tuple[float, float]]

COMBINE: dict[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max}

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def total(values: Mapping[str, float]) -> float | None:
    return sum(values.values()) if values else None


def failing(values: Mapping[str, float]) -> float | None:
    if "putBack" not in values:
        return None
    return 1.0 if values["putBack"] > values.get("delivered", 0.0) else 0.0


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
EXPRESSIONS: dict[str, Callable[[Mapping[str, float]], float | None]] = {
    "SUM(METRICS())": total,
    "IF(putBack > FILL(delivered, 0), 1, 0)": failing,
}


def name_of(metric: Mapping[str, Any]) -> str:
    """The metric's name and, unless it is this stack's own, what it is about."""
    (dimension,) = metric["Dimensions"]
    value = dimension["Value"]
    if isinstance(value, str):
        return str(metric["MetricName"])
    return f"{metric['MetricName']} of {value.get('Ref') or value['Fn::GetAtt'][0]}"


def parts_of(alarm: Mapping[str, Any]) -> dict[str, tuple[str, str, int]]:
    """What an alarm reads: the metric's name, the statistic, and the period, by the metric's id."""
    if "Metrics" not in alarm:
        return {"": (name_of(alarm), alarm["Statistic"], alarm["Period"])}
    stats = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    return {
        key: (name_of(each["Metric"]), each["Stat"], each["Period"]) for key, each in stats.items()
    }


def period_of(alarm: Mapping[str, Any]) -> int:
    (period,) = {period for _, _, period in parts_of(alarm).values()}
    return period


def is_breaching(alarm: Mapping[str, Any], series: Mapping[str, Points], number: int) -> bool:
    """Whether the data of one period breach the threshold."""
    values: dict[str, float] = {}
    for key, (name, statistic, period) in parts_of(alarm).items():
        found = [value for at, value in series.get(name, ()) if at // period == number]
        if found:
            values[key] = COMBINE[statistic](found)
    if "Metrics" in alarm:
        (expression,) = (each["Expression"] for each in alarm["Metrics"] if "Expression" in each)
        value = EXPRESSIONS[expression](values)
    else:
        value = values.get("")
    if value is None:
        return {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    return COMPARE[alarm["ComparisonOperator"]](value, alarm["Threshold"])


def is_on(alarm: Mapping[str, Any], series: Mapping[str, Points], at: float) -> bool:
    """Whether an alarm is on at that time, which is the end of one of its periods.

    `series` has each metric's points by the metric's name, as `name_of` gives it.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """
    assert series.keys() <= {name for name, _, _ in parts_of(alarm).values()}
    end, left = divmod(at, period_of(alarm))
    assert not left
    numbers = range(int(end) - int(alarm["EvaluationPeriods"]), int(end))
    breaching = [is_breaching(alarm, series, number) for number in numbers]
    return sum(breaching) >= int(alarm["DatapointsToAlarm"])


def goes_off(alarm: Mapping[str, Any], series: Mapping[str, Points]) -> float | None:
    """When an alarm goes off, in seconds from the first point; `None` if it does not."""
    times = [at for points in series.values() for at, _ in points]
    period = period_of(alarm)
    for number in range(int(min(times) // period), int(max(times) // period) + 1):
        if is_on(alarm, series, (number + 1) * period):
            return (number + 1) * period - min(times)
    return None


def minutes(start: int, end: int, value: float = 1.0) -> Points:
    """A point in each of these minutes."""
    return [(minute * MINUTE, value) for minute in range(start, end)]


def once(minute: int = 0, value: float = 1.0) -> Points:
    return minutes(minute, minute + 1, value)


QUIET = Stack(QuietHours="3")

LETTERS = "ApproximateNumberOfMessagesVisible of DeadLetterQueue"
LETTERS_AGE = "ApproximateAgeOfOldestMessage of DeadLetterQueue"
NEW_LETTERS = "OperationsDeadLettered"
AGE = "ApproximateAgeOfOldestMessage of RetryQueue"
DROPPED = "RecursiveInvocationsDropped of RetryFunction"
REQUEUED, DELIVERED = "OperationsRequeued", "OperationsDeliveredLater"
BAD_KEY, THROTTLED = "OperationsUnauthorized", "OperationsThrottled"
WEBHOOK_BUSY, RETRY_BUSY = "Throttles of WebhookFunction", "Throttles of RetryFunction"
WEBHOOK_FAILED, RETRY_FAILED = "Errors of WebhookFunction", "Errors of RetryFunction"

# What docs/operating.md says of each alarm, sentence by sentence: whether it is on at that minute.
Row = tuple[str, dict[str, Points], int, bool]
TABLE: dict[tuple[Stack, str], list[Row]] = {
    (DEFAULT, "DeadLettersAlarm"): [
        ("something is in the queue", {LETTERS: once()}, 1, True),
        ("nothing is in it", {LETTERS: once(value=0)}, 1, False),
    ],
    (DEFAULT, "NewDeadLettersAlarm"): [
        ("one in the last quarter of an hour", {NEW_LETTERS: once()}, 15, True),
        ("it ends when no more arrive", {NEW_LETTERS: once()}, 30, False),
        ("it goes off again for new ones", {NEW_LETTERS: once() + once(31)}, 45, True),
    ],
    (DEFAULT, "ExpiringDeadLettersAlarm"): [
        ("ten days old", {LETTERS_AGE: once(value=10 * DAY)}, 60, True),
        ("an hour less than ten days old", {LETTERS_AGE: once(value=10 * DAY - HOUR)}, 60, False),
    ],
    (DEFAULT, "OldestMessageAlarm"): [
        ("nothing left for three quarters of an hour", {AGE: once(value=45 * MINUTE)}, 5, True),
        ("the longest planned wait", {AGE: once(value=15 * MINUTE)}, 5, False),
        ("a backlog after a pause", {AGE: once(value=DAY)}, 5, True),
        ("the backlog has left", {AGE: once(value=DAY) + once(5, 0)}, 10, False),
    ],
    (PAUSED, "OldestMessageAlarm"): [
        ("ten days of a pause", {AGE: once(value=10 * DAY)}, 5, True),
        ("an hour less than ten days of it", {AGE: once(value=10 * DAY - HOUR)}, 5, False),
    ],
    (DEFAULT, "RetryFailuresAlarm"): [
        ("the function failed", {"RetryFailures": once()}, 5, True),
        ("it did not fail", {}, 5, False),
    ],
    (DEFAULT, "RecursionAlarm"): [
        ("Lambda stopped the function", {DROPPED: once()}, 5, True),
        ("Lambda did not stop it", {}, 5, False),
    ],
    (DEFAULT, "StillFailingAlarm"): [
        ("none delivered for an hour", {REQUEUED: minutes(0, 60)}, 60, True),
        ("more requeued", {REQUEUED: minutes(0, 60, 2), DELIVERED: minutes(0, 60)}, 60, True),
        ("as many delivered", {REQUEUED: minutes(0, 60), DELIVERED: minutes(0, 60)}, 60, False),
        ("for half an hour only", {REQUEUED: minutes(30, 60)}, 60, False),
        ("it ended half an hour ago", {REQUEUED: minutes(0, 60)}, 90, False),
    ],
    (DEFAULT, "ServerErrorsAlarm"): [
        ("5xx in ten minutes of fifteen", {"5xx of Api": once() + once(10)}, 15, True),
        ("5xx in five minutes of fifteen", {"5xx of Api": minutes(5, 10)}, 15, False),
    ],
    (DEFAULT, "SignatureFailuresAlarm"): [
        ("401", {"SignatureFailures": once()}, 5, True),
        ("no 401", {}, 5, False),
    ],
    (DEFAULT, "UnauthorizedAlarm"): [
        ("Klaviyo answers 401 or 403", {BAD_KEY: once()}, 5, True),
        ("Klaviyo takes the key", {}, 5, False),
    ],
    (DEFAULT, "KlaviyoThrottlingAlarm"): [
        ("429 for a quarter of an hour", {THROTTLED: minutes(0, 15)}, 15, True),
        ("429 for ten minutes", {THROTTLED: minutes(5, 15)}, 15, False),
        ("it ends by itself", {THROTTLED: minutes(0, 15)}, 20, False),
    ],
    (DEFAULT, "LambdaThrottlingAlarm"): [
        ("the webhook function is throttled", {WEBHOOK_BUSY: once()}, 5, True),
        ("the retry function is throttled", {RETRY_BUSY: once()}, 5, True),
        ("there is concurrency left", {WEBHOOK_BUSY: once(value=0)}, 5, False),
    ],
    (DEFAULT, "FunctionErrorsAlarm"): [
        ("the webhook function gave no answer", {WEBHOOK_FAILED: once()}, 5, True),
        ("the retry function gave no answer", {RETRY_FAILED: once()}, 5, True),
        ("both answered", {WEBHOOK_FAILED: once(value=0), RETRY_FAILED: once(value=0)}, 5, False),
    ],
    (WITH_LEDGER, "LedgerFailuresAlarm"): [
        ("failures for a quarter of an hour", {"LedgerFailures": minutes(0, 15)}, 15, True),
        ("failures for ten minutes", {"LedgerFailures": minutes(5, 15)}, 15, False),
    ],
    (QUIET, "QuietAlarm"): [
        ("no message for QuietHours", {"MessagesReceived": once()}, 240, True),
        ("a message less than QuietHours ago", {"MessagesReceived": once()}, 180, False),
    ],
}


@pytest.mark.parametrize(
    ("stack", "alarm", "series", "minute", "expected"),
    [
        pytest.param(stack, alarm, *row, id=f"{alarm}: {sentence}")
        for (stack, alarm), rows in TABLE.items()
        for sentence, *row in rows
    ],
)
def test_alarm_is_on_when_the_documentation_says_so(
    stack: Stack, alarm: str, series: dict[str, Points], minute: int, *, expected: bool
) -> None:
    assert is_on(stack.properties(alarm), series, minute * MINUTE) == expected


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_every_alarm_has_a_row_in_which_it_is_on_and_one_in_which_it_is_not(alarm: str) -> None:
    rows = [row for (_, name), rows in TABLE.items() if name == alarm for row in rows]
    assert {expected for *_, expected in rows} == {True, False}


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
    after = goes_off(alarm, {"RetryFailures": failures})
    assert after is not None
    assert after <= 10 * MINUTE
    assert goes_off(DEFAULT.properties("OldestMessageAlarm"), {AGE: ages}) is None
    assert len(deployment.waiting()) == 1, "it is still there"


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
