"""Moto's server as SQS, Secrets Manager and DynamoDB on loopback, and a stack's resources in it.

boto3 finds it through the environment variables of `variables`, here and in the functions.
"""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from local.aws_stand_in.account_settings import AccountSettings
from local.aws_stand_in.items import ManyItems
from local.aws_stand_in.move_tasks import MoveTasks
from local.aws_stand_in.template import properties
from local.aws_stand_in.tracing import TraceHeaders
from local.background import serving
from local.guard import NAMES, Guarded

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

REGION = "us-east-1"

VISIBILITY_SECONDS = 60
"""The retry function's timeout, the least that Lambda allows: a failed batch soon comes back."""

MAX_RECEIVES = int(properties("RetryQueue")["RedrivePolicy"]["maxReceiveCount"])


@dataclass(frozen=True, slots=True)
class Queues:
    """The two queues and the secret of one deployment."""

    retry_queue_url: str
    dead_letter_queue_url: str
    secret_arn: str

    def variables(self) -> dict[str, str]:
        """The functions' environment variables that name these."""
        return {
            "RETRY_QUEUE_URL": self.retry_queue_url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue_url,
            "CREDENTIALS_SECRET_ARN": self.secret_arn,
        }


@dataclass(frozen=True, slots=True)
class Depth:
    """How many SQS messages a queue holds."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """The number of all SQS messages."""
        return self.visible + self.in_flight + self.delayed


_ONE_AT_A_TIME = threading.Lock()
"""For all servers of this process, since they share moto's data."""


@contextmanager
def serve(port: int = 0, names: Collection[str] = NAMES) -> Iterator[str]:
    """Moto's server; yields its URL. Port 0 takes any free one. It answers only to these `names` of
    this machine, and to no web page; moto itself checks neither.

    Its data belongs to the process, not to the server: two servers in one process share it. It
    serves one request at a time, so no request should wait in it (`WaitTimeSeconds`).
    """
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    from local.aws_stand_in.faster import Dispatcher, speed_up

    class Handler(WSGIRequestHandler):
        """Speaks HTTP/1.1, as AWS does. But werkzeug closes each connection after its answer, so
        here no request finds a connection that was kept."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

    speed_up()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = AccountSettings(MoveTasks(TraceHeaders(Dispatcher(create_backend_app))))
    many = ManyItems(moto, REGION)

    def one_at_a_time(*request: Any) -> Any:
        # Moto's queues lose a message that arrives while another one is being deleted.
        with _ONE_AT_A_TIME:
            return many(*request)

    server = make_server(
        "127.0.0.1",
        port,
        Guarded(one_at_a_time, names),
        threaded=True,
        request_handler=Handler,
    )
    with serving(server) as url:
        yield url


def variables(url: str) -> dict[str, str]:
    """The environment variables that point boto3 at the server, and at nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        # Nobody's own profile or proxy has a say here.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def create(name: str, secret: Mapping[str, Any], client: Any = boto3.client) -> Queues:
    """Create both queues and the secret as the template does, named after `name`.

    `client` returns a service's client, as `boto3.client` does.
    """
    sqs = client("sqs")
    dead_letter_queue_url = sqs.create_queue(
        QueueName=f"{name}-dead-letters", Attributes=_retention("DeadLetterQueue")
    )["QueueUrl"]
    redrive_policy = {
        "deadLetterTargetArn": arn_of(dead_letter_queue_url),
        "maxReceiveCount": MAX_RECEIVES,
    }
    retry_queue_url = sqs.create_queue(
        QueueName=f"{name}-retry",
        Attributes={
            **_retention("RetryQueue"),
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "RedrivePolicy": json.dumps(redrive_policy),
        },
    )["QueueUrl"]
    secrets = client("secretsmanager")
    secret_arn = secrets.create_secret(Name=name, SecretString=json.dumps(secret))["ARN"]
    return Queues(retry_queue_url, dead_letter_queue_url, secret_arn)


def _retention(logical_id: str) -> dict[str, str]:
    name = "MessageRetentionPeriod"
    return {name: str(properties(logical_id)[name])}


def create_ledger(name: str, client: Any = boto3.client) -> str:
    """Create the ledger's table as the template does; returns its name. `client` as in `create`.

    Moto deletes no expired items, and DynamoDB does so only later: the ledger ignores them.
    """
    table = properties("LedgerTable")
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        **{key: table[key] for key in ("AttributeDefinitions", "KeySchema", "BillingMode")},
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
    )
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification=table["TimeToLiveSpecification"]
    )
    return name


def arn_of(queue_url: str) -> str:
    """The ARN of a queue: its URL names the account and the queue."""
    account, name = queue_url.rsplit("/", 2)[1:]
    return f"arn:aws:sqs:{REGION}:{account}:{name}"


def depth(sqs: "SQSClient", queue_url: str) -> Depth:
    """How many SQS messages a queue holds."""
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = answer["Attributes"]
    return Depth(
        visible=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """One SQS message in a queue, visible or not. Times are Unix seconds.

    Nobody can receive it before `hidden_until`. `receives` is its `ApproximateReceiveCount`.
    """

    id: str
    body: str
    sent_at: float
    hidden_until: float
    receives: int = 0


def held(queue_url: str) -> list[Held]:
    """Every SQS message in a queue of this process, including invisible ones.

    It reads moto's own data, because receiving a message would hide it.
    """
    from moto.sqs.models import sqs_backends

    account, name = queue_url.rsplit("/", 2)[1:]
    return [
        Held(
            message.id,
            message.body,
            (message.sent_timestamp or 0) / 1000,
            max(message.visible_at, message.delayed_until) / 1000,
            message.approximate_receive_count,
        )
        for message in list(sqs_backends[account][REGION].queues[name]._messages)
    ]


def hurry(queue_url: str, rewritten: Callable[[str], str]) -> int:
    """Make the delayed messages of a queue of this process visible, with their body `rewritten`.

    Returns the number of SQS messages. Messages that somebody has received stay as they are. AWS
    cannot do this: there, a delay has to pass.
    """
    from moto.core.utils import unix_time_millis
    from moto.sqs.models import sqs_backends

    account, name = queue_url.rsplit("/", 2)[1:]
    with _ONE_AT_A_TIME:
        now = unix_time_millis()
        held_back = [
            message
            for message in sqs_backends[account][REGION].queues[name]._messages
            if message.visible_at <= now
        ]
        for message in held_back:
            message.body = rewritten(message.body)
            message.delayed_until = 0.0
    return len(held_back)


RECEIVES_OF_A_POISON_PILL = 3


def metrics(queue_url: str, now: float) -> dict[str, float]:
    """What SQS reports to CloudWatch about a queue. `now` is in Unix seconds.

    A message that was received three times counts as a poison pill and moves to the back of the
    queue: its age is no longer reported, whether or not there is a dead-letter queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    messages = held(queue_url)
    ages = [now - each.sent_at for each in messages if each.receives < RECEIVES_OF_A_POISON_PILL]
    hidden = [each for each in messages if each.hidden_until > now]
    in_flight = sum(each.receives > 0 for each in hidden)
    return {
        "ApproximateAgeOfOldestMessage": max(ages, default=0.0),
        "ApproximateNumberOfMessagesVisible": len(messages) - len(hidden),
        "ApproximateNumberOfMessagesNotVisible": in_flight,
        "ApproximateNumberOfMessagesDelayed": len(hidden) - in_flight,
    }


def peek(sqs: "SQSClient", queue_url: str) -> list[str]:
    """The text of every visible SQS message. Reading hides them for two seconds."""
    texts: dict[str, str] = {}
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=2
        )
        received = answer.get("Messages", [])
        if not received:
            break
        texts.update({message["MessageId"]: message["Body"] for message in received})
    return list(texts.values())
