"""What AWS's documentation asks of the queues and of what feeds the retry function."""

import pytest

from handler.queue.envelope import MAX_BYTES
from tests.template.stack import DEFAULT, ENCRYPTED, EVERY, KEY, PAUSED, Stack
from tests.template.template import PARAMETERS, RESOURCES, arn, ref

DAY = 86_400
RETRY, DEAD = "RetryQueue", "DeadLetterQueue"

LONGEST_RETENTION = 14 * DAY
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""

LARGEST_MESSAGE = 1_048_576
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


def test_visibility_is_six_times_the_functions_timeout_and_its_window() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    window = DEFAULT.properties("RetryFunctionQueue")["MaximumBatchingWindowInSeconds"]
    timeout = DEFAULT.properties("RetryFunction")["Timeout"]
    assert DEFAULT.properties(RETRY)["VisibilityTimeout"] >= 6 * timeout + window


def test_a_message_may_fail_five_times_before_it_is_a_dead_letter() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    policy = DEFAULT.properties(RETRY)["RedrivePolicy"]
    assert policy["deadLetterTargetArn"] == arn(DEAD)
    assert policy["maxReceiveCount"] >= 5


@pytest.mark.parametrize("name", [RETRY, DEAD])
def test_messages_are_kept_for_as_long_as_sqs_can(name: str) -> None:
    """A shorter time after a pause would delete what the pause has kept: SQS applies a change to
    the messages that are there."""
    for stack in EVERY:
        assert stack.properties(name)["MessageRetentionPeriod"] == LONGEST_RETENTION


def test_nothing_waits_for_longer_than_it_is_kept() -> None:
    longest = PARAMETERS["RetryHours"]["MaxValue"] * 3600
    assert DEFAULT.properties(RETRY)["MessageRetentionPeriod"] > longest


@pytest.mark.parametrize("name", [RETRY, DEAD])
def test_the_largest_message_is_pinned_and_holds_the_largest_envelope(name: str) -> None:
    assert DEFAULT.properties(name)["MaximumMessageSize"] == LARGEST_MESSAGE
    assert MAX_BYTES <= LARGEST_MESSAGE


@pytest.mark.parametrize("name", [RETRY, DEAD])
def test_queue_is_encrypted_by_sqs_or_by_the_key_and_never_by_both(name: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""
    assert DEFAULT.properties(name)["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in DEFAULT.properties(name)
    assert ENCRYPTED.properties(name)["KmsMasterKeyId"] == KEY
    assert "SqsManagedSseEnabled" not in ENCRYPTED.properties(name)


def test_dead_letters_outlive_the_stack() -> None:
    assert RESOURCES[DEAD]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_both_queues_take_no_request_without_tls() -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"""
    policy = DEFAULT.properties("QueuePolicy")
    assert policy["Queues"] == [ref(RETRY), ref(DEAD)]
    (statement,) = policy["PolicyDocument"]["Statement"]
    # The queue that has the policy. A list of queues is refused, though moto takes it:
    # https://github.com/remind101/stacker_blueprints/pull/71
    assert statement["Resource"] == "*"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "sqs:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_event_source_reports_partial_failures_and_keeps_within_lambdas_limits() -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    source = DEFAULT.properties("RetryFunctionQueue")
    assert source["EventSourceArn"] == arn(RETRY)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Above ten messages a batch Lambda wants a window of a second or more.
    assert 10 < source["BatchSize"] <= 10_000
    assert 1 <= source["MaximumBatchingWindowInSeconds"] <= 300
    facts = PARAMETERS["RetryConcurrency"]
    assert (facts["MinValue"], facts["MaxValue"]) == (2, 1000)
    assert source["ScalingConfig"]["MaximumConcurrency"] == facts["Default"]


def test_the_retry_function_may_put_back_on_the_queue_that_invokes_it() -> None:
    """Lambda ends a loop after 16 rounds otherwise:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    assert DEFAULT.properties("RetryFunction")["RecursiveLoop"] == "Allow"


# The pause


def test_during_a_pause_nothing_is_received_so_nothing_comes_nearer_to_the_dead_letters() -> None:
    assert DEFAULT.properties("RetryFunctionQueue")["Enabled"] is True
    assert PAUSED.properties("RetryFunctionQueue")["Enabled"] is False
    for name in ("WebhookFunction", "RetryFunction"):
        assert PAUSED.properties(name)["Environment"]["Variables"]["PAUSE"] == "on"


def test_a_pause_changes_the_functions_the_event_source_and_one_threshold_only() -> None:
    changed = {
        name for name, each in DEFAULT.resources.items() if PAUSED.resources.get(name) != each
    }
    assert changed == {
        "WebhookFunction",
        "RetryFunction",
        "RetryFunctionQueue",
        "OldestMessageAlarm",
    }


def test_a_pause_is_no_cause_for_an_alarm_before_messages_are_near_their_end() -> None:
    """SQS deletes a message after the retention period without a word."""
    kept = PAUSED.properties(RETRY)["MessageRetentionPeriod"]
    threshold = Stack(Pause="on").properties("OldestMessageAlarm")["Threshold"]
    assert kept - threshold >= 3 * DAY
    assert threshold >= 7 * DAY
