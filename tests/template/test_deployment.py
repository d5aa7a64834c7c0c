"""The expanded template, deployed to moto's CloudFormation: what of it moto can make, is made.

Moto (5.2) makes roles, functions and their permissions, queues, the event source, log groups, the
topic and the dashboard. It makes no HTTP API, secret, queue or topic policy, alarm, subscription or
saved query; `.ci/deploy` deploys those to ministack.
"""

import functools
import io
import json
import uuid
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.template.stack import DEFAULT
from tests.template.template import BUCKET, EXPANDED, KEY

MADE = {
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


@functools.cache
def deployed() -> Mapping[str, str]:
    """A deployed stack: the physical ids of what was made, by logical id. No test changes it."""
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket=BUCKET)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("handler.py", "")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=archive.getvalue())
    formation = boto3.client("cloudformation")
    name = f"stack-{uuid.uuid4().hex[:8]}"
    with warnings.catch_warnings():
        # Moto warns of each type that it does not make, here and when it is asked for them.
        warnings.simplefilter("ignore")
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(EXPANDED),
            Parameters=[{"ParameterKey": "ListId", "ParameterValue": "Y6nRLr"}],
            Capabilities=["CAPABILITY_IAM"],
        )
        made = formation.describe_stack_resources(StackName=name)["StackResources"]
        (described,) = formation.describe_stacks(StackName=name)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    return {"": name} | {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in made
        if "PhysicalResourceId" in each and each["ResourceType"] in MADE
    }


@pytest.fixture
def stack(aws_variables: dict[str, str]) -> Mapping[str, str]:
    """One stack for all tests: moto takes a second to make it."""
    return deployed()


def attributes(queue_url: str) -> Mapping[Any, str]:
    sqs = boto3.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return found["Attributes"]


def test_all_that_moto_can_make_is_made(stack: Mapping[str, str]) -> None:
    expected = {name for name, each in DEFAULT.resources.items() if each["Type"] in MADE}
    assert stack.keys() - {""} == expected


def test_functions_have_their_parameters_and_none_of_developments_variables(
    stack: Mapping[str, str],
) -> None:
    functions = boto3.client("lambda")
    for name, timeout in (("WebhookFunction", 10), ("RetryFunction", 60)):
        made = functions.get_function_configuration(FunctionName=stack[name])
        assert (made["Runtime"], made["Timeout"], made["MemorySize"]) == (
            "python3.13",
            timeout,
            512,
        )
        variables = made["Environment"]["Variables"]
        assert variables["RETRY_QUEUE_URL"] == stack["RetryQueue"]
        assert variables["DEAD_LETTER_QUEUE_URL"] == stack["DeadLetterQueue"]
        assert variables["LIST_ID"] == "Y6nRLr"
        assert variables["POWERTOOLS_SERVICE_NAME"] == stack[""]
        development = ("AWS_ENDPOINT_URL", "KLAVIYO_PRIVATE_KEY", "SEGMENT_SHARED_SECRET")
        assert not [variable for variable in development if variable in variables]


def test_api_gateway_may_call_the_webhook_function_for_each_method(
    stack: Mapping[str, str],
) -> None:
    policy = boto3.client("lambda").get_policy(FunctionName=stack["WebhookFunction"])["Policy"]
    statements = json.loads(policy)["Statement"]
    assert {each["Principal"]["Service"] for each in statements} == {"apigateway.amazonaws.com"}
    routes = [each["Condition"]["ArnLike"]["AWS:SourceArn"] for each in statements]
    assert sorted(route.split("/", 2)[2] for route in routes) == [
        "PATCH/segment",
        "POST/segment",
        "PUT/segment",
    ]


def test_queues_are_joined_encrypted_and_keep_long_enough(stack: Mapping[str, str]) -> None:
    retry, dead = attributes(stack["RetryQueue"]), attributes(stack["DeadLetterQueue"])
    assert json.loads(retry["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead["QueueArn"],
        "maxReceiveCount": 100,
    }
    assert (retry["VisibilityTimeout"], retry["MessageRetentionPeriod"]) == ("365", "1209600")
    assert dead["MessageRetentionPeriod"] == "1209600"
    assert retry["SqsManagedSseEnabled"] == dead["SqsManagedSseEnabled"] == "true"
    assert retry["MaximumMessageSize"] == dead["MaximumMessageSize"] == "1048576"


def test_event_source_feeds_the_retry_function(stack: Mapping[str, str]) -> None:
    functions = boto3.client("lambda")
    sources = functions.list_event_source_mappings(FunctionName=stack["RetryFunction"])
    (source,) = sources["EventSourceMappings"]
    assert source["EventSourceArn"] == attributes(stack["RetryQueue"])["QueueArn"]
    assert source["FunctionArn"].endswith(f":function:{stack['RetryFunction']}")
    assert source["BatchSize"] == 100
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_log_groups_are_named_after_the_stack_and_kept_for_thirty_days(
    stack: Mapping[str, str],
) -> None:
    logs = boto3.client("logs").describe_log_groups()["logGroups"]
    kept = {each["logGroupName"]: each.get("retentionInDays") for each in logs}
    assert {name: days for name, days in kept.items() if stack[""] in name} == {
        f"/aws/lambda/{stack['']}/webhook": 30,
        f"/aws/lambda/{stack['']}/retry": 30,
        f"/aws/vendedlogs/{stack['']}/api": 30,
    }


def test_dashboard_names_what_was_made(stack: Mapping[str, str]) -> None:
    cloudwatch = boto3.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName=f"{stack['']}-us-east-1")["DashboardBody"]
    assert stack["RetryFunction"] in body
    assert stack["RetryQueue"].rsplit("/", 1)[-1] in body
