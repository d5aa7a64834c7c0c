"""One JSON value to a `Message`, or to a `Malformed` that names the field and not its value.

A value that `handler.door.reader` could not read as a `Message` is checked by JSON Schema, with
fastjsonschema as in Powertools' validation utility. (Powertools' own `validate()` compiles the
schema at each call and puts the data into its error.) Most processes never need it, so it is
imported on first use.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from handler.door.body import Unreadable
from klaviyo_mapping.segment.message import MESSAGE_SCHEMA, Message, canonical
from klaviyo_mapping.segment.nesting import MAX_LEVELS, WRITTEN_OUT, nests_deeper
from operations import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that cannot be mapped, and why. `detail` and `repr` show nothing of it except its
    id.

    `field` is a message's key in Segment's spelling, or empty if the whole message is wrong. `raw`
    is the value that came, or its whole text if it nests too deeply to be written as a value again.
    """

    message_id: str | None
    field: str
    detail: str
    raw: Json = dataclasses.field(repr=False)


def validate(raw: Message | Json | Unreadable) -> Message | Malformed:
    """Check one element of the body against `MESSAGE_SCHEMA`; never raises for what was sent."""
    if isinstance(raw, Message):
        return raw
    if isinstance(raw, Unreadable):
        return Malformed(None, "", raw.detail, raw.text)
    if not isinstance(raw, dict):
        return Malformed(None, "", "a message must be a JSON object", kept(raw))
    document = canonical(raw)
    malformed = _check(document, raw)
    if malformed is not None:
        return malformed
    for field in WRITTEN_OUT:
        if nests_deeper(document.get(field), MAX_LEVELS):
            return _malformed(document, raw, field, f"must nest at most {MAX_LEVELS} levels")
    return Message.from_canonical(document)


def _check(document: JsonObject, raw: Json) -> Malformed | None:
    """Why it does not match the JSON Schema; `None` if it does."""
    import fastjsonschema

    try:
        _checker()(document)
    except fastjsonschema.JsonSchemaValueException as error:
        if error.rule == "required":
            missing = next(name for name in MESSAGE_SCHEMA["required"] if name not in document)
            return _malformed(document, raw, missing, "is missing")
        detail = error.message.removeprefix(f"{error.name} ")
        return _malformed(document, raw, ".".join(error.path[1:]), detail)
    return None


@cache
def _checker() -> Callable[[JsonObject], object]:
    import fastjsonschema

    check: Callable[[JsonObject], object] = fastjsonschema.compile(
        MESSAGE_SCHEMA, use_default=False
    )
    return check


def _malformed(document: JsonObject, raw: Json, field: str, detail: str) -> Malformed:
    message_id = document.get("messageId")
    return Malformed(message_id if isinstance(message_id, str) else None, field, detail, kept(raw))


def kept(raw: Json | Unreadable) -> Json:
    """The value, or its text where it nests too deeply to travel through a queue as a value."""
    if isinstance(raw, Unreadable):
        return raw.text
    if not nests_deeper(raw, MAX_LEVELS + 1):
        return raw
    try:
        return json.dumps(raw)
    except RecursionError:
        # Python can write a few levels fewer than it can read.
        return "nests too deeply to be kept"
