"""A Segment message: its field types, its keys' spelling, and its form inside.

Fields: https://segment.com/docs/connections/spec/common/.
"""

from typing import Any

from msgspec import Struct, field

from klaviyo_mapping.segment.keys import Precedence
from operations import Json, JsonObject

_TEXT = {"type": ["string", "null"]}
_ID = {"type": ["string", "number", "null"]}
# PHP's `json_encode` writes an empty object as `[]`.
_OBJECT = {"if": {"const": []}, "else": {"type": ["object", "null"]}}
_ANYTHING: dict[str, Any] = {}

MESSAGE_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "pattern": r"\S"},
        "messageId": _TEXT,
        "userId": _ID,
        "anonymousId": _ID,
        "timestamp": _ANYTHING,
        "originalTimestamp": _ANYTHING,
        "receivedAt": _ANYTHING,
        "sentAt": _ANYTHING,
        "context": _OBJECT,
        "integrations": _OBJECT,
        "traits": _OBJECT,
        "event": _TEXT,
        "properties": _OBJECT,
        "previousId": _ANYTHING,
        "groupId": _ANYTHING,
        "name": _ANYTHING,
        "category": _ANYTHING,
    },
}
"""The types of a message's fields, for a message as `canonical` spells it (JSON Schema, draft 7).

What lies inside the objects is not checked, and neither are the last four, which only an alias, a
group, a page or a screen has: the mapping takes a value of the wrong type there as absent.
"""

FORWARDABLE = ("group", "page", "screen")
"""The types of messages that are taken only where the settings name them."""

EVENT_TYPES = frozenset({"track", "page", "screen"})
"""The types of messages that become events."""

LONGEST_EVENT_NAME = 127
"""Klaviyo takes metric names of under 128 characters."""

_FIELDS = Precedence({name: (name,) for name in MESSAGE_SCHEMA["properties"]})


def canonical(raw: JsonObject) -> dict[str, Json]:
    """The fields of `MESSAGE_SCHEMA` that `raw` holds, under Segment's own spelling.

    Keys match ignoring case, `_`, `-` and space; the exact spelling wins unless it is null. Other
    keys are left out. Values are shared with `raw`, which stays as it is.
    """
    return {name: raw[key] for name, keys in _FIELDS.keys_in(raw).items() for key in keys}


Time = str | int | float | None
"""A time as it was sent: a text, or Unix time in milliseconds or in seconds."""


class Context(Struct, frozen=True, kw_only=True):
    """What the mapping reads of a message's `context`, of whatever JSON type it came.

    Fields: https://segment.com/docs/connections/spec/common/#context.
    """

    traits: Json = None
    personas: Json = None
    library: Json = None
    location: Json = None
    timezone: Json = None
    locale: Json = None
    ip: Json = None

    @classmethod
    def read(cls, document: JsonObject) -> "Context":
        """The fields of a context object, in any spelling of their keys."""
        keys_of = _CONTEXT.keys_in(document)
        return cls(**{name: document[key] for name, keys in keys_of.items() for key in keys})

    def document(self) -> dict[str, Json]:
        """The fields that are there."""
        fields = {name: getattr(self, name) for name in Context.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not None}


_CONTEXT = Precedence({name: (name,) for name in Context.__struct_fields__})

NO_CONTEXT = Context()


class Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """One Segment message, of any type. The objects are shared with the document, never changed.

    A msgspec structure, so that the door can read JSON straight into it.
    """

    type: str
    message_id: str | None = None
    user_id: str | int | float | None = None
    anonymous_id: str | int | float | None = None
    timestamp: Time = None
    original_timestamp: Time = None
    received_at: Time = None
    sent_at: Time = None
    context: Context = NO_CONTEXT
    integrations: dict[str, Json] = {}
    traits: dict[str, Json] = {}
    event_name: str | None = field(default=None, name="event")
    properties: dict[str, Json] = {}
    previous_id: Json = None
    group_id: Json = None
    name: Json = None
    category: Json = None

    @classmethod
    def from_canonical(cls, document: JsonObject) -> "Message":
        """The message of a document that satisfies `MESSAGE_SCHEMA`, which is not checked again.

        Objects that are null, `[]` or absent become empty ones, and times of another type None.
        """
        of = document.get
        return cls(
            type=document["type"],
            message_id=of("messageId"),
            user_id=of("userId"),
            anonymous_id=of("anonymousId"),
            timestamp=_as_time(of("timestamp")),
            original_timestamp=_as_time(of("originalTimestamp")),
            received_at=_as_time(of("receivedAt")),
            sent_at=_as_time(of("sentAt")),
            context=Context.read(of("context") or {}),
            integrations=of("integrations") or {},
            traits=of("traits") or {},
            event_name=of("event"),
            properties=of("properties") or {},
            previous_id=of("previousId"),
            group_id=of("groupId"),
            name=of("name"),
            category=of("category"),
        )

    def document(self) -> dict[str, Json]:
        """The fields that are there, in Segment's spelling; `from_canonical` reads them again."""
        names = zip(Message.__struct_encode_fields__, Message.__struct_fields__, strict=True)
        fields = {name: getattr(self, field) for name, field in names}
        fields["context"] = self.context.document()
        return {name: value for name, value in fields.items() if value not in (None, {})}


def _as_time(value: Json) -> Time:
    return value if type(value) in (str, int, float) else None
