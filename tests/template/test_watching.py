"""Alarms, dashboard, saved queries: what they read is written, what they say is explained."""

import json
import re

import pytest

from handler.report.telemetry import NAMESPACE, SERVICE, Metric, Telemetry
from tests.template.stack import DEFAULT, EVERY, Stack
from tests.template.template import RESOURCES, ROOT, of_type, properties, ref

OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")

ALARMS = {
    properties(name)["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): name
    for name in of_type("AWS::CloudWatch::Alarm")
}


@pytest.mark.parametrize("slug", ALARMS)
def test_alarm_is_told_to_the_topic_and_its_text_points_to_its_section(slug: str) -> None:
    alarm = Stack(
        RunbookUrl="https://git.example/docs/operating.md", QuietHours="3", Ledger="on"
    ).properties(ALARMS[slug])
    assert alarm["AlarmActions"] == alarm["OKActions"] == [ref("AlarmTopic")]
    assert alarm["AlarmDescription"].endswith(f" https://git.example/docs/operating.md#{slug}")
    assert OPERATING.count(f"\n### {slug}\n") == 1


def test_every_section_about_an_alarm_is_of_one_that_exists() -> None:
    (about_alarms,) = re.findall(r"\n## When an alarm goes off\n(.*?)\n## ", OPERATING, re.DOTALL)
    assert sorted(re.findall(r"^### (\S+)$", about_alarms, re.MULTILINE)) == sorted(ALARMS)


def test_alarm_stays_within_cloudwatchs_limits() -> None:
    """A description has 1,024 characters at most; the periods that are evaluated span a week at
    most: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    for stack in (*EVERY, Stack(QuietHours="24", RunbookUrl="x" * 200)):
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
            assert len(alarm["AlarmDescription"]) <= 1024
            assert int(alarm.get("Period", 300)) * int(alarm["EvaluationPeriods"]) <= 7 * 86_400
            assert int(alarm["DatapointsToAlarm"]) <= int(alarm["EvaluationPeriods"])


@pytest.mark.parametrize(
    ("slug", "namespace", "metric", "dimension"),
    [
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        ("dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        ("oldest-message", "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
        ("expiring-dead-letters", "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        ("recursion", "AWS/Lambda", "RecursiveInvocationsDropped", "FunctionName"),
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
        ("server-errors", "AWS/ApiGateway", "5xx", "ApiId"),
    ],
)
def test_alarm_reads_a_metric_that_aws_publishes(
    slug: str, namespace: str, metric: str, dimension: str
) -> None:
    alarm = DEFAULT.properties(ALARMS[slug])
    assert (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
    assert [each["Name"] for each in alarm["Dimensions"]] == [dimension]


def test_dead_letters_are_told_of_days_before_sqs_deletes_them() -> None:
    kept = DEFAULT.properties("DeadLetterQueue")["MessageRetentionPeriod"]
    alarm = DEFAULT.properties("ExpiringDeadLettersAlarm")
    assert kept - alarm["Threshold"] >= 3 * 86_400


def test_new_dead_letters_are_told_of_although_there_are_older_ones() -> None:
    """The alarm on the content stays on; the one on the arrivals ends when none arrive."""
    alarm = DEFAULT.properties("NewDeadLettersAlarm")
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Sum", "notBreaching")
    assert alarm["Period"] <= 900


def test_every_metric_that_is_watched_is_one_that_is_written() -> None:
    named = {
        text
        for each in (*of_type("AWS::CloudWatch::Alarm").values(), RESOURCES["Dashboard"])
        for text in re.findall(
            r"\b(?:Messages|Operations|Signature|Klaviyo|Import|Retry|Webhook|Ledger)[A-Z][A-Za-z]+",
            json.dumps(each),
        )
    }
    named -= {NAMESPACE, *RESOURCES}
    ours = {metric.value for metric in Metric}
    assert named - ours == set()
    assert len(named) > 10


def test_own_metrics_are_those_of_this_stack() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        stats = [
            each["MetricStat"]["Metric"]
            for each in alarm["Properties"].get("Metrics", [])
            if "MetricStat" in each
        ]
        for metric in stats or [alarm["Properties"]]:
            if metric["Namespace"] == NAMESPACE:
                assert metric["Dimensions"] == [{"Name": "service", "Value": ref("AWS::StackName")}]


def test_service_name_is_the_dimension_of_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry("stack")
    telemetry.count(Metric.RECEIVED, 1)
    telemetry.flush()
    assert json.loads(capsys.readouterr().out)["service"] == "stack"
    assert SERVICE == "klaviyo-destination"


def test_e_mail_is_subscribed_only_where_there_is_an_address() -> None:
    assert RESOURCES["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert properties("AlarmSubscription")["Endpoint"] == ref("AlarmEmail")


def test_dashboard_is_json_and_its_widgets_do_not_overlap() -> None:
    widgets = json.loads(properties("Dashboard")["DashboardBody"]["Fn::Sub"])["widgets"]
    taken = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23


def test_dashboard_shows_every_alarm_that_is_always_there() -> None:
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    shown = re.findall(r":alarm:\$\{AWS::StackName\}-([a-z-]+)", body)
    assert sorted(shown) == sorted(ALARMS.keys() - {"quiet", "ledger-failures"})


QUERY_LANGUAGE = set(
    """fields filter sort stats limit by as asc desc and or in like count sum latest ispresent
    coalesce 100 @timestamp @message @log""".split()  # noqa: SIM905
)


@pytest.mark.parametrize("name", of_type("AWS::Logs::QueryDefinition"))
def test_saved_query_asks_for_fields_that_are_logged(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    query = properties(name)["QueryString"]
    telemetry = Telemetry(name)  # a logger of its own, which writes to where it is read here
    telemetry.begin("request")
    telemetry.messages("dropped", "unsupported_type", ["a"])
    telemetry.count_reason(Metric.DROPPED, "unsupported_type", 1)
    telemetry.warning(
        "refused", message_id="a", operation="o", status=1, code="c", detail="d", pointer="p"
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = {key for line in lines for key in line}
    logged |= {f"{key}.0" for line in lines for key in line if isinstance(line[key], list)}
    words = set(re.findall(r"[@\w][\w.]*", re.sub(r'"[^"]*"', "", query)))
    own = set(re.findall(r" as (\w+)", query))
    assert words - own - QUERY_LANGUAGE <= logged
    assert properties(name)["LogGroupNames"] == [ref("WebhookLogGroup"), ref("RetryLogGroup")]
