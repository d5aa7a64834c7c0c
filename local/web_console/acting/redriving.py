"""Redrives dead letters, as they are or corrected, and retries waiting entries at once."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from cli.dead_letters.entries import Selection
from cli.dead_letters.queue import DeadLetterQueue, put
from handler.door.validation import Malformed, validate
from handler.queue.envelope import Entry, pack
from handler.queue.queues import Queue
from handler.queue.unpacking import unpack
from local.aws_stand_in import server as aws
from local.aws_stand_in.server import Queues
from operations import from_json


@dataclass(frozen=True, slots=True)
class Redriving:
    """Moves entries of the dead-letter queue to the retry queue without losing any.

    Raises `cli.troubles.Trouble` if a queue fails.
    """

    queues: Queues

    def all(self) -> int:
        """Every SQS message, by SQS's own move task; returns the number of SQS messages."""
        letters = self._letters()
        arn = letters.move_all(self.queues.retry_queue_url)
        return int(letters.moved(arn).get("ApproximateNumberOfMessagesMoved", 0))

    def some(self, keys: Collection[str]) -> int:
        """The entries with these keys, as they are; returns their number."""
        return self._move(keys, None)

    def instead(self, key: str, entry: Entry) -> int:
        """This entry in place of the one with the key; returns the number of its copies."""
        return self._move([key], entry)

    def _move(self, keys: Collection[str], instead: Entry | None) -> int:
        retry_queue = Queue(self.queues.retry_queue_url)

        def keep(entries: list[Entry]) -> None:
            put(retry_queue, entries if instead is None else [instead])

        selection = Selection(keys=frozenset(keys))
        return self._letters().take(selection, keep, dry_run=False)

    def _letters(self) -> DeadLetterQueue:
        # Moto serves one request at a time: nobody should wait in it.
        return DeadLetterQueue(self.queues.dead_letter_queue_url, look_seconds=0)


class Wrong(ValueError):  # noqa: N818 - what somebody typed, shown beside it
    """An invalid correction. The text says why, for people."""


def corrected(entry: Entry, text: str) -> Entry:
    """The entry with other content: an operation or a message, whichever it had.

    Raises `Wrong`, which says what is wrong with the text, and where.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Wrong(f"This is no JSON: {error.msg} ({place}).") from None
    except RecursionError:
        raise Wrong("This nests too deeply.") from None
    if entry.operation is not None:
        return replace(entry, operation=_operation(document))
    if entry.unreadable is not None:
        raise Wrong("What cannot be read cannot be corrected here. Redrive it as it is.")
    arrival = validate(document)
    if isinstance(arrival, Malformed):
        raise Wrong(f"{arrival.field or 'message'}: {arrival.detail}")
    return replace(entry, message=document)


def _operation(document: Any) -> Any:
    if not isinstance(document, dict):
        raise Wrong("operation: expected an object")
    try:
        return from_json(document)
    except (ValueError, TypeError) as error:
        raise Wrong(f"operation: {error}") from None


def try_now(queues: Queues) -> int:
    """Let everything that waits be retried at once; returns the number of SQS messages.

    It ends SQS's delay and the entries' own delay. Only the stand-in can do this: in AWS, nobody
    can shorten a delay.
    """
    return aws.hurry(queues.retry_queue_url, _due)


def _due(body: str) -> str:
    entries = [replace(entry, not_before=None) for entry in unpack(body)]
    texts = list(pack(entries))
    return texts[0] if len(texts) == 1 else body
