"""`preview`: what messages would become in Klaviyo, or why they are dropped."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.next_command import aimed
from cli.options import (
    CommandContext,
    json_option,
    setting_options,
    settings_of,
    stack_option,
)
from cli.troubles import Misuse, Status

if TYPE_CHECKING:
    from klaviyo_mapping import Settings
    from preview import MessagePreview, Preview, RequestPreview

LIMIT = 4_000
"""The most messages in a batch of the webhook."""

OFFERED = 100
"""The most messages for which every other setting is tried: that takes 5 ms a message."""

MOST_UNREADABLE = 10
"""The most places shown that cannot be read: a file of another kind has one in each line."""

EPILOG = """\b
Examples:
  klaviyo-destination preview events/order-completed.json
  klaviyo-destination preview --no-enforce-email --list-id Y6nRLr message.json
  jq -c . messages.json | klaviyo-destination preview --json - | jq '.messages[].verdict'

\b
Takes JSON, JSON Lines, gzip of either; the events of an HTTP API and of SQS; and the files of `dlq
export`. What the mapping has made already, as most of what a queue holds, is shown as it would be
sent now: no setting changes it any more. The payload is shown as it is, personal data included.

\b
With --json: {"messages": [{"number", "message_id", "type", "event_name", "verdict" (mapped,
dropped, rejected), "operations", "warnings", "reason", "field", "detail", "ways_out",
"requests", "offers": [{"variable", "value", "text", …}] (what other settings would change; null
in an input of more than 100 messages)}], "requests": [{"number", "title", "method", "path", "body",
"messages", …}], "unreadable": [{"file", "line", "detail"}], "is_traced"}. Exit status: 1 when
something would be rejected or cannot be read.
"""


@click.command("preview", epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...")
@click.option(
    "--bodies/--no-bodies",
    default=None,
    help="Show the requests' bodies. [default: of one message]",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=LIMIT,
    show_default=True,
    help="The most messages to read.",
)
@stack_option
@setting_options
@json_option
def command(
    files: tuple[str, ...],
    bodies: bool | None,
    limit: int,
    stack_name: str | None,
    env_file: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Show the Klaviyo requests for messages. Nothing is sent.

    A stack's settings are used with --stack; options come first.
    """
    from preview import MappingVerdict, explain, to_json

    context = CommandContext(stack_name, env_file, settings_of(options))
    settings = context.settings
    values, unreadable = _read(files, limit)
    if not values and not unreadable:
        raise Misuse("the input has no messages")
    preview = explain(values, settings, datetime.now(UTC), is_traced=as_json)
    if as_json:
        document = to_json(preview)
        _add_offers(document["messages"], values, settings)
        console.write_json({**document, "unreadable": unreadable})
    else:
        wants_bodies = len(values) == 1 if bodies is None else bodies
        _show(preview, unreadable, stack_name, bodies=wants_bodies)
        if len(values) == 1:
            _show_offers(values[0], settings)
    rejected = any(message.verdict is MappingVerdict.REJECTED for message in preview.messages)
    return Status.PROBLEMS if rejected or unreadable else Status.OK


def _read(files: Iterable[str], limit: int) -> tuple[list[Any], list[dict[str, Any]]]:
    """The messages, and what cannot be read."""
    from cli.archive import all_records
    from cli.contents import problem_of
    from handler.door.refusals import Refusal

    values: list[Any] = []
    unreadable: list[dict[str, Any]] = []
    for source, record in all_records(files):
        try:
            values += record.contents()
        except Refusal as refusal:
            detail = problem_of(record, refusal)
            unreadable.append({"file": source.name, "line": record.number, "detail": detail})
        if len(values) >= limit:
            console.note(f"The first {limit:,} messages; more with --limit.")
            return values[:limit], unreadable
    return values, unreadable


def _show(
    preview: "Preview", unreadable: list[dict[str, Any]], stack_name: str | None, *, bodies: bool
) -> None:
    for each in unreadable[:MOST_UNREADABLE]:
        place = f"{each['file']}, line {each['line']}"
        console.say(console.painted("unreadable", console.BAD), f"{place}: {each['detail']}")
    if len(unreadable) > MOST_UNREADABLE:
        more = console.counted(len(unreadable) - MOST_UNREADABLE, "more place")
        console.say(console.painted("unreadable", console.BAD), f"{more}; --json lists all")
    if preview.messages:
        console.write_table(
            ("#", "message", "type", "becomes", "requests"), map(_message_row, preview.messages)
        )
    for message in preview.messages:
        _advise(message, stack_name)
    if preview.requests:
        console.say()
        console.write_table(
            ("#", "request to Klaviyo", "what it does", "items", "of messages"),
            (
                (
                    request.number,
                    f"{request.method} {_without_query(request.path)}",
                    request.title,
                    max(len(request.items), 1),
                    _numbers(request.messages),
                )
                for request in preview.requests
            ),
        )
    if bodies:
        for request in preview.requests:
            _show_body(request)
    counts = Counter(message.verdict.value for message in preview.messages)
    counts["unreadable"] = len(unreadable)
    said = ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)
    console.say()
    requests = console.counted(len(preview.requests), "request")
    console.say(f"{said}; {requests} to Klaviyo. Nothing was sent.")


def _show_offers(message: Any, settings: "Settings") -> None:
    """What other settings would change about the one message, beside the ways out of a drop."""
    from preview import offers

    found = [each for each in offers(message, settings, datetime.now(UTC)) if not each.lets_through]
    if found:
        console.say()
    for offer in found:
        console.say(offer.text)


def _add_offers(messages: list[dict[str, Any]], values: list[Any], settings: "Settings") -> None:
    """What other settings would change about each message; `None` where they are too many."""
    from preview import offer_to_json, offers

    now = datetime.now(UTC)
    for message, value in zip(messages, values, strict=True):
        message["offers"] = (
            [offer_to_json(offer) for offer in offers(value, settings, now)]
            if len(values) <= OFFERED
            else None
        )


def _message_row(message: "MessagePreview") -> tuple[console.Cell, ...]:
    kind = message.type or "–"
    if message.event_name:
        kind += f" {message.event_name}"
    style = {"mapped": console.GOOD, "dropped": console.DOUBTFUL}.get(message.verdict.value)
    verdict = message.verdict.value
    if message.reason is not None:
        verdict += f": {message.reason.code}"
    return (
        message.number,
        message.message_id,
        kind,
        console.painted(verdict, style or console.BAD),
        _numbers(message.requests) or None,
    )


def _advise(message: "MessagePreview", stack_name: str | None) -> None:
    """Why a message does not go through, and how to change that."""
    if message.reason is not None:
        at = f"{message.field}: " if message.field else ""
        detail = f"{at}{message.detail}. " if message.detail else ""
        console.say()
        console.say(f"{message.number}: {detail}{message.reason.meaning}")
        console.say(f"   {aimed(message.reason.remedy, stack_name)}")
        for way_out in message.ways_out:
            flag = way_out.setting.lower().replace("_", "-")
            turned = {True: f"--{flag}", False: f"--no-{flag}"}
            option = turned.get(way_out.value) if isinstance(way_out.value, bool) else None
            console.say(f"   It would go through with {option or f'--{flag} {way_out.value}'}.")
    for warning in message.warnings:
        console.say()
        console.say(f"{message.number}: {warning.meaning} {aimed(warning.remedy, stack_name)}")


def _show_body(request: "RequestPreview") -> None:
    console.say()
    console.say(
        console.painted(f"{request.number}: {request.method} {request.path}", console.STRONG)
    )
    if request.note:
        console.say(request.note)
    if request.body is not None:
        for line in json.dumps(request.body, indent=2, ensure_ascii=False).splitlines():
            console.say(line)


def _without_query(path: str) -> str:
    """A path that fits into a table; with its query it stands above the body."""
    place, has_query, _ = path.partition("?")
    return f"{place}?…" if has_query else place


def _numbers(numbers: Iterable[int]) -> str:
    """`1, 2, 3 …`, short."""
    listed = [str(number) for number in numbers]
    return ", ".join(listed[:8]) + (" …" if len(listed) > 8 else "")
