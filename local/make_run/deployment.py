"""Starts and connects all parts: what the template deploys, on this machine."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import boto3

from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import http_api
from local.aws_stand_in import server as aws
from local.aws_stand_in.function import FunctionError, LambdaFunction
from local.aws_stand_in.http_api import Exchange
from local.aws_stand_in.poller import Batch, Poller
from local.aws_stand_in.server import Depth, Queues
from local.aws_stand_in.template import function as facts_of
from local.guard import NAMES
from local.klaviyo_stand_in.protocol.policy import OptIn
from local.make_run.configuration import Configuration, ConfigurationError
from local.sam import sam_files
from local.samples.sign import SAMPLE_SECRET

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

KEY_OF_STAND_IN = "pk_stand_in"

LISTS: tuple[tuple[str, str, OptIn], ...] = (
    ("Y6nRLr", "Newsletter", "double_opt_in"),
    ("WmB7kT", "Customers", "single_opt_in"),
)
"""The lists in the stand-in's account. The samples name them."""

FUNCTIONS = ("WebhookFunction", "RetryFunction")

REPLACED = ("KLAVIYO_PRIVATE_KEY", "SEGMENT_SHARED_SECRET", "LEDGER_KEY")
"""Variables that replace the secret, as `_variables` says."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs, and where. `account` is the stand-in's account, if the stand-in is used.

    `configure` gives both functions other settings, as environment variables; a blank one is
    removed.
    """

    webhook_url: str
    klaviyo_url: str
    aws_url: str
    account: klaviyo.Account | None
    queues: Queues
    sqs: "SQSClient"
    shared_secret: str = field(default=SAMPLE_SECRET, repr=False)
    configure: Callable[[Mapping[str, str]], None] = field(default=lambda _: None, repr=False)
    ledger_table: str = ""

    def waiting(self) -> Depth:
        """The number of SQS messages in the retry queue."""
        return aws.depth(self.sqs, self.queues.retry_queue_url)

    def dead(self) -> Depth:
        """The number of SQS messages in the dead-letter queue."""
        return aws.depth(self.sqs, self.queues.dead_letter_queue_url)

    def dead_letters(self) -> list[str]:
        """The SQS messages in the dead-letter queue."""
        return aws.peek(self.sqs, self.queues.dead_letter_queue_url)


@contextmanager
def start(
    configuration: Configuration,
    log: IO[Any],
    on_exchange: Callable[[Exchange], None],
    on_batch: Callable[[Batch], None],
) -> Iterator[Deployment]:
    """Start everything, and stop it at the end. Sets AWS variables in this process, for boto3.

    `log` gets the functions' output. The ports must be free. Raises `ConfigurationError` if a
    function does not start.
    """
    with ExitStack() as stack:
        # The functions that `sam local` runs call this machine by another name.
        names = (*NAMES, sam_files.host().lower())
        aws_url = stack.enter_context(aws.serve(configuration.aws_port, names))
        os.environ.update(aws.variables(aws_url))
        os.environ.pop("AWS_PROFILE", None)
        account = None
        klaviyo_url = configuration.klaviyo_api_url
        if configuration.private_key is None:
            account = _account()
            klaviyo_url = stack.enter_context(
                klaviyo.serve(account, configuration.klaviyo_port, names=names)
            )
        queues = aws.create("klaviyo-destination", SECRET)
        ledger_table = aws.create_ledger("klaviyo-destination-ledger")
        variables = _variables(klaviyo_url, queues, ledger_table, configuration)
        webhook, retry = _functions(variables, log)

        def configure(settings: Mapping[str, str]) -> None:
            changed = {name: text for name, text in {**variables, **settings}.items() if text}
            for function in (webhook, retry):
                function.configure(changed)
            _wait(webhook, retry)

        sqs = boto3.client("sqs")
        stack.callback(sqs.close)
        if not configuration.is_paused:  # the template disables the event source, too
            stack.enter_context(Poller(queues.retry_queue_url, retry.invoke, on_batch))
        url = stack.enter_context(http_api.serve(webhook.invoke, configuration.port, on_exchange))
        # Entered last, so that they end first: whoever calls them need not be waited for.
        stack.enter_context(webhook)
        stack.enter_context(retry)
        _wait(webhook, retry)
        yield Deployment(
            f"{url}{http_api.PATH}",
            klaviyo_url,
            aws_url,
            account,
            queues,
            sqs,
            configuration.shared_secret,
            configure,
            ledger_table,
        )


def _functions(variables: Mapping[str, str], log: IO[Any]) -> tuple[LambdaFunction, LambdaFunction]:
    """The functions as the template defines them."""
    webhook, retry = (_function(name, variables, log) for name in FUNCTIONS)
    return webhook, retry


def _function(name: str, variables: Mapping[str, str], log: IO[Any]) -> LambdaFunction:
    facts = facts_of(name)
    return LambdaFunction(
        name,
        facts.handler,
        variables,
        facts.timeout_seconds,
        log,
        allows_recursion=facts.allows_recursion,
    )


def _wait(*functions: LambdaFunction) -> None:
    try:
        for function in functions:
            function.wait()
    except FunctionError as error:
        raise ConfigurationError(f"{error}: VERBOSE=1 shows why") from None


def _account() -> klaviyo.Account:
    account = klaviyo.Account(keys={KEY_OF_STAND_IN}, limits="published")
    for list_id, name, process in LISTS:
        account.add_list(list_id, name=name, opt_in_process=process)
    return account


LEDGER_KEY = "the ledger's key on this machine"

SECRET = {
    "klaviyo_private_key": KEY_OF_STAND_IN,
    "segment_shared_secret": SAMPLE_SECRET,
    "ledger_key": LEDGER_KEY,
}
"""The secret in moto, where everything on this machine can read it: nothing in it is real."""


def _variables(
    klaviyo_url: str, queues: Queues, ledger_table: str, configuration: Configuration
) -> Mapping[str, str]:
    """The functions' environment. A real key and secret are only here, in place of the secret's
    fields."""
    inherited = {name: text for name, text in os.environ.items() if name not in REPLACED}
    variables = {
        **inherited,
        **queues.variables(),
        "KLAVIYO_API_URL": klaviyo_url,
        "LEDGER_TABLE": ledger_table,
        # Also where the secret is not read, since all else of it is the user's own.
        "LEDGER_KEY": LEDGER_KEY,
    }
    if configuration.private_key is not None:
        variables["KLAVIYO_PRIVATE_KEY"] = configuration.private_key
    if configuration.shared_secret != SAMPLE_SECRET:
        variables["SEGMENT_SHARED_SECRET"] = configuration.shared_secret
    return variables
