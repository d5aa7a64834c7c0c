"""The functions and the API that calls one of them."""

import json
import re

import pytest

from tests.template.stack import DEFAULT, TRACED, Stack
from tests.template.template import EXPANDED, PARAMETERS, arn, ref

FUNCTIONS = ("WebhookFunction", "RetryFunction")

SEGMENT_WAITS = 5
"""Seconds: https://segment.com/docs/connections/destinations/catalog/actions-webhook/"""

API_GATEWAY_WAITS = 30
"""Seconds: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""


def test_webhook_function_outlives_segments_patience_and_not_api_gateways() -> None:
    """Ended at Segment's five seconds, it could no longer put on the queue what is left."""
    assert SEGMENT_WAITS < DEFAULT.properties("WebhookFunction")["Timeout"] <= API_GATEWAY_WAITS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_runs_a_runtime_that_lambda_supports(name: str) -> None:
    """Python 3.13 until 2029-06-30: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""
    assert DEFAULT.properties(name)["Runtime"] == "python3.13"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_traces_nothing_of_its_own_unless_it_is_asked_to(name: str) -> None:
    """X-Ray's default rule takes the first request of each second, which may be every request:
    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html"""
    assert DEFAULT.properties(name)["TracingConfig"] == {"Mode": "PassThrough"}
    assert TRACED.properties(name)["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_developments_variables_do_not_exist_in_the_cloud(name: str) -> None:
    """Only `sam local` calls its stack so, and sets only variables that are declared."""
    development = {"AWS_ENDPOINT_URL", "KLAVIYO_PRIVATE_KEY", "SEGMENT_SHARED_SECRET"}
    local = Stack({"AWS::StackName": "local"})
    assert development <= local.properties(name)["Environment"]["Variables"].keys()
    assert not development & DEFAULT.properties(name)["Environment"]["Variables"].keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_variable_is_a_secret(name: str) -> None:
    variables = DEFAULT.properties(name)["Environment"]["Variables"]
    naming = {each for each in variables if re.search("KEY|SECRET|TOKEN|PASSWORD", each)}
    assert naming == {"CREDENTIALS_SECRET_ARN"}
    assert variables["CREDENTIALS_SECRET_ARN"] == ref("CredentialsSecret")


def test_webhook_functions_concurrency_is_reserved_only_where_asked_for() -> None:
    """Zero reserved would stop the function:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    name = "ReservedConcurrentExecutions"
    assert name not in DEFAULT.properties("WebhookFunction")
    assert Stack(WebhookConcurrency="5").properties("WebhookFunction")[name] == "5"


# The API


def test_api_takes_the_three_methods_of_segments_webhook() -> None:
    """https://segment.com/docs/connections/destinations/catalog/actions-webhook/"""
    paths = DEFAULT.properties("Api")["Body"]["paths"]
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/segment": ["patch", "post", "put"]
    }
    for operation in paths["/segment"].values():
        integration = operation["x-amazon-apigateway-integration"]
        # What `handler.door.request` reads:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        assert (integration["type"], integration["payloadFormatVersion"]) == ("aws_proxy", "2.0")
        assert "${WebhookFunction.Arn}" in integration["uri"]


def test_api_gateway_may_call_the_function_for_each_of_them_and_for_nothing_else() -> None:
    sources = sorted(
        each["SourceArn"].rpartition("${__ApiId__}")[2] or each["SourceArn"]
        for each in DEFAULT.of_type("AWS::Lambda::Permission").values()
    )
    assert [source.split("/", 2)[2] for source in sources] == [
        "PATCH/segment",
        "POST/segment",
        "PUT/segment",
    ]


def test_api_is_throttled_and_its_access_log_is_json() -> None:
    stage = DEFAULT.properties("ApiApiGatewayDefaultStage")
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": PARAMETERS["ThrottlingRate"]["Default"],
        "ThrottlingBurstLimit": PARAMETERS["ThrottlingBurst"]["Default"],
    }
    assert stage["AccessLogSettings"]["DestinationArn"] == arn("ApiLogGroup")
    assert {"requestId", "status"} <= json.loads(stage["AccessLogSettings"]["Format"]).keys()


# Logs


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("WebhookLogGroup", "/aws/lambda/shop/webhook"),
        ("RetryLogGroup", "/aws/lambda/shop/retry"),
        # Others would need entries in the account's log policy, which holds 5,120 characters:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
        ("ApiLogGroup", "/aws/vendedlogs/shop/api"),
    ],
)
def test_logs_are_the_stacks_own_and_kept_as_long_as_the_parameter_says(
    group: str, name: str
) -> None:
    made = Stack(LogRetentionDays="7").properties(group)
    assert (made["LogGroupName"], made["RetentionInDays"]) == (name, "7")


def test_functions_write_to_their_own_log_groups() -> None:
    for function, group in zip(FUNCTIONS, ("WebhookLogGroup", "RetryLogGroup"), strict=True):
        assert DEFAULT.properties(function)["LoggingConfig"] == {"LogGroup": ref(group)}


def test_sam_expands_the_template_to_conditions_that_are_declared() -> None:
    used = set(re.findall(r'"Condition": "(\w+)"', json.dumps(EXPANDED["Resources"])))
    assert used <= EXPANDED["Conditions"].keys()
