"""The answer to a webhook call: counts, and a line for every message not simply delivered."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from klaviyo_mapping.operations import Json


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
        line: dict[str, Json] = {"message_id": self.message_id, "outcome": self.fate.value}
        if self.reason is not None:
            line["reason"] = self.reason
        line.update(self.details)
        return line

    @property
    def is_worth_a_line(self) -> bool:
        """Whether there is more to say than that the message was delivered."""
        return self.fate is not Fate.DELIVERED or bool(self.details)


def accepted(fates: Sequence[MessageFate]) -> dict[str, Any]:
    """200: every message is delivered, on a queue, or dropped on purpose."""
    counts = dict.fromkeys(Fate, 0)
    for message in fates:
        counts[message.fate] += 1
    body: dict[str, Json] = {"received": len(fates)}
    body.update({fate.value: number for fate, number in counts.items()})
    body["messages"] = [message.document() for message in fates if message.is_worth_a_line]
    return _response(200, body)


def turned_away(status: int, code: str, text: str, received: int = 0) -> dict[str, Any]:
    """Nothing of the request counts as taken; `text` ends up in Segment's delivery log."""
    body: dict[str, Json] = {"received": received}
    body.update({fate.value: 0 for fate in Fate})
    body["messages"] = []
    body["error"] = {"code": code, "message": text}
    return _response(status, body)


def _response(status: int, body: Mapping[str, Json]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body, separators=(",", ":")),
    }
