"""JSON read straight into messages, as far as they are spelled as Segment spells them.

Most of a message is context that the mapping never reads (the page, the device, the campaign).
Fields without a place in `Message` are skipped, not built. A message with a key in another
spelling, or with a field of another type, is read as plain JSON, and `handler.door.validation`
looks at its keys in every spelling, or says what is wrong with it.

Most messages are read in one step: those that have only the keys that Segment's libraries send, and
nest no deeper than people's data does. For the others, keys and depth are checked.
"""

from collections.abc import Callable, Collection
from functools import partial

from msgspec import DecodeError, Raw, Struct, ValidationError, field
from msgspec.json import Decoder
from msgspec.structs import replace

from handler.door.request import Content
from klaviyo_mapping.segment.keys import Shape, normalise
from klaviyo_mapping.segment.message import MESSAGE_SCHEMA, NO_CONTEXT, Context, Message
from klaviyo_mapping.segment.nesting import MAX_LEVELS, nests_deeper
from klaviyo_mapping.segment.remembering import remembered
from operations import Json

_ANYTHING = Raw()

_Empty = tuple[()]
"""PHP's `json_encode` writes an empty object as `[]`."""


class _Message(Message, frozen=True, kw_only=True, rename="camel"):
    """A message in which `[]` is not an empty object yet. Other keys are skipped."""

    context: Context | _Empty = NO_CONTEXT  # type: ignore[assignment]
    integrations: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]
    traits: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]
    properties: dict[str, Json] | _Empty = field(default_factory=dict)  # type: ignore[assignment]


_Scalar = str | int | float | bool | None
_Flat = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Nested = _Scalar | list[_Flat] | dict[str, _Flat]
_Shallow = dict[str, _Scalar | list[_Nested] | dict[str, _Nested]]
"""An object with three levels in it, as an order has by its products and their categories."""


class _FamiliarContext(Context, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`context`, with the keys of Segment's libraries and no other.

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


class _FamiliarMessage(
    _Message, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A shallow message with what Segment and its libraries add to it, and nothing else."""

    context: _FamiliarContext | _Empty = NO_CONTEXT  # type: ignore[assignment]
    traits: _Shallow | _Empty = field(default_factory=dict)
    properties: _Shallow | _Empty = field(default_factory=dict)
    channel: Raw = _ANYTHING
    metadata: Raw = field(default=_ANYTHING, name="_metadata")
    project_id: Raw = _ANYTHING
    version: Raw = _ANYTHING
    write_key: Raw = _ANYTHING


_familiar_message_of = Decoder(_FamiliarMessage).decode
_message_of = Decoder(_Message).decode
_fields_of = Decoder(dict[str, Raw] | _Empty).decode
_elements_of = Decoder(list[Raw]).decode
_value_of = Decoder(Raw).decode


def raw_elements(body: Content) -> list[Raw]:
    """The elements of an array, or the one object, each as its bytes. None of a scalar.

    The whole is checked to be JSON, except for its encoding and the range of its numbers. Raises
    msgspec's `DecodeError` or a `RecursionError`.
    """
    try:
        return _elements_of(body)
    except ValidationError:
        value = _value_of(body)
        return [value] if bytes(value).startswith(b"{") else []


read_value: Callable[[Raw], Json] = Decoder().decode
"""What `json.loads` would give. Raises as `raw_elements` does."""


class _Id(Struct, rename="camel"):
    """What names a message."""

    message_id: str | None = None


_id_of = Decoder(_Id).decode


def read_id(text: str) -> str | None:
    """A message's id, read without the rest of the message; `None` if it has no id. Never
    raises."""
    try:
        return _id_of(text).message_id
    except (DecodeError, RecursionError, UnicodeError):
        return None


def read_element(element: Raw) -> Json:
    """A `Message`, or what `json.loads` would give. Raises as `raw_elements` does."""
    try:
        message: _Message = _familiar_message_of(element)
    except ValidationError:
        try:
            message = _unfamiliar_message_of(element)
        except ValidationError:
            return read_value(element)
    if not message.type.strip():
        return read_value(element)
    objects = (message.properties, message.traits, message.integrations, message.context)
    return _with_objects(message) if () in objects else message


def _unfamiliar_message_of(element: Raw) -> _Message:
    """A message that may nest deeply, with keys that nobody reads.

    Also raises `ValidationError` if it nests too deeply, or if a key may be another spelling of a
    field.
    """
    fields = dict(_fields_of(element))
    if _names_a_field_loosely(tuple(fields)) or (
        "context" in fields and _names_context_loosely(tuple(_fields_of(fields["context"])))
    ):
        raise ValidationError
    message = _message_of(element)
    if nests_deeper(message.properties, MAX_LEVELS) or nests_deeper(message.traits, MAX_LEVELS):
        raise ValidationError
    return message


def _names_loosely(names: Collection[str], shape: Shape) -> bool:
    """Whether a key is one of the names in another spelling."""
    normalised = {normalise(name) for name in names}
    return any(key not in names and normalise(key) in normalised for key in shape)


_names_a_field_loosely = remembered(partial(_names_loosely, MESSAGE_SCHEMA["properties"]))
_names_context_loosely = remembered(partial(_names_loosely, Context.__struct_fields__))


def _with_objects(message: _Message) -> _Message:
    """The message with an empty object in place of each `[]`."""
    return replace(
        message,
        context=message.context or NO_CONTEXT,
        integrations=message.integrations or {},
        traits=message.traits or {},
        properties=message.properties or {},
    )
