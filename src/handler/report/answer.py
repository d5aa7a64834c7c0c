"""The answer to a webhook call: counts, and a line for every message not simply delivered."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from handler.report.message_ids import shown_id
from operations import Json

MAX_LINES_BYTES = 2_000_000
"""Of an answer. Lambda fails a call whose answer is over 6 MB, in which every quote of this text
takes two bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Fate(StrEnum):
    """What became of a message, as far as this call is concerned."""

    DELIVERED = "delivered"
    QUEUED = "queued"
    DROPPED = "dropped"
    REJECTED = "rejected"


class MessageFate(Struct, frozen=True):
    """One message's fate. `details` says more in JSON and holds nothing personal."""

    message_id: str | None
    fate: Fate
    reason: str | None = None
    details: Mapping[str, Json] = {}

    def document(self) -> dict[str, Json]:
        """The message's line in the answer."""
        line: dict[str, Json] = {
            "message_id": shown_id(self.message_id),
            "outcome": self.fate.value,
        }
        if self.reason is not None:
            line["reason"] = self.reason
        line.update(self.details)
        return line

    @property
    def is_worth_a_line(self) -> bool:
        """Whether there is more to say than that the message was delivered."""
        return self.fate is not Fate.DELIVERED or bool(self.details)


def accepted(fates: Sequence[MessageFate], unnamed: int = 0) -> dict[str, Any]:
    """200: every message is delivered, on a queue, or dropped on purpose.

    `unnamed` is how many more are on a queue, of which there is nothing to say.
    """
    counts = dict.fromkeys(Fate, 0)
    for message in fates:
        counts[message.fate] += 1
    counts[Fate.QUEUED] += unnamed
    body: dict[str, Json] = {"received": len(fates) + unnamed}
    body.update({fate.value: number for fate, number in counts.items()})
    lines = [_encode(message.document()) for message in fates if message.is_worth_a_line]
    fitting = _fitting(lines)
    if left_out := len(lines) - fitting + unnamed:
        body["messages_left_out"] = left_out
    text = _encode(body)
    return _response(200, f'{text[:-1]},"messages":[{",".join(lines[:fitting])}]}}')


def turned_away(status: int, code: str, text: str, received: int = 0) -> dict[str, Any]:
    """Nothing of the request counts as taken; `text` ends up in Segment's delivery log."""
    body: dict[str, Json] = {"received": received}
    body.update({fate.value: 0 for fate in Fate})
    body["messages"] = []
    body["error"] = {"code": code, "message": text}
    return _response(status, _encode(body))


def _fitting(lines: Sequence[str]) -> int:
    """How many of the lines, in order, the answer can carry."""
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MAX_LINES_BYTES:
            return number
    return len(lines)


def _response(status: int, body: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": body,
    }
