"""`dlq`: list, show, export, edit, redrive and purge the dead-letter queue."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.next_command import aimed, next_command
from cli.options import Command, CommandContext, json_option, stack_option
from cli.troubles import Misuse, Status, Trouble

if TYPE_CHECKING:
    from cli.dead_letters.queue import DeadLetterQueue, ReasonGroup, Selection
    from handler.queue.envelope import Entry

LOOK_SECONDS = 1.0
"""Seconds between two questions about a redrive's progress."""

EPILOG = """\b
Examples:
  klaviyo-destination dlq list --stack klaviyo-destination
  klaviyo-destination dlq show --stack klaviyo-destination --reason refused
  klaviyo-destination dlq export --stack klaviyo-destination letters.jsonl
  klaviyo-destination dlq redrive --stack klaviyo-destination --reason retries_exhausted --dry-run
  klaviyo-destination dlq purge --stack klaviyo-destination --message-id msg-17
  klaviyo-destination dlq list --local

\b
The queue is the stack's (--stack), that of `make run` (--local), --queue-url, or
DEAD_LETTER_QUEUE_URL. An SQS message holds many entries, each with its own reason;
docs/answers-and-reasons.md explains them, docs/command-line.md what an export is good for.
"""


def queue_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--stack`, `--local` and `--queue-url`."""
    command = click.option("--queue-url", metavar="URL", help="The dead-letter queue's URL.")(
        command
    )
    return stack_option(command)


def selecting(command: Command) -> Command:
    """`--reason` and `--message-id`."""
    command = click.option(
        "--message-id",
        "message_ids",
        multiple=True,
        metavar="ID",
        help="Entries of this Segment message. Repeatable.",
    )(command)
    return click.option(
        "--reason",
        "reasons",
        multiple=True,
        metavar="CODE",
        help="Entries with this code, ours or Klaviyo's. Repeatable.",
    )(command)


def examples(*calls: str) -> str:
    """An epilog. Calls without a queue use the stack klaviyo-destination."""
    where = " --stack klaviyo-destination"
    lines = (
        f"  klaviyo-destination dlq {call}{'' if '--queue-url' in call else where}"
        for call in calls
    )
    return "\n".join(("\b", "Examples:", *lines))


dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group("dlq", epilog=EPILOG)
def command() -> None:
    """List, show, export, edit, redrive or purge the dead-letter queue."""


@command.command("list", epilog=examples("list", 'list --json --queue-url "$QUEUE_URL"'))
@queue_options
@json_option
def list_letters(queue_url: str | None, stack_name: str | None, as_json: bool) -> int:
    """Group the entries by reason and count them. Shows nothing personal.

    With --json: {"queue_url", "sqs_messages", "entries", "groups": [{"code", "detail",
    "klaviyo_code", "status", "count", "kinds", "oldest", "newest", "message_ids"}]}.
    """
    from cli.dead_letters.queue import ReasonGroup, group_of

    queue = _queue(queue_url, stack_name)
    groups: dict[tuple[Any, ...], ReasonGroup] = {}
    letters = 0
    with queue.letters() as found:
        for letter in found:
            letters += 1
            for entry in letter.entries:
                new = group_of(entry)
                key = (new.code, new.klaviyo_code, new.status, new.detail)
                groups.setdefault(key, new).add(letter, entry)
    ordered = sorted(groups.values(), key=lambda group: -group.count)
    entries = sum(group.count for group in ordered)
    if as_json:
        document = {"queue_url": queue.url, "sqs_messages": letters, "entries": entries}
        console.write_json({**document, "groups": [_group_json(group) for group in ordered]})
    elif not entries:
        console.say("The dead-letter queue is empty.")
    else:
        _show_groups(ordered, letters, entries, stack_name)
    return Status.OK


def _group_json(group: "ReasonGroup") -> dict[str, Any]:
    document = asdict(group)
    for name in ("oldest", "newest"):
        time_of_day: datetime | None = document[name]
        document[name] = time_of_day and time_of_day.isoformat(timespec="seconds")
    return document


def _show_groups(
    groups: "list[ReasonGroup]", letters: int, entries: int, stack_name: str | None
) -> None:
    from preview import ADVICE

    console.write_table(
        ("number", "reason", "detail", "what", "oldest", "example"),
        (
            (
                group.count,
                group.code,
                " ".join(str(part) for part in (group.status, group.detail) if part) or None,
                ", ".join(group.kinds),
                f"{group.oldest:%Y-%m-%d %H:%M}" if group.oldest else None,
                group.message_ids[0] if group.message_ids else None,
            )
            for group in groups
        ),
    )
    console.say()
    held = console.counted(letters, "SQS message")
    console.say(f"{console.counted(entries, 'entry', 'entries')} in {held}.")
    advice = {each.code: each for each in ADVICE.values()}
    for code in dict.fromkeys(group.code for group in groups):
        if code in advice:
            remedy = aimed(advice[code].remedy, stack_name)
            console.say(f"{code}: {advice[code].meaning} {remedy}")


@command.command(
    "show", epilog=examples("show --reason refused --limit 5", "show --message-id msg-17 --json")
)
@queue_options
@selecting
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@json_option
def show(
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    limit: int,
    queue_url: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Show whole entries, personal data included.

    What was to be sent, and why it was not. With --json one line for each: {"sqs_message_id",
    "sent_at", "message_id", "operation", "message" or "unreadable", "reason"}.
    """
    import json

    from cli.dead_letters.queue import shown

    queue = _queue(queue_url, stack_name)
    selection = _selection(queue, reasons, message_ids)
    number = 0
    with queue.letters() as letters:
        for letter in letters:
            for entry in filter(selection.holds, letter.entries):
                if number == limit:
                    console.note(f"The first {limit}; more with --limit.")
                    return Status.OK
                number += 1
                document = shown(letter, entry)
                if as_json:
                    console.write_json_line(document)
                    continue
                for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines():
                    console.say(line)
    if not number:
        console.note("No entry matches.")
    return Status.OK


@command.command(
    "export",
    epilog=examples("export letters.jsonl", "export --reason invalid_message letters.jsonl"),
)
@click.argument("file", metavar="FILE|-")
@queue_options
@selecting
def export(
    file: str,
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    queue_url: str | None,
    stack_name: str | None,
) -> int:
    """Write entries as JSON Lines, as `show --json` does. The queue stays as it is.

    The file holds personal data: only its owner can read it, and one that exists is not replaced.
    """
    from cli.dead_letters.queue import write_line

    queue = _queue(queue_url, stack_name)
    selection = _selection(queue, reasons, message_ids)
    number = 0
    with _writable(file) as out, queue.letters() as letters:
        for letter in letters:
            for entry in filter(selection.holds, letter.entries):
                out.write(write_line(letter, entry))
                number += 1
    console.note(f"{console.counted(number, 'entry', 'entries')} written to {file}.")
    return Status.OK


def _writable(file: str) -> Any:
    if file == "-":
        return click.open_file("-", "wb")
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise Misuse(f"{file} exists: name another file") from None
    except OSError as error:
        raise Misuse(f"{file}: cannot be written ({error.strerror})") from None


@command.command(
    "redrive", epilog=examples("redrive --dry-run", "redrive --reason retries_exhausted")
)
@queue_options
@selecting
@click.option("--retry-queue-url", metavar="URL", help="Where to, if not the stack's retry queue.")
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

    queue = _queue(queue_url, stack_name)
    selection = _selection(queue, reasons, message_ids)
    retry_url = retry_queue_url or queue.retry_queue_url()
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


@command.command("edit", epilog=examples("edit --message-id msg-17", "edit --reason refused"))
@queue_options
@selecting
@click.option("--retry-queue-url", metavar="URL", help="Where to, if not the stack's retry queue.")
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
    from cli.dead_letters.queue import Selection, key_of, put
    from handler.queue.queues import Queue

    if not reasons and not message_ids:
        raise Misuse("say which entries: --message-id ID or --reason CODE")
    queue = _queue(queue_url, stack_name)
    selection = _selection(queue, reasons, message_ids)
    # Read first and edit afterwards: SQS would show the messages to others while somebody types.
    with queue.letters() as letters:
        chosen = [each for letter in letters for each in letter.entries if selection.holds(each)]
    if not chosen:
        raise Misuse(_nothing(queue_url, stack_name))
    edited = {
        key_of(entry): new for entry in chosen if (new := edit(entry, _editor, _again)) is not None
    }
    if edited:
        target = Queue(retry_queue_url or queue.retry_queue_url())

        def send(entries: "list[Entry]") -> None:
            put(target, [edited[key_of(entry)] for entry in entries])

        moved = queue.take(Selection(keys=frozenset(edited)), send, dry_run=False)
        if moved < len(edited):
            raise Trouble("an edited entry is no longer in the queue: somebody has redriven it")
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


@command.command("purge", epilog=examples("purge --message-id msg-17", "purge --yes"))
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

    queue = _queue(queue_url, stack_name)
    selection = _selection(queue, reasons, message_ids)
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


def _selection(
    queue: "DeadLetterQueue", reasons: tuple[str, ...], message_ids: tuple[str, ...]
) -> "Selection":
    """What is meant. Raises `Misuse` for a reason that neither we nor the queue's entries know."""
    from cli.dead_letters.queue import Selection, codes_of
    from preview import ADVICE

    unknown = set(reasons) - ADVICE.keys()
    if unknown:
        with queue.letters() as letters:
            found = {
                code for letter in letters for each in letter.entries for code in codes_of(each)
            }
        if unknown - found:
            there = ", ".join(sorted(found)) or "no entry at all"
            raise Misuse(
                f"--reason: nothing has the reason {', '.join(sorted(unknown - found))}; the queue "
                f"has {there}"
            )
    return Selection(frozenset(reasons), frozenset(message_ids))


def _queue(queue_url: str | None, stack_name: str | None) -> "DeadLetterQueue":
    from cli.dead_letters.queue import DeadLetterQueue

    context = CommandContext(stack_name)
    url = queue_url or os.environ.get("DEAD_LETTER_QUEUE_URL", "").strip()
    if queue_url is None and context.stack is not None:
        url = context.stack.output("DeadLetterQueueUrl")
    if not url:
        raise Misuse("name the dead-letter queue: --stack NAME, --local or --queue-url URL")
    return DeadLetterQueue(url)
