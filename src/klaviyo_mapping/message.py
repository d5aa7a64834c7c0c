"""A Segment message: its field types, its keys' spelling, and its form inside.

Fields: https://segment.com/docs/connections/spec/common/.
"""

from dataclasses import dataclass
from typing import Any

from klaviyo_mapping.keys import Precedence
from klaviyo_mapping.operations import Json, JsonObject

_TEXT = {"type": ["string", "null"]}
_ID = {"type": ["string", "number", "null"]}
_OBJECT = {"type": ["object", "null"]}

MESSAGE_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "pattern": r"\S"},
        "messageId": _TEXT,
        "userId": _ID,
        "anonymousId": _ID,
        "timestamp": _TEXT,
        "originalTimestamp": _TEXT,
        "receivedAt": _TEXT,
        "sentAt": _TEXT,
        "context": _OBJECT,
        "integrations": _OBJECT,
        "traits": _OBJECT,
        "event": _TEXT,
        "properties": _OBJECT,
    },
}
"""The types of a message's fields, for a message as `canonical` spells it (JSON Schema, draft 7).

What lies inside the objects is not checked: the mapping takes a value of the wrong type there as
absent.
"""

_FIELDS = Precedence({name: (name,) for name in MESSAGE_SCHEMA["properties"]})


def canonical(raw: JsonObject) -> dict[str, Json]:
    """The fields of `MESSAGE_SCHEMA` that `raw` holds, under Segment's own spelling.

    Keys match ignoring case, `_`, `-` and space; the exact spelling wins. Other keys are left out.
    Values are shared with `raw`, which stays as it is.
    """
    return {name: raw[key] for name, keys in _FIELDS.keys_in(raw).items() for key in keys}


@dataclass(frozen=True, slots=True)
class Message:
    """One Segment message, of any type. The objects are shared with the document, never changed."""

    type: str
    message_id: str | None
    user_id: str | int | float | None
    anonymous_id: str | int | float | None
    timestamp: str | None
    original_timestamp: str | None
    received_at: str | None
    sent_at: str | None
    context: JsonObject
    integrations: JsonObject
    traits: JsonObject
    event_name: str | None
    properties: JsonObject

    @classmethod
    def from_canonical(cls, document: JsonObject) -> "Message":
        """The message of a document that satisfies `MESSAGE_SCHEMA`, which is not checked again.

        Objects that are null or absent become empty ones.
        """
        field = document.get
        return cls(
            type=document["type"],
            message_id=field("messageId"),
            user_id=field("userId"),
            anonymous_id=field("anonymousId"),
            timestamp=field("timestamp"),
            original_timestamp=field("originalTimestamp"),
            received_at=field("receivedAt"),
            sent_at=field("sentAt"),
            context=field("context") or {},
            integrations=field("integrations") or {},
            traits=field("traits") or {},
            event_name=field("event"),
            properties=field("properties") or {},
        )

    def document(self) -> dict[str, Json]:
        """The inverse of `from_canonical`: the fields that are there, in Segment's spelling."""
        slots = zip(MESSAGE_SCHEMA["properties"], self.__slots__, strict=True)
        fields = {name: getattr(self, slot) for name, slot in slots}
        return {name: value for name, value in fields.items() if value not in (None, {})}
