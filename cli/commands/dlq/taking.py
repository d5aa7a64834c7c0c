"""`dlq redrive`, `edit` and `purge`: entries leave the dead-letter queue."""

import time
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.commands.dlq.choosing import (
    dry_run_option,
    examples,
    queue_of,
    queue_options,
    retry_queue_of,
    selecting,
    selection_of,
)
from cli.next_command import next_command
from cli.options import json_option
from cli.troubles import Misuse, Status, Trouble

if TYPE_CHECKING:
    from cli.dead_letters.entries import Selection
    from cli.dead_letters.queue import DeadLetterQueue
    from handler.queue.envelope import Entry

LOOK_SECONDS = 1.0
"""Seconds between two questions about a redrive's progress."""


@click.command(
    "redrive", epilog=examples("redrive --dry-run", "redrive --reason retries_exhausted")
)
@queue_options
@selecting
@click.option(
    "--retry-queue-url",
    metavar="URL",
    help="The queue to move them to, if not the stack's retry queue.",
)
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
        console.note(_nothing(queue_url, stack_name))
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


@click.command("edit", epilog=examples("edit --message-id msg-17", "edit --reason refused"))
@queue_options
@selecting
@click.option(
    "--retry-queue-url",
    metavar="URL",
    help="The queue to move them to, if not the stack's retry queue.",
)
@json_option
def edit_letters(
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    retry_queue_url: str | None,
    queue_url: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Correct entries in $EDITOR, one after the other, and send them back to the retry queue.

    What is closed without saving stays as it is. What is saved is checked first; the old entry is
    deleted only when the new one is on the retry queue. With --json: {"edited", "unchanged"}.
    """
    from cli.dead_letters.editing import edit
    from cli.dead_letters.entries import Selection, key_of
    from cli.dead_letters.queue import put
    from handler.queue.queues import Queue

    if not reasons and not message_ids:
        raise Misuse("name the entries: --message-id ID or --reason CODE")
    queue = queue_of(queue_url, stack_name)
    selection = selection_of(queue, reasons, message_ids)
    # Read first and edit afterwards: SQS would show the messages to others while somebody types.
    with queue.letters() as letters:
        chosen = [each for letter in letters for each in letter.entries if selection.holds(each)]
    if not chosen:
        raise Misuse(_nothing(queue_url, stack_name))
    # Found before the editor opens, so that no work is lost where it is not.
    retry_url = retry_queue_of(retry_queue_url, queue, queue_url, stack_name)
    edited = {
        key_of(entry): new for entry in chosen if (new := edit(entry, _editor, _again)) is not None
    }
    if edited:
        target = Queue(retry_url)

        def send(entries: "list[Entry]") -> None:
            put(target, [edited[key_of(entry)] for entry in entries])

        moved = queue.take(Selection(keys=frozenset(edited)), send, dry_run=False)
        if moved < len(edited):
            raise Trouble("an edited entry is no longer in the queue: it was redriven meanwhile")
    unchanged = len(chosen) - len(edited)
    if as_json:
        console.write_json({"edited": len(edited), "unchanged": unchanged})
    else:
        amount = _amount(len(edited), "entries")
        console.say(f"{amount} edited and sent back to the retry queue; {unchanged:,} unchanged.")
    return Status.OK


def _editor(text: str) -> str | None:
    return click.edit(text, extension=".json", require_save=True)


def _again(problem: str) -> bool:
    import sys

    console.complain(problem)
    return sys.stdin.isatty() and click.confirm("Edit it again?", default=True, err=True)


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
    selection = selection_of(queue, reasons, message_ids)
    everything = selection.is_everything
    number = queue.size() if everything else queue.take(selection, _drop, dry_run=True)
    unit = "sqs_messages" if everything else "entries"
    if number and not dry_run:
        if not yes:
            if not sys.stdin.isatty():
                raise Misuse("there is no terminal to ask for confirmation: give --yes")
            keeping = _next("export", queue_url, stack_name, *_named(selection), "letters.jsonl")
            click.confirm(
                f"Delete {_amount(number, unit)} for good? ({keeping} keeps a copy)",
                abort=True,
                err=True,
            )
        if everything:
            queue.purge()
        else:
            number = queue.take(selection, _drop, dry_run=False)
    _tell("deleted", "purge", number, unit, dry_run, as_json)
    if not number and not as_json:
        console.note(_nothing(queue_url, stack_name))
    return Status.OK


def _drop(_entries: Any) -> None:
    """Purged entries are kept nowhere."""


def _tell(what: str, verb: str, number: int, unit: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        name = "moved" if verb == "redrive" else "deleted"
        console.write_json({"dry_run": dry_run, name: number, "unit": unit})
        return
    would = "would be " if dry_run else ""
    console.say(f"{_amount(number, unit)} {would}{what}.")


def _next(verb: str, queue_url: str | None, stack_name: str | None, *arguments: str) -> str:
    """Another command on the same queue."""
    named = ("--queue-url", queue_url) if queue_url is not None else ()
    return next_command(f"dlq {verb}", stack_name, *named, *arguments)


def _nothing(queue_url: str | None, stack_name: str | None) -> str:
    return f"no entry matches; {_next('list', queue_url, stack_name)} shows what there is"


def _named(selection: "Selection") -> list[str]:
    """The selection's options."""
    reasons = [word for each in sorted(selection.reasons) for word in ("--reason", each)]
    ids = [word for each in sorted(selection.message_ids) for word in ("--message-id", each)]
    return reasons + ids


def _amount(number: int, unit: str) -> str:
    if unit == "entries":
        return console.counted(number, "entry", "entries")
    return console.counted(number, "SQS message")
