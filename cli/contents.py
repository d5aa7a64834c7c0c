"""What a JSON value of a file holds: a message, or what a queue or an HTTP API has made of some.

    {"type": "track", …}                    a message
    {"body": "…", "headers": {…}}           the event of an HTTP API: its body's messages
    {"Records": [{"body": "…"}, …]}         an event of SQS: what its envelopes hold
    {"schema": 1, "entries": […]}           an envelope, as it lies in a queue
    {"operation": {…}, "reason": {…}}       a line of `dlq export`, or of a backfill's rejects;
                                            with a "message" or "unreadable" instead as well

A packed entry of a queue is unpacked.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from handler.door.body import Unreadable, read_values
from handler.door.refusals import Refusal
from handler.door.request import WebhookRequest
from handler.queue.envelope import SCHEMA, Entry, encode
from handler.queue.unpacking import unpack
from operations import Json, Operation

if TYPE_CHECKING:
    from cli.archive import ArchiveEntry

Content = Json | Unreadable | Operation
"""A message, one that cannot be read, or what the mapping has made of one already."""

ENTRY_KEYS = ("operation", "message", "unreadable")


def contents(value: Json | Unreadable) -> Iterator[Content]:
    """What the value holds. Raises `Refusal` for an HTTP event without messages."""
    if not isinstance(value, Mapping) or "type" in value:
        yield value
    elif "body" in value and "headers" in value:
        yield from read_values(WebhookRequest.from_lambda_event(value).body)
    elif "Records" in value and _is_of_sqs(value["Records"]):
        for record in value["Records"]:
            yield from _held(unpack(str(record["body"])))
    elif "schema" in value and "entries" in value:
        yield from _held(unpack(encode(value)))
    elif isinstance(value.get("reason"), Mapping) and any(key in value for key in ENTRY_KEYS):
        entry = {key: value[key] for key in (*ENTRY_KEYS, "reason") if key in value}
        yield from _held(unpack(encode({"schema": SCHEMA, "entries": [entry]})))
    else:
        yield value


def problem_of(record: "ArchiveEntry", refusal: Refusal) -> str:
    """Why a record holds nothing: the place in its JSON that is at fault, where there is one."""
    from preview import UnreadableText, read

    if record.problem is not None:
        return record.problem
    try:
        read(record.text.decode(errors="replace"))
    except UnreadableText as error:
        if error.line is None:
            return error.detail
        line = "" if error.line == 1 else f"line {error.line}, "
        return f"{error.detail} ({line}column {error.column})"
    return str(refusal)


def _is_of_sqs(records: Any) -> bool:
    return isinstance(records, list) and all(
        isinstance(each, Mapping) and each.get("eventSource") == "aws:sqs" and "body" in each
        for each in records
    )


def _held(entries: list[Entry]) -> Iterator[Content]:
    for entry in entries:
        if entry.operation is not None:
            yield entry.operation
        elif entry.unreadable is not None:
            detail = str((entry.reason or {}).get("detail") or "cannot be read")
            yield Unreadable(entry.unreadable, f"an entry of a queue: {detail}")
        else:
            yield entry.message
