"""What the mapping decides and the client carries out: one frozen value per effect in Klaviyo.

Operations name effects, not requests: the client decides how many requests they cost. Each one is
self-contained, so that it can wait in a queue alone, and repeatable, so that doing it twice does
no harm. `to_json` and `from_json` are each other's inverse and are the queue's format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, ClassVar, TypeVar

from klaviyo_mapping.values import value

Json = Any
"""A JSON value as `json.loads` returns it. Values are shared with the message, never changed."""
JsonObject = Mapping[str, Json]


@value(frozen=True, slots=True)
class Identity:
    """The identifiers that name one Klaviyo profile; at least one of them is set."""

    email: str | None = None
    external_id: str | None = None
    phone_number: str | None = None
    kx: str | None = None

    def attributes(self) -> dict[str, str]:
        """The identifiers that are set, under Klaviyo's attribute names."""
        found = {}
        if self.email is not None:
            found["email"] = self.email
        if self.external_id is not None:
            found["external_id"] = self.external_id
        if self.phone_number is not None:
            found["phone_number"] = self.phone_number
        if self.kx is not None:
            found["_kx"] = self.kx
        return found

    @classmethod
    def from_attributes(cls, attributes: JsonObject) -> "Identity":
        """The inverse of `attributes`; other keys are ignored."""
        return cls(
            email=attributes.get("email"),
            external_id=attributes.get("external_id"),
            phone_number=attributes.get("phone_number"),
            kx=attributes.get("_kx"),
        )


@value(frozen=True, slots=True)
class UpsertProfile:
    """Create the profile, or update the attributes and properties that are named here.

    `attributes` holds Klaviyo's profile attributes (`first_name`, …, `location` as an object)
    without the identifiers; `None` clears one, an absent one stays as it is. `phone_as_sent` is
    the custom property that keeps the phone number if Klaviyo refuses it as an identifier. `time`
    (ISO 8601 in UTC) is when the message was sent: where upserts of one person meet in the queue,
    they apply in this order. Klaviyo never sees it.

    `append`, `unappend` and `unset` edit custom properties where they are (Klaviyo's
    `meta.patch_properties`): values added to and taken from arrays, and names removed.
    """

    kind: ClassVar[str] = "upsert_profile"

    message_id: str | None
    identity: Identity
    attributes: JsonObject = field(default_factory=dict)
    properties: JsonObject = field(default_factory=dict)
    phone_as_sent: JsonObject = field(default_factory=dict)
    time: str | None = None
    append: JsonObject = field(default_factory=dict)
    unappend: JsonObject = field(default_factory=dict)
    unset: Sequence[str] = ()


@value(frozen=True, slots=True)
class CreateEvent:
    """Record one event. Klaviyo keeps the first of each (profile, metric, unique_id).

    `time` is ISO 8601 in UTC; without one Klaviyo takes the time of arrival.
    """

    kind: ClassVar[str] = "create_event"

    message_id: str | None
    identity: Identity
    metric: str
    unique_id: str
    properties: JsonObject = field(default_factory=dict)
    time: str | None = None
    value: float | int | None = None
    value_currency: str | None = None
    backfill: bool = False


@value(frozen=True, slots=True)
class AddToList:
    """Put the profile on a list at once: no confirmation e-mail, no consent recorded.

    The list is `list_id`, or else the one called `list_name`, which is created where there is none.
    `profile_id` is Klaviyo's own id once an upsert has returned it; without it the client asks
    Klaviyo for the id by the identity. Of the steps of one person on one list the latest by `time`
    (as in `UpsertProfile`) stands.
    """

    kind: ClassVar[str] = "add_to_list"

    message_id: str | None
    identity: Identity
    list_id: str | None
    profile_id: str | None = None
    list_name: str | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveFromList:
    """Take the profile off a list; consent stays as it is. Fields as in `AddToList`.

    Where there is no such profile or no list of that name, there is nothing to do.
    """

    kind: ClassVar[str] = "remove_from_list"

    message_id: str | None
    identity: Identity
    list_id: str | None
    profile_id: str | None = None
    list_name: str | None = None
    time: str | None = None


@value(frozen=True, slots=True)
class Subscribe:
    """Subscribe the owner of an e-mail address, a phone number or both.

    `channels` are spelled as in `channels`; without any, marketing by e-mail where there is an
    address and by SMS where there is a number. On a list, by the list's own opt-in process; without
    one by the account's. `historical_import` records a consent given earlier, at `consented_at`
    (ISO 8601 in UTC), and asks nobody to confirm. `custom_source` says where it was given.

    Only with `is_consent` has the person said yes, at `time`: that removes an opt-out of before.
    Otherwise, as for an identify with a list and for what a release before this field has left in a
    queue, nobody is subscribed who has opted out.
    """

    kind: ClassVar[str] = "subscribe"

    message_id: str | None
    email: str | None
    list_id: str | None
    phone_number: str | None = None
    historical_import: bool = False
    consented_at: str | None = None
    custom_source: str | None = None
    time: str | None = None
    channels: Sequence[str] = ()
    is_consent: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Withdraw consent of the owner of an e-mail address, a phone number or both.

    From a list when there is one, and then from that list only; without one from the account.
    Klaviyo unsubscribes globally whoever is not on the list named, so the client looks first.
    `channels` as in `Subscribe`. For a channel whose identifier is missing here, the client looks
    up the one that the person has.
    """

    kind: ClassVar[str] = "unsubscribe"

    message_id: str | None
    email: str | None
    list_id: str | None
    phone_number: str | None = None
    time: str | None = None
    channels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DeleteProfile:
    """Ask Klaviyo to delete a person's profile for good (a privacy request).

    Where there is no such profile, there is nothing to do. `time` as in `UpsertProfile`: what was
    sent before it must not bring the person back.
    """

    kind: ClassVar[str] = "delete_profile"

    message_id: str | None
    identity: Identity
    time: str | None = None


@dataclass(frozen=True, slots=True)
class CheckImport:
    """Look whether a bulk import job has ended, and which of its profiles it refused.

    The client makes these, not the mapping: Klaviyo accepts a job with 202 and judges its
    profiles one by one afterwards. `message_ids` stand in the order of the job's profiles. Where
    several messages were merged into one profile, `merged` has the ids of the further ones by the
    profile's position, written out.
    """

    kind: ClassVar[str] = "check_import"

    message_id: str | None
    job_id: str
    message_ids: Sequence[str | None] = ()
    merged: JsonObject = field(default_factory=dict)


Operation = (
    UpsertProfile
    | CreateEvent
    | AddToList
    | RemoveFromList
    | Subscribe
    | Unsubscribe
    | DeleteProfile
    | CheckImport
)


ConsentT = TypeVar("ConsentT", bound=Subscribe | Unsubscribe)


def channels_of(operation: Subscribe | Unsubscribe) -> Sequence[str]:
    """The channels that the consent is about, as in `channels`."""
    if operation.channels:
        return operation.channels
    if operation.phone_number is None:
        return _BY_EMAIL
    return _BY_SMS if operation.email is None else _BY_BOTH


def with_channels(consent: ConsentT, channels: Sequence[str]) -> ConsentT:
    """The consent on these channels; they stay unsaid where they are what goes without saying."""
    plain = replace(consent, channels=())
    return (
        plain if set(channels_of(plain)) == set(channels) else replace(consent, channels=channels)
    )


_BY_EMAIL, _BY_SMS = ("email.marketing",), ("sms.marketing",)
_BY_BOTH = (*_BY_EMAIL, *_BY_SMS)

OPERATIONS: dict[str, type[Operation]] = {
    operation.kind: operation
    for operation in (
        UpsertProfile,
        CreateEvent,
        AddToList,
        RemoveFromList,
        Subscribe,
        Unsubscribe,
        DeleteProfile,
        CheckImport,
    )
}


def to_json(operation: Operation) -> dict[str, Json]:
    """The operation as a JSON object; fields that hold their default are left out."""
    document: dict[str, Json] = {"kind": operation.kind}
    for name in operation.__slots__:
        value = getattr(operation, name)
        if name == "identity":
            document[name] = value.attributes()
        elif name == "message_ids" or (name in ("unset", "channels") and value):
            document[name] = list(value)
        elif value not in (None, {}, ()) and value is not False:
            document[name] = value
    return document


def from_json(document: JsonObject) -> Operation:
    """The operation that `to_json` wrote.

    Raises `ValueError` naming the field when the document is none of ours. Fields that this
    release does not know are ignored, so that a newer release's queue can be read.
    """
    kind = document.get("kind")
    cls = OPERATIONS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError("kind: not an operation that this release knows")
    # An optional text that is None is not written, whether or not None is its default.
    fields = {
        name: _read(name, document.get(name))
        for name in cls.__slots__
        if name in document or FIELD_TYPES[name] is _OPTIONAL_TEXT
    }
    alternatives = ONE_OF.get(cls, ())
    if alternatives and all(fields[name] is None for name in alternatives):
        raise ValueError(f"{kind}: expected {' or '.join(alternatives)}")
    try:
        return cls(**fields)
    except TypeError as error:
        raise ValueError(f"{kind}: {str(error).partition(' ')[2]}") from None


def _read(name: str, value: Json) -> Json:
    """The value of an operation's field, checked: a queue may have been written to by hand."""
    expected, allowed = FIELD_TYPES[name]
    is_right = bool in allowed if isinstance(value, bool) else isinstance(value, allowed)
    if not is_right:
        raise ValueError(f"{name}: expected {expected}")
    if name == "identity":
        if not all(each is None or isinstance(each, str) for each in value.values()):
            raise ValueError("identity: expected texts")
        return Identity.from_attributes(value)
    return tuple(value) if isinstance(value, list) else value


_TEXT = ("a text", (str,))
_OPTIONAL_TEXT = ("a text or null", (str, NoneType))
_OBJECT = ("an object", (dict,))
_LIST = ("a list", (list, tuple))

FIELD_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "message_id": _OPTIONAL_TEXT,
    "identity": _OBJECT,
    "attributes": _OBJECT,
    "properties": _OBJECT,
    "phone_as_sent": _OBJECT,
    "time": _OPTIONAL_TEXT,
    "metric": _TEXT,
    "unique_id": _TEXT,
    "value": ("a number or null", (int, float, NoneType)),
    "value_currency": _OPTIONAL_TEXT,
    "backfill": ("true or false", (bool,)),
    "append": _OBJECT,
    "unappend": _OBJECT,
    "unset": _LIST,
    "list_id": _OPTIONAL_TEXT,
    "list_name": _OPTIONAL_TEXT,
    "profile_id": _OPTIONAL_TEXT,
    "email": _OPTIONAL_TEXT,
    "phone_number": _OPTIONAL_TEXT,
    "historical_import": ("true or false", (bool,)),
    "consented_at": _OPTIONAL_TEXT,
    "custom_source": _OPTIONAL_TEXT,
    "channels": _LIST,
    "is_consent": ("true or false", (bool,)),
    "job_id": _TEXT,
    "message_ids": _LIST,
    "merged": _OBJECT,
}
"""What each field of an operation may hold as JSON, in words and as Python has it."""

_CHANNELS = ("email", "phone_number")
_LISTS = ("list_id", "list_name")

ONE_OF: dict[type[Operation], tuple[str, ...]] = {
    AddToList: _LISTS,
    RemoveFromList: _LISTS,
    Subscribe: _CHANNELS,
    Unsubscribe: _CHANNELS,
}
"""Optional fields of which an operation has at least one."""
