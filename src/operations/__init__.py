"""What the mapping decides and the client carries out: one frozen value per effect in Klaviyo.

Operations name effects, not requests: the client decides how many requests they cost. Each is
self-contained, so that it can wait in a queue by itself, and repeatable, so that doing it twice
does no harm. `to_json` and `from_json` are each other's inverse and are the queue's format.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard, TypeVar

from msgspec import Struct, ValidationError, convert, field
from msgspec.structs import replace

from operations.channels import identifier_of

Json = Any
"""A JSON value as `json.loads` returns it. Values are shared with the message, never changed."""
JsonObject = Mapping[str, Json]


class Identity(Struct, frozen=True, omit_defaults=True):
    """The identifiers that name one Klaviyo profile; at least one of them is set.

    As JSON it has those that are set, under Klaviyo's attribute names.

    `anonymous_id` is an identifier of events only: no other endpoint takes it.
    """

    email: str | None = None
    external_id: str | None = None
    phone_number: str | None = None
    kx: str | None = field(default=None, name="_kx")
    anonymous_id: str | None = None

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
        if self.anonymous_id is not None:
            found["anonymous_id"] = self.anonymous_id
        return found

    @classmethod
    def from_attributes(cls, attributes: JsonObject) -> "Identity":
        """The inverse of `attributes`; other keys are ignored."""
        return cls(
            email=attributes.get("email"),
            external_id=attributes.get("external_id"),
            phone_number=attributes.get("phone_number"),
            kx=attributes.get("_kx"),
            anonymous_id=attributes.get("anonymous_id"),
        )


class _Effect(Struct, frozen=True, tag_field="kind"):
    """What all operations share: `kind` names each of them in the queue's format."""


class UpsertProfile(_Effect, frozen=True, tag="upsert_profile"):
    """Create the profile, or update the attributes and properties that are named here.

    `attributes` holds Klaviyo's profile attributes (`first_name`, …, `location` as an object)
    without the identifiers; `None` clears one, an absent one stays as it is. `phone_as_sent` is
    the custom property that keeps the phone number if Klaviyo refuses it as an identifier. `time`
    (ISO 8601 in UTC) is when the message was sent: where upserts of one person meet in the queue,
    they apply in this order. Klaviyo never sees it.

    `append`, `unappend` and `unset` edit custom properties where they are (Klaviyo's
    `meta.patch_properties`): values added to and taken from arrays, and names removed.
    """

    message_id: str | None
    identity: Identity
    attributes: JsonObject = {}
    properties: JsonObject = {}
    phone_as_sent: JsonObject = {}
    time: str | None = None
    append: JsonObject = {}
    unappend: JsonObject = {}
    unset: tuple[str, ...] = ()


class CreateEvent(_Effect, frozen=True, tag="create_event"):
    """Record one event. Klaviyo keeps the first of each (profile, metric, unique_id).

    `time` is ISO 8601 in UTC; without one Klaviyo takes the time of arrival.
    """

    message_id: str | None
    identity: Identity
    metric: str
    unique_id: str
    properties: JsonObject = {}
    time: str | None = None
    value: float | int | None = None
    value_currency: str | None = None
    backfill: bool = False


class AddToList(_Effect, frozen=True, tag="add_to_list"):
    """Put the profile on a list at once: no confirmation e-mail, no consent recorded.

    The list is `list_id`, or else the one called `list_name`, which is created where there is none,
    with `opt_in_process` (`single_opt_in` or `double_opt_in`) or, without one, the account's own.
    `profile_id` is Klaviyo's own id once an upsert has returned it; without it the client asks
    Klaviyo for the id by the identity. Of the steps of one person on one list the latest by `time`
    (as in `UpsertProfile`) stands.
    """

    message_id: str | None
    identity: Identity
    list_id: str | None
    profile_id: str | None = None
    list_name: str | None = None
    time: str | None = None
    opt_in_process: str | None = None


class RemoveFromList(_Effect, frozen=True, tag="remove_from_list"):
    """Take the profile off a list; consent stays as it is. Fields as in `AddToList`.

    Where there is no such profile or no list of that name, there is nothing to do.
    """

    message_id: str | None
    identity: Identity
    list_id: str | None
    profile_id: str | None = None
    list_name: str | None = None
    time: str | None = None


class Subscribe(_Effect, frozen=True, tag="subscribe"):
    """Subscribe the owner of an e-mail address, a phone number or both.

    `channels` are spelled as in `EVERY_CHANNEL`; without any, marketing by e-mail where there is an
    address and by SMS where there is a number. On a list, by the list's own opt-in process; without
    one by the account's. `historical_import` records a consent given earlier, at `consented_at`
    (ISO 8601 in UTC), and asks nobody to confirm. `custom_source` says where it was given.

    Only with `is_consent` has the person said yes, at `time`: that removes an opt-out of before.
    Otherwise, as for an identify with a list and for what a release before this field has left in a
    queue, nobody is subscribed who has opted out.

    With `sent_at` (Unix seconds) Klaviyo has taken it then. It is not sent again: a ledger that was
    late has still to record it.
    """

    message_id: str | None
    email: str | None
    list_id: str | None
    phone_number: str | None = None
    historical_import: bool = False
    consented_at: str | None = None
    custom_source: str | None = None
    time: str | None = None
    channels: tuple[str, ...] = ()
    is_consent: bool = False
    sent_at: float | None = None


class Unsubscribe(_Effect, frozen=True, tag="unsubscribe"):
    """Withdraw consent of the owner of an e-mail address, a phone number or both.

    From a list when there is one, and then from that list only; without one from the account.
    Klaviyo unsubscribes a person globally who is not on the list, so the client checks first.
    `channels` and `sent_at` as in `Subscribe`. For a channel whose identifier is missing here, the
    client looks up the one that the person has.
    """

    message_id: str | None
    email: str | None
    list_id: str | None
    phone_number: str | None = None
    time: str | None = None
    channels: tuple[str, ...] = ()
    sent_at: float | None = None


class DeleteProfile(_Effect, frozen=True, tag="delete_profile"):
    """Ask Klaviyo to delete a person's profile for good (a privacy request).

    Where there is no such profile, there is nothing to do. `time` as in `UpsertProfile`: what was
    sent before it must not bring the person back.
    """

    message_id: str | None
    identity: Identity
    time: str | None = None


class MergeProfiles(_Effect, frozen=True, tag="merge_profiles"):
    """Merge the profile of the `previous` identifiers into that of the `identity`, for good.

    Where one of them is not there, or both are one, there is nothing to do. `time` as in
    `UpsertProfile`.
    """

    message_id: str | None
    identity: Identity
    previous: Identity
    time: str | None = None


class CheckImport(_Effect, frozen=True, tag="check_import"):
    """Look whether a bulk import job has ended, and which of its profiles it refused.

    The client makes these, not the mapping: Klaviyo accepts a job with 202 and judges its
    profiles one by one afterwards. `message_ids` stand in the order of the job's profiles. Where
    several messages were merged into one profile, `merged` has the ids of the further ones by the
    profile's position, written out. `times` has the time of each profile's latest message; it is
    empty where none has one. `read` names the errors that were acted on, and `missing` counts the
    refused profiles that Klaviyo has not named yet; a check without `message_ids` only stands for
    one of these.
    """

    message_id: str | None
    job_id: str
    message_ids: tuple[str | None, ...] = ()
    merged: JsonObject = {}
    read: tuple[str, ...] = ()
    missing: int | None = None
    times: tuple[str | None, ...] = ()


Operation = (
    UpsertProfile
    | CreateEvent
    | AddToList
    | RemoveFromList
    | Subscribe
    | Unsubscribe
    | DeleteProfile
    | MergeProfiles
    | CheckImport
)


def kind_of(operation: Operation | type[Operation]) -> str:
    """The name of the operation's effect, as it stands in the queue's format."""
    return str(operation.__struct_config__.tag)


def leaves_list(operation: Operation | None) -> TypeGuard[Unsubscribe]:
    """Whether it unsubscribes somebody from one list. Done twice, it would be from everything:
    the one operation that must not be sent again before its effect shows."""
    return isinstance(operation, Unsubscribe) and operation.list_id is not None


def is_withdrawal_from_all(operation: Operation) -> TypeGuard[Unsubscribe]:
    """Whether somebody withdraws a consent, and not only for one list: that must not wait long."""
    return isinstance(operation, Unsubscribe) and operation.list_id is None


def was_sent(operation: Operation) -> TypeGuard[Subscribe | Unsubscribe]:
    """Whether Klaviyo has taken this consent already, and only its record is missing."""
    return isinstance(operation, Subscribe | Unsubscribe) and operation.sent_at is not None


def consent_time(operation: Subscribe | Unsubscribe) -> str | None:
    """The ISO 8601 time at which the consent was given or withdrawn: that of the message, but of a
    consent from earlier (`historical_import`) its own. Who has withdrawn since then has the last
    word, whenever the message came."""
    if isinstance(operation, Subscribe) and operation.historical_import:
        return operation.consented_at
    return operation.time


ConsentT = TypeVar("ConsentT", bound=Subscribe | Unsubscribe)


def channels_of(operation: Subscribe | Unsubscribe) -> tuple[str, ...]:
    """The channels that the consent is about, spelled as in `EVERY_CHANNEL`."""
    if operation.channels:
        return operation.channels
    if operation.phone_number is None:
        return _BY_EMAIL
    return _BY_SMS if operation.email is None else _BY_BOTH


def with_channels(consent: ConsentT, channels: tuple[str, ...]) -> ConsentT:
    """The consent for these channels, without an address or a number that they do not need."""
    needed = {identifier_of(each) for each in channels}
    narrowed = replace(
        consent,
        email=consent.email if needed & {"email", None} else None,
        phone_number=consent.phone_number if needed & {"phone_number", None} else None,
        channels=(),
    )
    # Unsaid where it goes without saying: a queue keeps it short.
    is_plain = set(channels_of(narrowed)) == set(channels)
    return narrowed if is_plain else replace(narrowed, channels=channels)


_BY_EMAIL, _BY_SMS = ("email.marketing",), ("sms.marketing",)
_BY_BOTH = (*_BY_EMAIL, *_BY_SMS)


def to_json(operation: Operation) -> dict[str, Json]:
    """The operation as a JSON object; fields that hold their default are left out."""
    document: dict[str, Json] = {"kind": kind_of(operation)}
    for name in operation.__struct_fields__:
        value = getattr(operation, name)
        if isinstance(value, Identity):
            document[name] = value.attributes()
        elif isinstance(value, tuple):
            if value or name == "message_ids":
                document[name] = list(value)
        elif value not in (None, {}) and value is not False:
            document[name] = value
    return document


def from_json(document: JsonObject) -> Operation:
    """The operation that `to_json` wrote.

    Raises `ValueError` naming the field if the document is not an operation. Fields that this
    release does not know are ignored, so that a newer release's queue can be read.
    """
    try:
        operation: Operation = convert({**_ABSENT, **document}, Operation)
    except ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`")
        raise ValueError(f"{field}: {problem}" if field else problem) from None
    alternatives = ONE_OF.get(type(operation), ())
    if alternatives and all(getattr(operation, name) is None for name in alternatives):
        raise ValueError(f"{kind_of(operation)}: expected {' or '.join(alternatives)}")
    return operation


_ABSENT: JsonObject = {"message_id": None, "email": None, "list_id": None}
"""Fields without a default that `to_json` leaves out if they hold `None`."""

_CHANNELS = ("email", "phone_number")
_LISTS = ("list_id", "list_name")

ONE_OF: dict[type[Operation], tuple[str, ...]] = {
    AddToList: _LISTS,
    RemoveFromList: _LISTS,
    Subscribe: _CHANNELS,
    Unsubscribe: _CHANNELS,
}
"""Optional fields of which an operation has at least one."""
