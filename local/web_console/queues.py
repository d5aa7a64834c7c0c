"""What waits in the retry queue, what lies in the dead-letter queue, and the way back."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.aws_stand_in import server as aws
from local.aws_stand_in.server import Held, Queues
from local.web_console.abridging import abridged

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

HIDDEN_SECONDS = 10
"""For how long a dead letter is out of sight while it is moved."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One entry of the retry queue. Times are Unix seconds; `next_at` is when it is tried again."""

    message_id: str | None
    kind: str
    attempts: int
    since: float
    next_at: float


@dataclass(frozen=True, slots=True)
class Dead:
    """One entry of the dead-letter queue, with the `content` that it keeps, abridged."""

    message_id: str | None
    kind: str
    reason: Mapping[str, Any]
    since: float
    content: Any


@dataclass(frozen=True, slots=True)
class Books:
    """Both queues, as they stood at one look. `messages_waiting` counts SQS messages."""

    waiting: Sequence[Waiting] = ()
    dead: Sequence[Dead] = ()
    messages_waiting: int = 0


class Bookkeeper:
    """Looks at the queues without touching them; each SQS message is read once. Thread-safe."""

    def __init__(self, queues: Queues, sqs: "SQSClient") -> None:
        self._queues = queues
        self._sqs = sqs
        self._known: dict[str, tuple[list[Waiting], list[Dead]]] = {}
        self._lock = threading.Lock()

    def look(self) -> Books:
        """What is in either queue; what moves from one to the other meanwhile is in one of them."""
        with self._lock:
            before = aws.held(self._queues.retry_queue_url)
            dead = aws.held(self._queues.dead_letter_queue_url)
            after = aws.held(self._queues.retry_queue_url)
            waiting = list({held.id: held for held in (*before, *after)}.values())
            self._known = {
                held.id: self._known.get(held.id) or _read(held) for held in (*waiting, *dead)
            }
            return Books(
                waiting=[entry for held in waiting for entry in self._known[held.id][0]],
                dead=[entry for held in dead for entry in self._known[held.id][1]],
                messages_waiting=len(after),
            )

    def redrive(self) -> int:
        """Move the dead letters back to the retry queue; gives the number of entries.

        Each SQS message is sent before it is deleted, so that none can get lost.
        """
        moved = 0
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queues.dead_letter_queue_url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=HIDDEN_SECONDS,
            )
            received = answer.get("Messages", [])
            if not received:
                return moved
            for message in received:
                self._sqs.send_message(
                    QueueUrl=self._queues.retry_queue_url, MessageBody=message["Body"]
                )
                self._sqs.delete_message(
                    QueueUrl=self._queues.dead_letter_queue_url,
                    ReceiptHandle=message["ReceiptHandle"],
                )
                moved += len(_entries(message["Body"]))


def _read(held: Held) -> tuple[list[Waiting], list[Dead]]:
    """The entries of an SQS message, as either queue's."""
    waiting, dead = [], []
    for entry in _entries(held.body):
        content = entry.get("operation") or entry.get("message") or entry.get("unreadable")
        message_id, kind = _named(content)
        since = entry.get("first_failed_at") or held.sent_at
        next_at = max(entry.get("not_before") or 0.0, held.hidden_until)
        waiting.append(Waiting(message_id, kind, entry.get("attempts") or 0, since, next_at))
        reason = entry.get("reason") or {"code": "unreadable"}
        dead.append(Dead(message_id, kind, reason, held.sent_at, abridged(content)))
    return waiting, dead


def _entries(body: str) -> Sequence[Mapping[str, Any]]:
    """The envelope's entries (`handler.queue.envelope`); of another text, an unreadable one."""
    try:
        entries = json.loads(body)["entries"]
    except (ValueError, TypeError, KeyError):
        return [{"unreadable": body}]
    if not isinstance(entries, list):
        return [{"unreadable": body}]
    return [entry for entry in entries if isinstance(entry, dict)]


def _named(content: Any) -> tuple[str | None, str]:
    if not isinstance(content, dict):
        return None, "unreadable"
    message_id = content.get("message_id", content.get("messageId"))
    return message_id if isinstance(message_id, str) else None, str(content.get("kind", "message"))


def by_reason(dead: Iterable[Dead]) -> dict[str, int]:
    """How many dead letters there are of each reason."""
    counts: dict[str, int] = {}
    for letter in dead:
        code = str(letter.reason.get("code"))
        counts[code] = counts.get(code, 0) + 1
    return counts
