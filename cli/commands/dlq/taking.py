"""`dlq redrive` and `purge`: entries leave the dead-letter queue."""

import time
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.commands.dlq.choosing import (
    amount,
    dry_run_option,
    examples,
    next_on,
    nothing_matches,
    queue_of,
    queue_options,
    refuse_retry_queue,
    retry_queue_of,
    retry_queue_option,
    selecting,
    selection_of,
)
from cli.options import json_option
from cli.troubles import Misuse, Status, Trouble

if TYPE_CHECKING:
    from cli.dead_letters.entries import Selection
    from cli.dead_letters.queue import DeadLetterQueue

LOOK_SECONDS = 1.0
"""Seconds between two questions about a redrive's progress."""


@click.command(
    "redrive", epilog=examples("redrive --dry-run", "redrive --reason retries_exhausted")
)
@queue_options
@selecting
@retry_queue_option
@dry_run_option
@json_option
def redrive(
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    retry_queue_url: str | None,
    dry_run: bool,
    queue_url: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Move entries back to the retry queue. They are retried with a full window.

    Without a selection SQS's own move task moves all of them; with --reason or --message-id only
    those are sent again. Fix the cause first. Repeats do no harm. With --json: {"dry_run", "moved",
    "unit" (sqs_messages, entries)}.
    """
    from cli.dead_letters.queue import put
    from handler.queue.queues import Queue

    queue = queue_of(queue_url, stack_name)
    selection = selection_of(queue, reasons, message_ids)
    retry_url = retry_queue_of(retry_queue_url, queue, queue_url, stack_name)
    if selection.is_everything:
        moved, unit = (queue.size() if dry_run else _move_all(queue, retry_url)), "sqs_messages"
    else:
        target = Queue(retry_url)
        moved = queue.take(selection, lambda entries: put(target, entries), dry_run=dry_run)
        unit = "entries"
    _tell("moved back to the retry queue", "redrive", moved, unit, dry_run, as_json)
    if not moved and not as_json:
        console.note(nothing_matches(queue_url, stack_name))
    return Status.OK


def _move_all(queue: "DeadLetterQueue", retry_url: str) -> int:
    arn = queue.move_all(retry_url)
    try:
        while True:
            task = queue.moved(arn)
            if task.get("Status") != "RUNNING":
                break
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        console.note("SQS continues the redrive by itself.")
        raise
    moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
    if task.get("Status") != "COMPLETED":
        raise Trouble(
            f"the redrive ended as {task.get('Status')} after {moved:,} SQS messages "
            f"({task.get('FailureReason', 'no reason given')}): run it again"
        )
    return moved


@click.command("purge", epilog=examples("purge --message-id msg-17", "purge --yes"))
@queue_options
@selecting
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@json_option
def purge(
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    queue_url: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Delete entries for good.

    All of them, or those of --reason and --message-id. Asks first, or needs --yes. With --json:
    {"dry_run", "deleted", "unit"}.
    """
    import sys

    queue = queue_of(queue_url, stack_name)
    refuse_retry_queue(queue, stack_name)
    selection = selection_of(queue, reasons, message_ids)
    everything = selection.is_everything
    number = queue.size() if everything else queue.take(selection, _drop, dry_run=True)
    unit = "sqs_messages" if everything else "entries"
    if number and not dry_run:
        if not yes:
            if not sys.stdin.isatty():
                raise Misuse("there is no terminal to ask for confirmation: give --yes")
            keeping = next_on("export", queue_url, stack_name, *_named(selection), "letters.jsonl")
            click.confirm(
                f"Delete {amount(number, unit)} for good? ({keeping} keeps a copy)",
                abort=True,
                err=True,
            )
        if everything:
            queue.purge()
        else:
            number = queue.take(selection, _drop, dry_run=False)
    _tell("deleted", "purge", number, unit, dry_run, as_json)
    if not number and not as_json:
        console.note(nothing_matches(queue_url, stack_name))
    return Status.OK


def _drop(_entries: Any) -> None:
    """Purged entries are kept nowhere."""


def _tell(what: str, verb: str, number: int, unit: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        name = "moved" if verb == "redrive" else "deleted"
        console.write_json({"dry_run": dry_run, name: number, "unit": unit})
        return
    would = "would be " if dry_run else ""
    console.say(f"{amount(number, unit)} {would}{what}.")


def _named(selection: "Selection") -> list[str]:
    """The selection's options."""
    reasons = [word for each in sorted(selection.reasons) for word in ("--reason", each)]
    ids = [word for each in sorted(selection.message_ids) for word in ("--message-id", each)]
    return reasons + ids
