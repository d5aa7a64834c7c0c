"""`dlq list`, `show` and `export`: what the dead-letter queue holds. The queue stays as it is."""

import os
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.commands.dlq.choosing import examples, queue_of, queue_options, selecting, selection_of
from cli.next_command import aimed
from cli.options import json_option
from cli.troubles import Misuse, Status

if TYPE_CHECKING:
    from cli.dead_letters.entries import ReasonGroup


@click.command("list", epilog=examples("list", 'list --json --queue-url "$QUEUE_URL"'))
@queue_options
@json_option
def list_letters(queue_url: str | None, stack_name: str | None, as_json: bool) -> int:
    """Group the entries by reason and count them. Shows nothing personal.

    With --json: {"queue_url", "sqs_messages", "entries", "first_deleted_at", "groups": [{"code",
    "detail", "klaviyo_code", "status", "count", "kinds", "oldest", "newest", "message_ids"}]}.
    """
    from cli.dead_letters.entries import ReasonGroup, group_of

    queue = queue_of(queue_url, stack_name)
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
    oldest = min((group.oldest for group in ordered if group.oldest), default=None)
    first_deleted_at = oldest and oldest + queue.kept()
    if as_json:
        document = {
            "queue_url": queue.url,
            "sqs_messages": letters,
            "entries": entries,
            "first_deleted_at": _written(first_deleted_at),
        }
        console.write_json({**document, "groups": [_group_json(group) for group in ordered]})
    elif first_deleted_at is None:
        console.say("The dead-letter queue is empty.")
    else:
        _show_groups(ordered, letters, entries, stack_name)
        console.say(f"SQS deletes the oldest on {first_deleted_at:%Y-%m-%d at %H:%M} UTC.")
    return Status.OK


def _group_json(group: "ReasonGroup") -> dict[str, Any]:
    document = asdict(group)
    for name in ("oldest", "newest"):
        document[name] = _written(document[name])
    return document


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


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


@click.command(
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

    from cli.dead_letters.entries import shown

    queue = queue_of(queue_url, stack_name)
    selection = selection_of(queue, reasons, message_ids)
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


@click.command(
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
    from cli.dead_letters.entries import write_line

    queue = queue_of(queue_url, stack_name)
    selection = selection_of(queue, reasons, message_ids)
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
