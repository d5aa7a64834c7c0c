"""One JSON value to a `Message`, or to a `Malformed` that names the field and not its value.

The check is JSON Schema through fastjsonschema, as in Powertools' validation utility, which this
replaces: its `validate()` compiles the schema at each call and puts the data into its error.
"""

import dataclasses
import json
from dataclasses import dataclass

import fastjsonschema

from handler.door.body import Unreadable
from klaviyo_mapping.message import MESSAGE_SCHEMA, Message, canonical
from klaviyo_mapping.operations import Json, JsonObject

MAX_LEVELS = 64
"""How deep the value of a field may nest, so that whatever writes it out again can do so."""

_CONTAINERS = frozenset({dict, list})
_check = fastjsonschema.compile(MESSAGE_SCHEMA, use_default=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that cannot be mapped, and why; nothing of it but its id is in `detail` or `repr`.

    `field` is a message's key in Segment's spelling, or empty when the whole is at fault. `raw` is
    what came. Where that nests too deeply to be written out again as a value, it is the text of
    it: whole, so that nobody who tries again takes a part of the message for all of it.
    """

    message_id: str | None
    field: str
    detail: str
    raw: Json = dataclasses.field(repr=False)


def validate(raw: Json | Unreadable) -> Message | Malformed:
    """Check one element of the body against `MESSAGE_SCHEMA`; never raises for what was sent."""
    if isinstance(raw, Unreadable):
        return Malformed(None, "", raw.detail, raw.text)
    if not isinstance(raw, dict):
        return Malformed(None, "", "a message must be a JSON object", _kept(raw))
    document = canonical(raw)
    if _nests_deeper(document, MAX_LEVELS + 1):
        deep = next(name for name in document if _nests_deeper(document[name], MAX_LEVELS))
        return _malformed(document, raw, deep, f"must nest at most {MAX_LEVELS} levels")
    try:
        _check(document)
    except fastjsonschema.JsonSchemaValueException as error:
        if error.rule == "required":
            missing = next(name for name in MESSAGE_SCHEMA["required"] if name not in document)
            return _malformed(document, raw, missing, "is missing")
        detail = error.message.removeprefix(f"{error.name} ")
        return _malformed(document, raw, ".".join(error.path[1:]), detail)
    return Message.from_canonical(document)


def _malformed(document: JsonObject, raw: Json, field: str, detail: str) -> Malformed:
    message_id = document.get("messageId")
    return Malformed(message_id if isinstance(message_id, str) else None, field, detail, _kept(raw))


def _kept(raw: Json) -> Json:
    if not _nests_deeper(raw, MAX_LEVELS + 1):
        return raw
    try:
        return json.dumps(raw)
    except RecursionError:
        # Python can write a few levels fewer than it can read.
        return "nests too deeply to be kept"


def _nests_deeper(value: Json, levels: int) -> bool:
    containers = [value] if type(value) in _CONTAINERS else []
    for _ in range(levels):
        if not containers:
            return False
        containers = [
            inner
            for outer in containers
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return bool(containers)
