"""JSON read straight into messages, as far as they are spelled as Segment spells them.

Most of a message is context that the mapping never reads (the page, the device, the campaign):
what has a place in `_Context` and no type of its own is skipped over instead of built. A message
with a key that is not listed here, or with a field of another type, is read as plain JSON, and
`handler.door.validation` looks at its keys in every spelling, or says what is wrong with it.
"""

from collections.abc import Callable

from msgspec import DecodeError, Raw, Struct, ValidationError, field
from msgspec.json import Decoder
from msgspec.structs import replace

from handler.door.elements import JSON_SPACE
from klaviyo_mapping.segment.message import Context, Message
from klaviyo_mapping.segment.nesting import MAX_LEVELS, nests_deeper
from operations import Json

_ANYTHING = Raw()


class _Context(Context, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=None):
    """`context`, with the keys of Segment's libraries.

    https://segment.com/docs/connections/spec/common/#context
    """

    active: Raw = _ANYTHING
    app: Raw = _ANYTHING
    campaign: Raw = _ANYTHING
    channel: Raw = _ANYTHING
    consent: Raw = _ANYTHING
    device: Raw = _ANYTHING
    direct: Raw = _ANYTHING
    externalIds: Raw = _ANYTHING  # noqa: N815
    groupId: Raw = _ANYTHING  # noqa: N815
    instanceId: Raw = _ANYTHING  # noqa: N815
    integration: Raw = _ANYTHING
    network: Raw = _ANYTHING
    os: Raw = _ANYTHING
    page: Raw = _ANYTHING
    protocols: Raw = _ANYTHING
    referrer: Raw = _ANYTHING
    screen: Raw = _ANYTHING
    sessionId: Raw = _ANYTHING  # noqa: N815
    userAgent: Raw = _ANYTHING  # noqa: N815
    userAgentData: Raw = _ANYTHING  # noqa: N815


_NO_CONTEXT = _Context()

_Empty = tuple[()]
"""PHP's `json_encode` writes an empty object as `[]`."""


class _Message(Message, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A message, with what Segment adds to it on its way; `[]` is not an empty object yet."""

    context: _Context | _Empty = _NO_CONTEXT  # type: ignore[assignment]
    integrations: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]
    traits: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]
    properties: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]
    channel: Raw = _ANYTHING
    project_id: Raw = _ANYTHING
    version: Raw = _ANYTHING
    write_key: Raw = _ANYTHING


_message_of = Decoder(_Message).decode
_elements_of = Decoder(list[Raw]).decode
_value_of = Decoder(Raw).decode


def raw_elements(body: bytes) -> list[Raw]:
    """The elements of an array, or the one object, each as its bytes. None of a scalar.

    The whole is checked to be JSON, but for its encoding and the range of its numbers. Raises
    msgspec's `DecodeError` or a `RecursionError`.
    """
    try:
        return _elements_of(body)
    except ValidationError:
        is_object = body.lstrip(JSON_SPACE).startswith(b"{")
        return [_value_of(body)] if is_object else []


read_value: Callable[[Raw], Json] = Decoder().decode
"""What `json.loads` would give. Raises as `raw_elements` does."""


class _Id(Struct, rename="camel"):
    """What names a message."""

    message_id: str | None = None


_id_of = Decoder(_Id).decode


def read_id(text: str) -> str | None:
    """A message's id, read without the rest of it; none where there is none. Never raises."""
    try:
        return _id_of(text).message_id
    except (DecodeError, RecursionError, UnicodeError):
        return None


def read_element(element: Raw) -> Json:
    """A `Message`, or what `json.loads` would give. Raises as `raw_elements` does."""
    try:
        message = _message_of(element)
    except ValidationError:
        return read_value(element)
    if not _is_fit(message):
        return read_value(element)
    objects = (message.properties, message.traits, message.integrations, message.context)
    return _with_objects(message) if () in objects else message


def _with_objects(message: _Message) -> _Message:
    """The message with an empty object in place of each `[]`."""
    return replace(
        message,
        context=message.context or _NO_CONTEXT,
        integrations=message.integrations or {},
        traits=message.traits or {},
        properties=message.properties or {},
    )


def _is_fit(message: _Message) -> bool:
    """Whether it satisfies what its fields' types do not say."""
    return bool(message.type.strip()) and not (
        (message.properties and nests_deeper(message.properties, MAX_LEVELS))
        or (message.traits and nests_deeper(message.traits, MAX_LEVELS))
    )
