"""What of a refused operation is worth sending once more in another form. Pure.

One bad phone number must not cost a profile, and one Klaviyo conflict must not cost an event.
"""

import re

from msgspec.structs import replace

from klaviyo_client.outcomes import Refused
from klaviyo_mapping.channels import identifier_of
from klaviyo_mapping.operations import (
    AddToList,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    channels_of,
    with_channels,
)

CONFLICT = 409
"""The identifiers sent belong to two profiles: https://github.com/klaviyo/klaviyo-api-node/issues/75"""

CONFLICT_CODE = "duplicate_profile"
"""The same, said by an import job, whose errors have no status of their own."""

_PHONE = re.compile(r"phone[_ ]number", re.IGNORECASE)
_ANONYMOUS = re.compile(r"anonymous[_ ]id", re.IGNORECASE)
_CHANNEL = re.compile(r"/subscriptions/([a-z_]+)(?:/([a-z_]+))?")
_EMAIL = re.compile(r"/attributes/email$|e-?mail address", re.IGNORECASE)


def amended(operation: Operation, refused: Refused) -> Operation | None:
    """The operation in a form that avoids the refusal, or `None` when there is none.

    A refused phone number or anonymous id is left out; on a profile the number stays as a custom
    property. Of identifiers that belong to two profiles only the e-mail address stays, without one
    the external id. Of a consent the channel that is not refused stays.
    """
    if isinstance(operation, Subscribe | Unsubscribe):
        return _other_channel(operation, refused)
    if isinstance(operation, AddToList):
        if operation.profile_id is not None:
            return None
    elif not isinstance(operation, UpsertProfile | CreateEvent):
        return None
    if refused.status == CONFLICT or refused.code == CONFLICT_CODE:
        identity = _strongest(operation.identity)
    elif _names_phone(refused):
        identity = replace(operation.identity, phone_number=None)
    elif _ANONYMOUS.search(f"{refused.pointer} {refused.detail}") is not None:
        identity = replace(operation.identity, anonymous_id=None)
    else:
        return None
    if identity == operation.identity or identity == Identity():
        return None
    if isinstance(operation, UpsertProfile) and identity.phone_number is None:
        return replace(
            operation,
            identity=identity,
            properties={**operation.properties, **operation.phone_as_sent},
            phone_as_sent={},
        )
    return replace(operation, identity=identity)


def _other_channel(operation: Subscribe | Unsubscribe, refused: Refused) -> Operation | None:
    """The consent without what is refused of it; something must be left.

    An account may lack a channel, or a kind of consent on it. Where the refusal does not say which,
    marketing by e-mail and by SMS is what every account has.
    """
    pointer = refused.pointer or ""
    named = _CHANNEL.search(pointer)
    if named is not None:
        channel, kind = named.groups()
        without_kind = _without_channels(operation, f"{channel}.{kind}")
        return without_kind or _without_channels(operation, channel)
    if _names_phone(refused):
        return _without_identifier(operation, "phone_number")
    if _EMAIL.search(pointer) or _EMAIL.search(refused.detail):
        return _without_identifier(operation, "email")
    if operation.channels:
        plain = replace(operation, channels=())
        return plain if set(channels_of(plain)) < set(operation.channels) else None
    return None


def _without_channels(operation: Subscribe | Unsubscribe, refused: str) -> Operation | None:
    """Without a channel, or without one of its kinds; a number or an address that serves no
    other channel goes as well."""
    channels = tuple(
        each
        for each in channels_of(operation)
        if each != refused and not each.startswith(f"{refused}.")
    )
    if not channels or len(channels) == len(channels_of(operation)):
        return None
    needed = {identifier_of(each) for each in channels}
    keeps_all = None in needed
    email = operation.email if keeps_all or "email" in needed else None
    phone_number = operation.phone_number if keeps_all or "phone_number" in needed else None
    if email is None and phone_number is None:
        return None
    return with_channels(replace(operation, email=email, phone_number=phone_number), channels)


def _without_identifier(operation: Subscribe | Unsubscribe, name: str) -> Operation | None:
    if operation.email is None or operation.phone_number is None:
        return None
    channels = tuple(each for each in channels_of(operation) if identifier_of(each) != name)
    rest = (
        replace(operation, email=None) if name == "email" else replace(operation, phone_number=None)
    )
    return with_channels(rest, channels) if channels else None


def _names_phone(refused: Refused) -> bool:
    return _PHONE.search(f"{refused.pointer} {refused.detail}") is not None


def _strongest(identity: Identity) -> Identity:
    """The one identifier that Klaviyo itself puts first."""
    if identity.email is not None:
        return Identity(email=identity.email)
    if identity.external_id is not None:
        return Identity(external_id=identity.external_id)
    return identity
