"""What is left out when Klaviyo refuses a part of an operation, so that the rest can be sent again.
Pure.

A bad phone number must not lose the profile, a wrong time zone the address, or a conflict at
Klaviyo the event. What is taken out of a profile stays in a custom property.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Refused
from operations import (
    AddToList,
    CreateEvent,
    Identity,
    Json,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    channels_of,
    with_channels,
)
from operations.channels import identifier_of

CONFLICT = 409
"""The identifiers sent belong to two profiles: https://github.com/klaviyo/klaviyo-api-node/issues/75"""

CONFLICT_CODE = "duplicate_profile"
"""The same, said by an import job, whose errors have no status of their own."""

LEFT_OUT = frozenset({"phone_number", "anonymous_id"})
"""Identifiers that leave no custom property of their own name: the phone number has one already, as
it was sent, and only events have an anonymous id."""


def amended(operation: Operation, refusals: Iterable[Refused]) -> Operation | None:
    """The operation without all that these refusals are about, or `None` when nothing gives way.

    Of a consent with two channels the one that is not refused stays. Of identifiers that belong to
    two profiles the e-mail address stays, without one the external id.
    """
    changed = operation
    for refused in refusals:
        changed = _without(changed, refused) or changed
    return None if changed is operation else changed


def _without(operation: Operation, refused: Refused) -> Operation | None:
    if isinstance(operation, Subscribe | Unsubscribe):
        return _other_channel(operation, refused)
    if refused.status == CONFLICT or refused.code == CONFLICT_CODE:
        return _strongest(operation)
    for row in GIVES_WAY:
        name = row.named_by(refused)
        if name is not None:
            return row.take_out(operation, name)
    return None


def _other_channel(operation: Subscribe | Unsubscribe, refused: Refused) -> Operation | None:
    """The consent without what is refused of it; something must be left.

    Whatever a subscription is refused for, the e-mail address may do without the phone number: SMS
    has rules of its own, such as an age gate. A withdrawal loses only what is named, or what an
    account may lack: marketing by e-mail and by SMS is what every account has.
    """
    named = CHANNEL.search(refused.pointer or "")
    if named is not None:
        channel, kind = named.groups()
        without_kind = _without_channels(operation, f"{channel}.{kind}")
        return without_kind or _without_channels(operation, channel)
    if PHONE.named_by(refused) is not None:
        return _for_others_than(operation, "phone_number")
    if EMAIL.named_by(refused) is not None:
        return _for_others_than(operation, "email")
    plain = replace(operation, channels=())
    if set(channels_of(plain)) < set(channels_of(operation)):
        return plain
    return _for_others_than(operation, "phone_number") if isinstance(operation, Subscribe) else None


def _without_channels(operation: Subscribe | Unsubscribe, refused: str) -> Operation | None:
    """Without a channel or one of its kinds, and without the identifier that no other needs."""
    channels = tuple(
        each
        for each in channels_of(operation)
        if each != refused and not each.startswith(f"{refused}.")
    )
    if not channels or channels == channels_of(operation):
        return None
    return with_channels(operation, channels)


def _for_others_than(operation: Subscribe | Unsubscribe, identifier: str) -> Operation | None:
    """Without the address or the number; there must be the other."""
    if operation.email is None or operation.phone_number is None:
        return None
    channels = tuple(each for each in channels_of(operation) if identifier_of(each) != identifier)
    if not channels:
        return None
    gone = (
        replace(operation, email=None)
        if identifier == "email"
        else replace(operation, phone_number=None)
    )
    return with_channels(gone, channels)


def _identified_by(
    operation: Operation, identity: Identity, kept: dict[str, Json]
) -> Operation | None:
    """The operation with fewer identifiers; what they were stays a custom property of a profile."""
    if not isinstance(operation, UpsertProfile | CreateEvent | AddToList):
        return None
    if identity in (operation.identity, Identity()):
        return None
    if isinstance(operation, AddToList):
        known = operation.profile_id is not None
        return None if known else replace(operation, identity=identity)
    if isinstance(operation, CreateEvent):
        return replace(operation, identity=identity)
    amended = replace(operation, identity=identity, properties={**kept, **operation.properties})
    if identity.phone_number is not None:
        return amended
    properties = {**amended.properties, **operation.phone_as_sent}
    return replace(amended, properties=properties, phone_as_sent={})


def _without_identifier(operation: Operation, name: str) -> Operation | None:
    if not isinstance(operation, UpsertProfile | CreateEvent | AddToList):
        return None
    identifiers = operation.identity.attributes()
    value = identifiers.pop(name, None)
    kept = {} if value is None or name in LEFT_OUT else {name.lstrip("_"): value}
    return _identified_by(operation, Identity.from_attributes(identifiers), kept)


def _strongest(operation: Operation) -> Operation | None:
    """By the one identifier that Klaviyo itself puts first."""
    if not isinstance(operation, UpsertProfile | CreateEvent | AddToList):
        return None
    email, external_id = operation.identity.email, operation.identity.external_id
    if email is not None:
        return _identified_by(operation, Identity(email=email), {})
    return _identified_by(operation, Identity(external_id=external_id), {})


def _without_attribute(operation: Operation, name: str) -> Operation | None:
    if not isinstance(operation, UpsertProfile) or name not in operation.attributes:
        return None
    attributes = dict(operation.attributes)
    kept = _kept(name, attributes.pop(name))
    return replace(operation, attributes=attributes, properties={**kept, **operation.properties})


def _without_place(operation: Operation, name: str) -> Operation | None:
    """Without one field of the location."""
    if not isinstance(operation, UpsertProfile):
        return None
    location = operation.attributes.get("location")
    if not isinstance(location, dict) or name not in location:
        return None
    others = {field: value for field, value in location.items() if field != name}
    attributes = {**operation.attributes, "location": others}
    if not others:
        del attributes["location"]
    kept = _kept(name, location[name])
    return replace(operation, attributes=attributes, properties={**kept, **operation.properties})


def _without_currency(operation: Operation, _: str) -> Operation | None:
    """The event's value without its currency, which stays a property."""
    if not isinstance(operation, CreateEvent) or operation.value_currency is None:
        return None
    properties = {"currency": operation.value_currency, **operation.properties}
    return replace(operation, value_currency=None, properties=properties)


def _kept(name: str, value: Json) -> dict[str, Json]:
    """A refused value as a custom property. An attribute that was to be cleared leaves none."""
    return {} if value is None else {name: value}


@dataclass(frozen=True, slots=True)
class GivesWay:
    """What a refusal is about, and what takes it out of an operation.

    The last group of the `pointer` is the name that `take_out` is given, unless there is a `name`;
    without a match the `detail` decides, where there is one.
    """

    take_out: Callable[[Operation, str], Operation | None]
    pointer: re.Pattern[str]
    detail: re.Pattern[str] | None = None
    name: str = ""

    def named_by(self, refused: Refused) -> str | None:
        """The name of what is refused, when the refusal is about it."""
        found = self.pointer.search(refused.pointer or "")
        if found is not None:
            return self.name or found[1]
        if self.detail is not None and self.detail.search(refused.detail):
            return self.name
        return None


def _row(
    take_out: Callable[[Operation, str], Operation | None],
    pointer: str,
    detail: str | None = None,
    name: str = "",
) -> GivesWay:
    by_detail = None if detail is None else re.compile(detail, re.IGNORECASE)
    return GivesWay(take_out, re.compile(pointer), by_detail, name)


CHANNEL = re.compile(r"/subscriptions/([a-z_]+)(?:/([a-z_]+))?")
"""A channel, and a kind of consent on it."""

PHONE = _row(
    _without_identifier, "phone_number|/subscriptions/sms", "phone[_ ]number", "phone_number"
)
ANONYMOUS_ID = _row(_without_identifier, "anonymous_id", "anonymous[_ ]id", "anonymous_id")
EMAIL = _row(_without_identifier, "/attributes/email$", "e-?mail address", "email")

GIVES_WAY: Sequence[GivesWay] = (
    PHONE,
    ANONYMOUS_ID,
    EMAIL,
    _row(_without_identifier, "/attributes/(external_id|_kx)$"),
    _row(_without_place, "/attributes/location/([a-z0-9_]+)$"),
    _row(_without_currency, "/attributes/(value_currency)$"),
    _row(_without_attribute, "/attributes/([a-z_]+)$"),
)
"""The place that a refusal points at, and what gives way. The first row that matches decides."""
