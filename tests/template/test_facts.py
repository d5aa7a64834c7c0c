"""What is deployed, by number: the template expanded, and whole values compared."""

import copy
import json
import re
from typing import Any

import pytest

from handler.aws.environment import Environment
from handler.report.telemetry import NAMESPACE, SERVICE, Metric, Telemetry
from klaviyo_mapping.settings.declaration import declared
from klaviyo_mapping.settings.settings import Settings
from ledger.keys import INDEX
from local import snapstart
from local.aws_stand_in.template import load
from tests.template.template import (
    EXPANDED,
    PARAMETERS,
    RESOURCES,
    ROOT,
    SOURCE,
    arn,
    expand,
    of_type,
    properties,
    ref,
)

FUNCTIONS = {
    "WebhookFunction": ("handler.webhook.lambda_handler", 10),
    "RetryFunction": ("handler.retry.lambda_handler", 60),
}

OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")

DAY = 86_400

NO_VALUE = {"Fn::If": ["IsOnThisMachine", "", ref("AWS::NoValue")]}

SETTINGS = (*declared(Settings), *declared(Environment))

VARIABLES: dict[str, Any] = {
    **{each.variable: ref(each.parameter) for each in SETTINGS},
    **{each.variable: NO_VALUE for each in SETTINGS if each.setting.origin == "local"},
    "CREDENTIALS_SECRET_ARN": ref("CredentialsSecret"),
    "RETRY_QUEUE_URL": ref("RetryQueue"),
    "DEAD_LETTER_QUEUE_URL": ref("DeadLetterQueue"),
    "LEDGER_TABLE": {"Fn::If": ["HasLedger", ref("LedgerTable"), ""]},
    "POWERTOOLS_LOG_LEVEL": ref("LogLevel"),
    "POWERTOOLS_SERVICE_NAME": ref("AWS::StackName"),
}


# The functions


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_runs_python_3_13_traced_on_the_chosen_processor(name: str) -> None:
    function = properties(name)
    assert (function["Handler"], function["Timeout"]) == FUNCTIONS[name]
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == [ref("Architecture")]
    assert function["MemorySize"] == ref("MemorySize")
    assert function["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_these_variables_and_no_others(name: str) -> None:
    assert properties(name)["Environment"] == {"Variables": VARIABLES}


def test_developments_variables_do_not_exist_in_the_cloud() -> None:
    """Only `sam local` calls its stack so, and sets only variables that are declared."""
    condition = EXPANDED["Conditions"]["IsOnThisMachine"]
    assert condition == {"Fn::Equals": [ref("AWS::StackName"), "local"]}


def test_processor_is_arm64_unless_chosen_otherwise() -> None:
    assert PARAMETERS["Architecture"]["Default"] == "arm64"
    assert PARAMETERS["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_webhook_functions_concurrency_is_reserved_only_where_asked_for() -> None:
    reserved = properties("WebhookFunction")["ReservedConcurrentExecutions"]
    assert reserved == {
        "Fn::If": ["HasWebhookConcurrency", ref("WebhookConcurrency"), ref("AWS::NoValue")]
    }
    assert PARAMETERS["WebhookConcurrency"]["Default"] == 0


# The API


def test_api_has_one_path_and_three_methods_with_payload_2_0() -> None:
    paths = properties("Api")["Body"]["paths"]
    assert paths.keys() == {"/segment"}
    integrations = {
        method: operation["x-amazon-apigateway-integration"]
        for method, operation in paths["/segment"].items()
    }
    assert integrations.keys() == {"post", "put", "patch"}
    for integration in integrations.values():
        assert integration["payloadFormatVersion"] == "2.0"
        assert integration["type"] == "aws_proxy"
        assert "${WebhookFunction.Arn}" in integration["uri"]["Fn::Sub"]


def test_api_is_throttled_and_keeps_access_logs_as_json() -> None:
    stage = properties("ApiApiGatewayDefaultStage")
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": ref("ThrottlingRate"),
        "ThrottlingBurstLimit": ref("ThrottlingBurst"),
    }
    assert stage["AccessLogSettings"]["DestinationArn"] == arn("ApiLogGroup")
    assert "status" in json.loads(stage["AccessLogSettings"]["Format"])


# The queues


def test_retry_queue() -> None:
    assert properties("RetryQueue") == {
        "SqsManagedSseEnabled": True,
        "VisibilityTimeout": 365,
        "MessageRetentionPeriod": 4 * DAY,
        "RedrivePolicy": {"deadLetterTargetArn": arn("DeadLetterQueue"), "maxReceiveCount": 100},
    }


def test_dead_letter_queue_outlives_the_stack() -> None:
    assert properties("DeadLetterQueue") == {
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 14 * DAY,
    }
    assert RESOURCES["DeadLetterQueue"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_visibility_is_six_times_the_functions_timeout_and_its_window() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    source = properties("RetryFunctionQueue")
    window = source["MaximumBatchingWindowInSeconds"]
    visibility = properties("RetryQueue")["VisibilityTimeout"]
    assert visibility >= 6 * properties("RetryFunction")["Timeout"] + window


def test_dead_letters_are_kept_longer_than_anything_waits() -> None:
    """A message that SQS moves keeps its age."""
    retry = properties("RetryQueue")["MessageRetentionPeriod"]
    assert properties("DeadLetterQueue")["MessageRetentionPeriod"] > retry
    assert retry > PARAMETERS["RetryHours"]["MaxValue"] * 3600


def test_both_queues_take_no_request_without_tls() -> None:
    both = [arn("RetryQueue"), arn("DeadLetterQueue")]
    assert properties("QueuePolicy") == {
        "Queues": [ref("RetryQueue"), ref("DeadLetterQueue")],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": both,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
    }


def test_retry_function_takes_batches_and_reports_partial_failures() -> None:
    assert properties("RetryFunctionQueue") == {
        "EventSourceArn": arn("RetryQueue"),
        "FunctionName": ref("RetryFunction"),
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": ref("RetryConcurrency")},
    }
    assert (
        PARAMETERS["RetryConcurrency"]["MinValue"],
        PARAMETERS["RetryConcurrency"]["Default"],
    ) == (2, 2)


# The ledger


def test_the_ledgers_table_exists_only_where_it_is_asked_for() -> None:
    assert RESOURCES["LedgerTable"]["Condition"] == "HasLedger"
    assert EXPANDED["Conditions"]["HasLedger"] == {"Fn::Equals": [ref("Ledger"), "on"]}
    assert PARAMETERS["Ledger"]["Default"] == "off"


def test_the_ledgers_table_is_paid_by_request_encrypted_expires_and_can_be_restored() -> None:
    table = properties("LedgerTable")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert [each["IndexName"] for each in table["GlobalSecondaryIndexes"]] == [INDEX]


# Rights


READ_SECRET = ("secretsmanager:GetSecretValue", ref("CredentialsSecret"))
SEND = ("sqs:SendMessage", [arn("RetryQueue"), arn("DeadLetterQueue")])
USE_LEDGER = (
    [
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
    ],
    [arn("LedgerTable"), {"Fn::Sub": "${LedgerTable.Arn}/index/by-person"}],
)
TRACE = (["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")
LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
TAKE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


@pytest.mark.parametrize(
    ("function", "role", "rights"),
    [
        (
            "WebhookFunction",
            "WebhookRole",
            [READ_SECRET, SEND, USE_LEDGER, (LOG, arn("WebhookLogGroup")), TRACE],
        ),
        (
            "RetryFunction",
            "RetryRole",
            [
                READ_SECRET,
                SEND,
                USE_LEDGER,
                (TAKE, arn("RetryQueue")),
                (LOG, arn("RetryLogGroup")),
                TRACE,
            ],
        ),
    ],
)
def test_function_may_do_what_it_does_and_nothing_else(
    function: str, role: str, rights: list[tuple[Any, Any]]
) -> None:
    assert properties(function)["Role"] == arn(role)
    of_role = properties(role)
    assert of_role.keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    (policy,) = of_role["Policies"]
    statements = [_where_on(each) for each in policy["PolicyDocument"]["Statement"]]
    assert [(each["Action"], each["Resource"]) for each in statements] == rights
    assert {each["Effect"] for each in statements} == {"Allow"}


def _where_on(statement: dict[str, Any]) -> dict[str, Any]:
    """The statement; of one that only the ledger needs, what it is where there is a ledger."""
    if "Fn::If" not in statement:
        return statement
    condition, where_on, where_off = statement["Fn::If"]
    assert (condition, where_off) == ("HasLedger", ref("AWS::NoValue"))
    return dict(where_on)


def test_there_are_no_other_roles() -> None:
    assert of_type("AWS::IAM::Role").keys() == {"WebhookRole", "RetryRole"}
    assert not of_type("AWS::IAM::Policy") | of_type("AWS::IAM::ManagedPolicy")


def test_secret_is_made_empty() -> None:
    assert properties("CredentialsSecret").keys() == {"Description"}


def test_no_parameter_asks_for_a_secret() -> None:
    assert not [name for name in PARAMETERS if re.search("key|secret|token|password", name, re.I)]


# Logs


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("WebhookLogGroup", "/aws/lambda/${AWS::StackName}/webhook"),
        ("RetryLogGroup", "/aws/lambda/${AWS::StackName}/retry"),
        ("ApiLogGroup", "/aws/vendedlogs/${AWS::StackName}/api"),
    ],
)
def test_logs_are_kept_as_long_as_the_parameter_says(group: str, name: str) -> None:
    assert properties(group) == {
        "LogGroupName": {"Fn::Sub": name},
        "RetentionInDays": ref("LogRetentionDays"),
    }


def test_functions_write_to_their_own_log_groups() -> None:
    assert properties("WebhookFunction")["LoggingConfig"] == {"LogGroup": ref("WebhookLogGroup")}
    assert properties("RetryFunction")["LoggingConfig"] == {"LogGroup": ref("RetryLogGroup")}


# Parameters


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_is_described_typed_bounded_and_in_a_group(name: str) -> None:
    parameter = PARAMETERS[name]
    interface = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [each for group in interface["ParameterGroups"] for each in group["Parameters"]]
    assert parameter["Type"] in ("String", "Number")
    assert parameter["Description"].endswith(".")
    assert "Default" in parameter
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
    assert grouped.count(name) == 1
    assert name in interface["ParameterLabels"]


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("AudienceLists", ["", "auto", "AUTO", "{}", '{"vips": "Y6nRLr"}'], ["vips", "[]", "off"]),
        ("SubscribeEvent", ["User Subscribed", "x", "x" * 127], ["", " x", "x" * 128]),
        ("UnsubscribeEvent", ["User Unsubscribed", "x", "x" * 127], ["", "x ", "x" * 128]),
        ("KeepUserId", ["", "user_id", "Segment User-Id"], ["$id", "a/b", "x" * 65]),
        ("ForwardTypes", ["", "page", "group,page, screen"], ["alias", "page,", ",", "page;group"]),
        ("ConsentSource", ["Segment", "x", "Web shop", "x" * 100], ["", " x", "x" * 101]),
    ],
)
def test_parameters_pattern_takes_what_the_setting_takes(
    name: str, taken: list[str], refused: list[str]
) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    (variable,) = [key for key, value in VARIABLES.items() if value == ref(name)]
    for text in taken:
        assert re.search(pattern, text)
        Settings.from_environment({variable: text})
    for text in refused:
        assert not re.search(pattern, text)


def test_parameter_of_the_rules_file_takes_what_the_build_takes_along() -> None:
    pattern = PARAMETERS["RulesFile"]["AllowedPattern"]
    assert all(re.search(pattern, text) for text in ("", "rules.toml", "rules.prod-1.toml"))
    assert not any(re.search(pattern, text) for text in ("a/x.toml", "../x.toml", "rules.json"))
    assert "RULES := $(wildcard *.toml)" in (ROOT / "src" / "Makefile").read_text()


# Alarms, dashboard, queries


ALARMS = {
    properties(name)["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): name
    for name in of_type("AWS::CloudWatch::Alarm")
}


def test_alarms() -> None:
    assert ALARMS.keys() == {
        "dead-letters",
        "oldest-message",
        "retry-failures",
        "recursion",
        "still-failing",
        "server-errors",
        "signature-failures",
        "unauthorized",
        "klaviyo-throttling",
        "lambda-throttling",
        "function-errors",
        "quiet",
    }


@pytest.mark.parametrize("slug", ALARMS)
def test_alarm_is_told_to_the_topic_and_explained_to_operators(slug: str) -> None:
    alarm = properties(ALARMS[slug])
    assert alarm["AlarmActions"] == alarm["OKActions"] == [ref("AlarmTopic")]
    assert f"| `{slug}` |" in OPERATING


def test_every_metric_that_is_watched_is_one_that_is_written() -> None:
    named = {
        text
        for each in (*of_type("AWS::CloudWatch::Alarm").values(), RESOURCES["Dashboard"])
        for text in re.findall(
            r"\b(?:Messages|Operations|Signature|Klaviyo|Import|Retry|Webhook)[A-Z][A-Za-z]+",
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
    assert sorted(shown) == sorted(ALARMS.keys() - {"quiet"})


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


# Checks


def test_every_exception_from_the_policy_check_is_one_resources_and_has_a_reason() -> None:
    exceptions = {
        (skip["id"], name): skip["comment"]
        for name, resource in RESOURCES.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert {check for check, _ in exceptions} == {
        "CKV_AWS_26",
        "CKV_AWS_27",
        "CKV_AWS_115",
        "CKV_AWS_116",
        "CKV_AWS_117",
        "CKV_AWS_119",
        "CKV_AWS_149",
        "CKV_AWS_158",
        "CKV_AWS_173",
        "CKV_AWS_338",
    }
    assert all(len(comment) > 40 for comment in exceptions.values())
    assert not list(ROOT.glob(".checkov*"))


# SnapStart


def test_lines_for_snapstart_publish_a_version_of_every_setting() -> None:
    """SAM's logical id of a version follows the code alone; a changed description replaces it."""
    changed = copy.deepcopy(SOURCE)
    changed["Resources"]["WebhookFunction"]["Properties"] |= load(snapstart.lines())
    resources = expand(changed)["Resources"]
    (version,) = [each for each in resources.values() if each["Type"] == "AWS::Lambda::Version"]
    described = set(re.findall(r"\$\{(\w+)\}", version["Properties"]["Description"]["Fn::Sub"]))
    assert described == {
        value["Ref"] for value in VARIABLES.values() if value.get("Ref") in PARAMETERS
    }
    integration = resources["Api"]["Properties"]["Body"]["paths"]["/segment"]["post"]
    assert "WebhookFunctionAliaslive" in json.dumps(integration)
