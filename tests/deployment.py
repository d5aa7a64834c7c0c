"""What the `deployment` fixture gives: a function's environment, and the far ends to look at."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
from moto.sqs.models import Queue, sqs_backends

from handler import assembly
from handler.aws.dynamodb import DynamoDb
from ledger.allowance import Allowance
from ledger.calls import Call, Document, TableError
from ledger.stories import Story, read_story
from ledger.table import Table
from local.aws_stand_in.server import REGION, Queues, create_ledger
from local.klaviyo_stand_in import Account
from local.klaviyo_stand_in.protocol.policy import OptIn

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

PRIVATE_KEY = "pk_test"
SHARED_SECRET = "sample-shared-secret"
LEDGER_KEY = "the key of the ledger in all tests"

LISTS: tuple[tuple[str, str, OptIn], ...] = (
    ("Y6nRLr", "Newsletter", "double_opt_in"),
    ("WmB7kT", "Customers", "single_opt_in"),
)


client = functools.cache(boto3.client)
"""A service's client of moto's server, which is one for all tests of a process: to make a client
takes longer than what a test asks of it."""


def answer_of(call: Call, operation: str, document: Document, seconds: float) -> Document:
    """The answer to one operation. Raises `TableError`."""
    ((_, answer),) = call([(operation, document)], seconds)
    if isinstance(answer, TableError):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class Deployment:
    """`variables` is the environment of either function, for `handler.assembly`."""

    variables: Mapping[str, str]
    account: Account
    queues: Queues
    sqs: "SQSClient"

    def with_settings(self, **settings: str) -> "Deployment":
        """The same far ends, and functions with these variables besides."""
        return replace(self, variables={**self.variables, **settings})

    def with_ledger(self) -> "Deployment":
        """The same far ends, and functions that have a ledger, which is empty."""
        name = self.queues.retry_queue_url.rsplit("/", 1)[1]
        return self.with_settings(LEDGER_TABLE=create_ledger(name, client))

    def story(self, message_id: str) -> Story | None:
        """What the ledger knows of a message."""
        variables = self.variables
        table = Table(variables["LEDGER_TABLE"], DynamoDb().call, 86_400.0)
        return read_story(table, message_id, Allowance(30.0))

    def webhook(self, lambda_event: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Call a webhook function that has just started; gives the status and the body."""
        function = assembly.webhook(self.variables)
        answer = function.handle(dict(lambda_event))
        function.telemetry.flush()
        return answer["statusCode"], json.loads(answer["body"])

    def retry(self, lambda_event: Mapping[str, Any], seconds: float = 60.0) -> dict[str, Any]:
        """Call a retry function that has just started; gives the partial batch response."""
        function = assembly.retry(self.variables)
        answer = function.handle(lambda_event, seconds)
        function.telemetry.flush()
        return answer

    def waiting(self) -> list[dict[str, Any]]:
        """The entries in the retry queue, those that SQS still delays included."""
        return _entries(self.queues.retry_queue_url)

    def take_all(self) -> list[dict[str, Any]]:
        """The entries that wait, as if they were due; the retry queue is empty then."""
        entries = self.waiting()
        _queue(self.queues.retry_queue_url)._messages.clear()
        return [
            {name: value for name, value in entry.items() if name != "not_before"}
            for entry in entries
        ]

    def dead(self) -> list[dict[str, Any]]:
        """The entries in the dead-letter queue."""
        return _entries(self.queues.dead_letter_queue_url)

    def put(self, body: str) -> None:
        """Send an SQS message to the retry queue."""
        self.sqs.send_message(QueueUrl=self.queues.retry_queue_url, MessageBody=body)


def _entries(queue_url: str) -> list[dict[str, Any]]:
    """From moto itself, since SQS shows nobody a message that is delayed."""
    return [
        entry for held in _queue(queue_url)._messages for entry in json.loads(held.body)["entries"]
    ]


def _queue(queue_url: str) -> Queue:
    account, name = queue_url.rsplit("/", 2)[1:]
    queue: Queue = sqs_backends[account][REGION].queues[name]
    return queue
