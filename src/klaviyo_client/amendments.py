"""What of a refused operation is worth sending once more in another form. Pure.

One bad phone number must not cost a profile, and one Klaviyo conflict must not cost an event.
"""

import re

from msgspec.structs import replace

from klaviyo_client.outcomes import Refused
from klaviyo_mapping.operations import (
    AddToList,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

CONFLICT = 409
"""The identifiers sent belong to two profiles: https://github.com/klaviyo/klaviyo-api-node/issues/75"""

CONFLICT_CODE = "duplicate_profile"
"""The same, said by an import job, whose errors have no status of their own."""

_PHONE = re.compile(r"phone[_ ]number", re.IGNORECASE)
_ANONYMOUS = re.compile(r"anonymous[_ ]id", re.IGNORECASE)
_SMS = re.compile(r"/subscriptions/sms")
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
    """The consent without the address or the number that is refused; there must be the other."""
    if operation.email is None or operation.phone_number is None:
        return None
    if _names_phone(refused) or _SMS.search(refused.pointer or ""):
        return replace(operation, phone_number=None)
    if _EMAIL.search(refused.pointer or "") or _EMAIL.search(refused.detail):
        return replace(operation, email=None)
    return None


def _names_phone(refused: Refused) -> bool:
    return _PHONE.search(f"{refused.pointer} {refused.detail}") is not None


def _strongest(identity: Identity) -> Identity:
    """The one identifier that Klaviyo itself puts first."""
    if identity.email is not None:
        return Identity(email=identity.email)
    if identity.external_id is not None:
        return Identity(external_id=identity.external_id)
    return identity
