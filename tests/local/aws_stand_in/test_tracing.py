"""Hops are counted as Lambda counts them: through the function, botocore, SQS and the poller."""

from typing import Any

import boto3
import pytest
import requests

from local.aws_stand_in.function import RecursiveInvocationError
from local.aws_stand_in.poller import Poller
from local.aws_stand_in.tracing import MOST_INVOCATIONS, trace_of
from tests.deployment import Deployment
from tests.local.aws_stand_in.test_function import Factory, factory

__all__ = ["factory"]


def records(*headers: str | None) -> dict[str, Any]:
    return {
        "Records": [
            {"attributes": {} if header is None else {"AWSTraceHeader": header}}
            for header in headers
        ]
    }


def test_invocations_of_a_chain_are_counted() -> None:
    trace = trace_of({}, "RetryFunction")
    assert trace.invocation == 1
    assert trace_of(records(trace.header), "RetryFunction").invocation == 2


def test_another_functions_invocations_do_not_count() -> None:
    header = trace_of({}, "WebhookFunction").header
    assert trace_of(records(header, None), "RetryFunction").invocation == 1


def test_of_a_batch_the_longest_chain_counts() -> None:
    first = trace_of({}, "F").header
    second = trace_of(records(first), "F").header
    assert trace_of(records(first, second, None), "F").invocation == 3


def test_header_of_a_sending_function_is_in_the_record_of_the_next_batch(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = trace_of({}, "RetryFunction").header
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "RetryFunction")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    url = deployment.queues.retry_queue_url
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    seen: list[Any] = []
    poller = Poller(url, seen.append)
    poller.take(poller.receive(10))
    [record] = seen[0]["Records"]
    assert record["attributes"]["AWSTraceHeader"] == header
    assert record["body"] == "hello"


def test_body_that_was_cut_off_is_a_bad_request(aws_url: str) -> None:
    headers = {
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "X-Amzn-Trace-Id": trace_of({}, "RetryFunction").header,
    }
    answer = requests.post(aws_url, data='{"MessageBody": "hel', headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["__type"].rpartition("#")[2]) == (
        400,
        "SerializationException",
    )


def test_function_sees_its_header_and_is_stopped_at_the_seventeenth_invocation(
    factory: Factory,
) -> None:
    with factory.function("traced") as function:
        header = None
        for _ in range(MOST_INVOCATIONS):
            header = function.invoke(records(header))
        with pytest.raises(RecursiveInvocationError):
            function.invoke(records(header))


def test_function_that_may_recur_is_never_stopped(factory: Factory) -> None:
    with factory.function("traced", allows_recursion=True) as function:
        header = None
        for _ in range(MOST_INVOCATIONS + 2):
            header = function.invoke(records(header))
    assert header is not None
