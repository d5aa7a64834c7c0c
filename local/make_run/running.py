"""Starts everything, sends the samples, shows the results, and serves until it is stopped."""

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from cli.segment.signature import signature
from cli.stack.local import FILE, LocalRun
from local import web_console as console
from local.aws_stand_in import server as aws
from local.aws_stand_in.http_api import Exchange
from local.make_run import tour
from local.make_run.configuration import Configuration, ConfigurationError
from local.make_run.deployment import KEY_OF_STAND_IN, LEDGER_KEY, Deployment, start
from local.make_run.narrator import Narrator
from local.make_run.place import claimed, command_line, writing
from local.sam import sam_files
from local.screen import BOLD, Screen

LOG = "handler.log"

BODY = (
    '{"type":"track","messageId":"my-1","userId":"me","event":"Product Viewed",'
    '"context":{"traits":{"email":"me@acme-store.example"}}}'
)
OWN_BODY = (
    '{"type":"identify","userId":"you","traits":{"email":"you@acme-store.example","name":"You"}}'
)


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 if it could not start or, with `--once`, if something was not as
    expected."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    screen = Screen()
    try:
        configuration = Configuration.read(os.environ, arguments)
        configuration.require_free_ports()
        with (
            claimed(configuration.run_folder) as folder,
            _log(configuration, folder) as log,
        ):
            return _run(configuration, screen, folder, log)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        screen.line()
        return 130


def _run(configuration: Configuration, screen: Screen, folder: Path, log: IO[Any]) -> int:
    narrator = Narrator(screen)
    journal = console.Journal()

    def take_exchange(exchange: Exchange) -> None:
        journal.take_exchange(exchange)
        narrator.tell_exchange(exchange)

    screen.line(screen.paint(BOLD, "The Klaviyo destination for Segment, on this machine"))
    with contextlib.ExitStack() as stack:
        deployment = stack.enter_context(
            start(configuration, log, take_exchange, narrator.tell_batch)
        )
        facts = _facts(configuration, deployment)
        command = command_line(configuration.run_folder, folder, facts.port)
        console_url = stack.enter_context(
            console.serve(configuration, deployment, journal, os.environ, command)
        )
        with writing(folder):
            facts.write(folder)
            if deployment.account is not None:
                sam_files.write(folder, _variables(configuration, deployment))
        _show_places(configuration, deployment, console_url, folder, screen)
        as_expected = not configuration.samples or tour.show(configuration, deployment, screen)
        if not configuration.once:
            interrupted = _interruptions()
            narrator.deployment = deployment
            _show_commands(configuration, deployment, folder, command, screen)
            screen.heading("Open the console")
            screen.line(f"\n  {screen.paint(BOLD, console_url)}")
            screen.heading("Serving until Ctrl-C")
            while not interrupted:
                time.sleep(0.1)
            narrator.deployment = None
            screen.line("\nStopping.")
            return 0
    return 0 if as_expected else 1


def _interruptions() -> list[int]:
    """The signals to stop that arrive from now on. Further ones do not interrupt the shutdown.

    They are noted and not raised, because a `KeyboardInterrupt` inside the garbage collector is
    lost.
    """
    arrived: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: arrived.append(number))
    return arrived


@contextlib.contextmanager
def _log(configuration: Configuration, folder: Path) -> Iterator[IO[Any]]:
    if configuration.verbose:
        yield sys.stderr
        return
    with writing(folder):
        log = (folder / LOG).open("w")
    with log:
        yield log


def _facts(configuration: Configuration, deployment: Deployment) -> LocalRun:
    """What `--local` needs. Variables of the user's environment stay as they are."""
    secret = {"ledger_key": LEDGER_KEY}
    if not configuration.secret_is_given:
        secret["segment_shared_secret"] = configuration.shared_secret
    if deployment.account is not None:
        secret["klaviyo_private_key"] = KEY_OF_STAND_IN
    return LocalRun(
        webhook_url=deployment.webhook_url,
        klaviyo_url=deployment.klaviyo_url,
        retry_queue_url=deployment.queues.retry_queue_url,
        dead_letter_queue_url=deployment.queues.dead_letter_queue_url,
        secret_arn=deployment.queues.secret_arn,
        ledger_table=deployment.ledger_table,
        aws=aws.variables(deployment.aws_url),
        settings=dict(each.split("=", 1) for each in configuration.settings),
        secret=secret,
    )


def _variables(configuration: Configuration, deployment: Deployment) -> dict[str, str]:
    """What the functions need under `sam local`. The secret is in moto."""
    return {
        **deployment.queues.variables(),
        "AWS_ENDPOINT_URL": deployment.aws_url,
        "KLAVIYO_API_URL": deployment.klaviyo_url,
        **dict(each.split("=", 1) for each in configuration.settings),
    }


def _show_places(
    configuration: Configuration,
    deployment: Deployment,
    console_url: str,
    folder: Path,
    screen: Screen,
) -> None:
    is_real = deployment.account is None
    screen.line()
    screen.table(
        [
            ("console", console_url, "open this: try messages, and see what becomes of them"),
            ("webhook", deployment.webhook_url, "the real handler behind an HTTP API"),
            (
                "Klaviyo",
                deployment.klaviyo_url,
                "the real one, with your key" if is_real else "a stand-in that judges each request",
            ),
            ("AWS", deployment.aws_url, "moto: SQS, Secrets Manager and DynamoDB"),
            (
                "logs",
                "here" if configuration.verbose else _shown(folder / LOG),
                "of both functions",
            ),
        ]
    )
    if configuration.settings:
        screen.line(f"\n  Settings: {' '.join(configuration.settings)}")
    if not configuration.defaults_hold:
        screen.line("  They are not the defaults, so it is not checked what the samples come to.")
    if is_real and not configuration.samples:
        screen.line("\n  No samples are sent to a real account unless asked: SAMPLES=1.")


def _shown(path: Path) -> str:
    """The path relative to the current folder, if it is inside it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _show_commands(
    configuration: Configuration,
    deployment: Deployment,
    folder: Path,
    command: str,
    screen: Screen,
) -> None:
    secret = configuration.shared_secret
    url = deployment.webhook_url
    named = '"$SEGMENT_SHARED_SECRET"' if configuration.secret_is_given else shlex.quote(secret)
    digest = f"openssl dgst -sha1 -hmac {named} -r | cut -d' ' -f1"
    content_type = "-H 'Content-Type: application/json'"
    screen.heading("Send one yourself")
    screen.line(
        f"""
  curl -sS -w '\\n' {url} {content_type} \\
    -H 'X-Signature: {signature(BODY.encode(), secret)}' \\
    -d '{BODY}'

  Or any other body, signed on the way:

  BODY='{OWN_BODY}'
  curl -sS -w '\\n' {url} {content_type} \\
    -H "X-Signature: $(printf %s "$BODY" | {digest})" \\
    -d "$BODY\""""
    )
    screen.heading("Aim the command line at it")
    screen.line(
        f"""
  {command} send --local --test-event you@acme-store.example
  {command} dlq list --local

  --local works with every command that needs no stack in AWS. It reads the addresses and variables
  from {_shown(folder / FILE)}."""
    )
    if deployment.account is not None:
        options = f"--config-file {shlex.quote(str(folder / sam_files.OPTIONS))}"
        screen.heading("Run what `sam build` makes, in Lambda's image")
        screen.line(
            f"""
  sam build && sam local invoke WebhookFunction --event events/track.json {options}
  sam local start-api --port 3000 {options}"""
        )
        control = f"curl -sS -w '\\n' {deployment.klaviyo_url}/stand-in"
        screen.heading("Ask the stand-in")
        screen.line(
            f"""
  {control}/state                      what it holds
  {control}/weather -d '{{"down":true}}'  be down
  {control}/weather -d '{{}}'             be well again"""
        )
