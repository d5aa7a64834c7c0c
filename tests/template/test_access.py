"""Who may do what, and what is encrypted with which key: the least that is needed."""

from typing import Any

import pytest

from tests.template.stack import (
    DEFAULT,
    ENCRYPTED,
    EVERY,
    KEY,
    PSEUDO,
    TRACED,
    WITH_CHAT,
    WITH_LEDGER,
    Stack,
)
from tests.template.template import PARAMETERS, RESOURCES, arn, ref

Right = tuple[frozenset[str], tuple[str, ...]]


def rights(stack: Stack, role: str) -> set[Right]:
    """What a role allows: actions, and what they are allowed on."""
    of_role = stack.properties(role)
    assert of_role.keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    (policy,) = of_role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in statements} == {"Allow"}
    return {(frozenset(listed(each["Action"])), on(each["Resource"])) for each in statements}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def on(value: Any) -> tuple[str, ...]:
    names = (
        each if isinstance(each, str) else each.get("Ref") or each["Fn::GetAtt"][0]
        for each in listed(value)
        # An index of a table that stands here as well.
        if "/index/" not in str(each)
    )
    return tuple(sorted(names))


SECRET = (frozenset({"secretsmanager:GetSecretValue"}), ("CredentialsSecret",))
SEND = (frozenset({"sqs:SendMessage"}), ("DeadLetterQueue", "RetryQueue"))
LOG = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
TAKE = (
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
    frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}),
    ("RetryQueue",),
)
TRACE = (
    # https://docs.aws.amazon.com/lambda/latest/dg/python-tracing.html
    frozenset({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}),
    ("*",),
)
USE_KEY = (
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
    (KEY,),
)

USE_LEDGER = (
    # What `ledger.table` and `ledger.swaps` call; a transaction of puts needs the right to put:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    frozenset(
        {
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:Query",
        }
    ),
    ("LedgerTable",),
)
USE_KEY_FOR_A_TABLE = (
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    frozenset(
        {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
    ),
    (KEY,),
)

WEBHOOK = {SECRET, SEND, (LOG, ("WebhookLogGroup",))}
RETRY = {SECRET, SEND, TAKE, (LOG, ("RetryLogGroup",))}


@pytest.mark.parametrize(
    ("stack", "more"),
    [
        (DEFAULT, set()),
        (TRACED, {TRACE}),
        (ENCRYPTED, {USE_KEY}),
        (WITH_LEDGER, {USE_LEDGER}),
        (Stack(EncryptionKeyArn=KEY, Ledger="on"), {USE_LEDGER, USE_KEY_FOR_A_TABLE}),
    ],
)
@pytest.mark.parametrize(
    ("function", "role", "always"),
    [("WebhookFunction", "WebhookRole", WEBHOOK), ("RetryFunction", "RetryRole", RETRY)],
)
def test_function_may_do_what_it_does_and_nothing_else(
    function: str, role: str, always: set[Right], stack: Stack, more: set[Right]
) -> None:
    assert stack.properties(function)["Role"] == arn(role)
    assert rights(stack, role) == always | more


@pytest.mark.parametrize("role", ["WebhookRole", "RetryRole"])
@pytest.mark.parametrize(("ledger", "more"), [("off", []), ("on", ["dynamodb"])])
@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [("aws", "us-east-1", "amazonaws.com"), ("aws-cn", "cn-north-1", "amazonaws.com.cn")],
)
def test_a_function_may_use_the_key_only_through_the_services_that_it_calls(
    partition: str, region: str, suffix: str, ledger: str, more: list[str], role: str
) -> None:
    """The names of the services end with amazonaws.com in every partition:
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service"""
    pseudo = {"AWS::Partition": partition, "AWS::Region": region, "AWS::URLSuffix": suffix}
    stack = Stack({**PSEUDO, **pseudo}, EncryptionKeyArn=KEY, Ledger=ledger)
    conditions = {
        each["Sid"]: each.get("Condition")
        for each in stack.properties(role)["Policies"][0]["PolicyDocument"]["Statement"]
    }
    services = [f"{name}.{region}.amazonaws.com" for name in ("secretsmanager", "sqs", *more)]
    assert conditions.pop("UseEncryptionKey") == {"StringEquals": {"kms:ViaService": services}}
    assert set(conditions.values()) == {None}


def test_there_are_no_other_roles() -> None:
    assert DEFAULT.of_type("AWS::IAM::Role").keys() == {"WebhookRole", "RetryRole"}
    assert WITH_CHAT.of_type("AWS::IAM::Role").keys() == {"WebhookRole", "RetryRole", "ChatRole"}
    for stack in EVERY:
        assert not stack.of_type("AWS::IAM::Policy") | stack.of_type("AWS::IAM::ManagedPolicy")


def test_a_chat_channel_may_read_metrics_only() -> None:
    """Without a guardrail AWS sets AdministratorAccess:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-chatbot-slackchannelconfiguration.html"""
    ((actions, _),) = rights(WITH_CHAT, "ChatRole")
    assert {action.split(":")[0] for action in actions} == {"cloudwatch"}
    assert all(action.split(":")[1].startswith("Get") for action in actions)
    for name in ("SlackChat", "TeamsChat"):
        channel = WITH_CHAT.properties(name)
        assert channel["GuardrailPolicies"] == ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"]
        assert channel["IamRoleArn"] == arn("ChatRole")
        assert channel["SnsTopicArns"] == [ref("AlarmTopic")]


@pytest.mark.parametrize(
    "given",
    [
        {"SlackWorkspace": "T07EA123LEP"},
        {"SlackChannel": "C07EZ1ABC23"},
        {"TeamsTenant": "11111111-2222-3333-4444-555555555555"},
    ],
)
def test_half_an_address_of_a_chat_channel_makes_none(given: dict[str, str]) -> None:
    assert not {"ChatRole", "SlackChat", "TeamsChat"} & Stack(**given).resources.keys()


# The secret


def test_secret_is_made_empty_and_carries_the_stacks_name() -> None:
    secret = DEFAULT.properties("CredentialsSecret")
    assert secret["Name"] == "shop/credentials"
    assert not {"SecretString", "GenerateSecretString"} & secret.keys()


def test_no_parameter_asks_for_a_secret() -> None:
    words = ("key", "secret", "token", "password")
    asking = {name for name in PARAMETERS if any(word in name.lower() for word in words)}
    assert asking == {"EncryptionKeyArn"}


# The key


def test_the_key_encrypts_secret_queues_and_logs() -> None:
    with_key = {
        name
        for name, each in ENCRYPTED.resources.items()
        if KEY in (each["Properties"].get("KmsKeyId"), each["Properties"].get("KmsMasterKeyId"))
    }
    assert with_key == {
        "CredentialsSecret",
        "RetryQueue",
        "DeadLetterQueue",
        "WebhookLogGroup",
        "RetryLogGroup",
        "ApiLogGroup",
    }
    assert "kms" not in str(DEFAULT.resources).lower()


def test_the_key_encrypts_the_ledger_as_well() -> None:
    table = Stack(EncryptionKeyArn=KEY, Ledger="on").properties("LedgerTable")
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }


def test_every_exception_from_the_policy_check_is_one_resources_and_has_a_reason() -> None:
    exceptions = {
        (skip["id"], name): skip["comment"]
        for name, resource in RESOURCES.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert exceptions
    assert all(len(comment) > 40 for comment in exceptions.values())
