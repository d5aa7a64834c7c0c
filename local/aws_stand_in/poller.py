"""Feeds a queue to a function, as Lambda's event source mapping does.

It receives ten messages at a time, gathers them for a window, invokes the function with the batch,
deletes what the answer does not name as failed, and leaves the rest to the visibility timeout:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from local.aws_stand_in.function import FunctionError
from local.aws_stand_in.server import REGION, arn_of
from local.background import Background

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH_SIZE = 100
WINDOW_SECONDS = 0.5
"""The template lets Lambda wait longer. Here somebody is watching."""

MAX_BATCH_BYTES = 6_000_000
"""The most bytes of a batch's records as JSON, in which a body's quotes cost two bytes. That is
below Lambda's payload of 6 MiB, with room for the rest of the event."""

RECORD_BYTES = 1_000
"""The size of a record without its body."""

LOOK_SECONDS = 0.2
"""Between two requests for messages. Lambda polls long, and moto serves one request at a time."""

Invoke = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of one batch: its SQS messages, the failed ones, and the seconds it took."""

    received: int
    failed: int
    seconds: float


class Poller(Background):
    """Polls in a thread of its own, from `with` to its end."""

    def __init__(
        self,
        queue_url: str,
        invoke: Invoke,
        on_batch: Callable[[Batch], None] = lambda _: None,
        *,
        batch_size: int = BATCH_SIZE,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._queue_url = queue_url
        self._invoke = invoke
        self._on_batch = on_batch
        self._batch_size = batch_size
        self._window_seconds = window_seconds
        self._sqs: SQSClient = boto3.client("sqs")
        self._arn = arn_of(queue_url)
        self._surplus: list[MessageTypeDef] = []
        super().__init__("poller")

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._sqs.close()

    def work(self) -> None:
        while not self.stopped.is_set():
            batch = self._gather()
            if batch and not self.stopped.is_set():
                self.take(batch)

    def _gather(self) -> "list[MessageTypeDef]":
        """The messages that arrive within the window, as many as fit into one invocation."""
        gathered, self._surplus = self._surplus, []
        until = time.monotonic() + self._window_seconds if gathered else None
        while len(gathered) < self._batch_size and _fitting(gathered) == len(gathered):
            if self.stopped.is_set():
                break
            received = self.receive(min(10, self._batch_size - len(gathered)))
            gathered += received
            if gathered and until is None:
                until = time.monotonic() + self._window_seconds
            if until is not None and time.monotonic() >= until:
                break
            if not received:
                self.stopped.wait(LOOK_SECONDS)
        fitting = _fitting(gathered)
        self._surplus = gathered[fitting:]
        return gathered[:fitting]

    def receive(self, number: int) -> "list[MessageTypeDef]":
        """Receive so many visible messages, at most ten."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=number,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def take(self, batch: "Sequence[MessageTypeDef]") -> None:
        """Invoke the function with the batch, and delete what succeeded."""
        began = time.monotonic()
        failed = self._failures(batch)
        done = [message for message in batch if message["MessageId"] not in failed]
        for start in range(0, len(done), 10):
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(done[start : start + 10])
                ],
            )
        self._on_batch(Batch(len(batch), len(batch) - len(done), time.monotonic() - began))

    def _failures(self, batch: "Sequence[MessageTypeDef]") -> set[str]:
        """The ids that the function names as failed; all of them if the function fails."""
        ids = {message["MessageId"] for message in batch}
        try:
            answer = self._invoke({"Records": [self._record(message) for message in batch]})
        except FunctionError:
            return ids
        return failures(answer, ids)

    def _record(self, message: "MessageTypeDef") -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": dict(message.get("MessageAttributes", {})),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }


def failures(answer: Any, ids: set[str]) -> set[str]:
    """The `ids` that failed according to a function's answer, as Lambda reads it.

    An empty answer, or an empty or missing list, means full success. An answer of another shape, or
    a blank or unknown id, means full failure.
    """
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return ids
    named = answer.get("batchItemFailures")
    if named is None:
        return set()
    if not isinstance(named, list):
        return ids
    failed = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in named}
    return failed if failed <= ids else ids


def _fitting(messages: "Sequence[MessageTypeDef]") -> int:
    """How many of the messages, in order, fit into one payload; at least one."""
    size = 0
    for number, message in enumerate(messages):
        size += RECORD_BYTES + len(json.dumps(message["Body"]))
        if number and size > MAX_BATCH_BYTES:
            return number
    return len(messages)
