"""The poller does with a queue and a function what Lambda's event source mapping does."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.aws_stand_in import server as aws
from local.aws_stand_in.function import FunctionError
from local.aws_stand_in.poller import MAX_BATCH_BYTES, Batch, Poller, failures
from tests.deployment import Deployment


class Function:
    """Notes its lambda events; `answer` makes the answer from the ids of an event's messages."""

    def __init__(self, answer: Callable[[list[str]], Any] = lambda _: None) -> None:
        self.lambda_events: list[dict[str, Any]] = []
        self.answer = answer

    def invoke(self, lambda_event: Any) -> Any:
        self.lambda_events.append(lambda_event)
        return self.answer([record["messageId"] for record in lambda_event["Records"]])

    @property
    def bodies(self) -> list[list[str]]:
        return [
            [record["body"] for record in lambda_event["Records"]]
            for lambda_event in self.lambda_events
        ]


def poll(deployment: Deployment, function: Function, batches: int = 1, **options: Any) -> None:
    """Poll until the function has had so many batches and the poller is done with them.

    Whatever takes several receives to gather needs a window that a busy machine keeps to as well.
    """
    seen: list[Batch] = []
    url = deployment.queues.retry_queue_url
    options = {"window_seconds": 0.1, **options}
    with Poller(url, function.invoke, seen.append, **options):
        until = time.monotonic() + 60
        while len(seen) < batches and time.monotonic() < until:
            time.sleep(0.01)


def left(deployment: Deployment) -> aws.Depth:
    return aws.depth(deployment.sqs, deployment.queues.retry_queue_url)


def test_record_is_what_lambda_makes_of_a_message(deployment: Deployment) -> None:
    deployment.put("hello")
    function = Function()
    poll(deployment, function)
    ((record,),) = [lambda_event["Records"] for lambda_event in function.lambda_events]
    attributes = record.pop("attributes")
    assert attributes["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= attributes.keys()
    assert record.pop("messageId")
    assert record.pop("receiptHandle")
    name = deployment.queues.retry_queue_url.rpartition("/")[2]
    assert record == {
        "body": "hello",
        "messageAttributes": {},
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{name}",
        "awsRegion": "us-east-1",
    }


def test_what_has_been_done_is_deleted(deployment: Deployment) -> None:
    for number in range(25):
        deployment.put(str(number))
    function = Function()
    poll(deployment, function, batch_size=25, window_seconds=60.0)
    assert sorted(function.bodies[0], key=int) == [str(number) for number in range(25)]
    assert left(deployment).total == 0


def test_what_failed_stays_invisible_until_its_time(deployment: Deployment) -> None:
    for body in ("one", "two", "three"):
        deployment.put(body)
    function = Function(lambda ids: {"batchItemFailures": [{"itemIdentifier": ids[1]}]})
    poll(deployment, function)
    assert left(deployment) == aws.Depth(visible=0, in_flight=1, delayed=0)


def test_all_stay_when_the_function_fails(deployment: Deployment) -> None:
    deployment.put("one")
    deployment.put("two")

    def fail(_: list[str]) -> Any:
        raise FunctionError("it died")

    poll(deployment, Function(fail))
    assert left(deployment) == aws.Depth(visible=0, in_flight=2, delayed=0)


def test_batch_holds_no_more_than_its_size(deployment: Deployment) -> None:
    for number in range(22):
        deployment.put(str(number))
    function = Function()
    poll(deployment, function, batches=2, batch_size=11, window_seconds=60.0)
    assert [len(bodies) for bodies in function.bodies] == [11, 11]


def test_batch_holds_no_more_than_lambda_takes(deployment: Deployment) -> None:
    for _ in range(7):
        deployment.put("x" * 900_000)
    function = Function()
    poll(deployment, function, batches=2)
    assert [len(bodies) for bodies in function.bodies] == [MAX_BATCH_BYTES // 900_000, 1]
    assert left(deployment).total == 0


def test_each_batch_is_told(deployment: Deployment) -> None:
    deployment.put("one")
    deployment.put("two")
    seen: list[Batch] = []
    function = Function(lambda ids: {"batchItemFailures": [{"itemIdentifier": ids[0]}]})
    poller = Poller(deployment.queues.retry_queue_url, function.invoke, seen.append)
    answer = deployment.sqs.receive_message(
        QueueUrl=deployment.queues.retry_queue_url, MaxNumberOfMessages=10
    )
    poller.take(answer["Messages"])
    assert [(batch.received, batch.failed) for batch in seen] == [(2, 1)]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemidentifier": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": "a"}, {"a", "b"}),
        ("done", {"a", "b"}),
    ],
)
def test_failures_are_read_as_lambda_reads_them(answer: Any, failed: set[str]) -> None:
    assert failures(answer, {"a", "b"}) == failed


def test_message_that_failed_too_often_goes_to_the_dead_letter_queue(
    deployment: Deployment,
) -> None:
    deployment.put(json.dumps({"schema": 1, "entries": [{"n": 1}]}))
    url = deployment.queues.retry_queue_url
    for _ in range(aws.MAX_RECEIVES + 1):
        deployment.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert (left(deployment).total, deployment.dead()) == (0, [{"n": 1}])
