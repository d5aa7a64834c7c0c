"""Puts what a call could not finish on the queues, and says what could not be stored.

A repeat stores again what was stored before. So once a part of an SQS message cannot be stored, no
more of it is stored: SQS shows the whole message again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from handler.door.reader import read_id
from handler.queue.envelope import Entry
from handler.queue.queues import Queue, QueueUnavailable
from handler.report.codes import RejectionCode
from operations import Json


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the entries.

    `dead` are those that the dead-letter queue has. `missing` are the SQS messages (`Entry.record`)
    of those that no queue has, `None` standing for the call itself; `codes` say why.
    """

    dead: Sequence[Entry]
    missing: frozenset[str | None]
    codes: Sequence[str]


def store(
    retry_queue: Queue,
    dead_letter_queue: Queue,
    waiting: Mapping[int, Sequence[Entry]],
    dead: Sequence[Entry],
    left: Callable[[], float],
) -> Stored:
    """Put entries on the retry queue, by their delay in seconds, and on the dead-letter queue.

    `left` gives the seconds that there are for it. Never raises for what the queues do.
    """
    missing: set[str | None] = set()
    codes: list[str] = []
    unfit: list[Entry] = []

    def put(queue: Queue, delay: int, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of the entries that are on the queue."""
        wanted = [entry for entry in entries if None not in missing and entry.record not in missing]
        if not wanted:
            return ()
        try:
            receipt = queue.send(wanted, delay, seconds=left())
        except QueueUnavailable as error:
            codes.append(str(error))
            missing.update(entry.record for entry in error.unsent)
            gone = set(map(id, error.unsent))
        else:
            unfit.extend(receipt.unfit)
            gone = set(map(id, receipt.unfit))
        return [entry for entry in wanted if id(entry) not in gone]

    for delay, entries in waiting.items():
        put(retry_queue, delay, entries)
    letters = [*put(dead_letter_queue, 0, dead)]
    letters += put(dead_letter_queue, 0, list(map(_without_content, unfit)))
    return Stored(letters, frozenset(missing), codes)


def _without_content(entry: Entry) -> Entry:
    """What the dead-letter queue keeps of an entry that is larger than SQS takes."""
    message: dict[str, Json] = {"messageId": _message_id(entry)}
    return Entry(
        message=message, reason={"code": RejectionCode.TOO_LARGE.value}, record=entry.record
    )


def _message_id(entry: Entry) -> str | None:
    if entry.operation is not None:
        return entry.message_id
    # A slice that is too large holds one message.
    found = entry.message_id if entry.messages is None else read_id(entry.messages[1:-1])
    return found if found is not None and len(found) < 1_000 else None
