"""An alias as the merge of two profiles: the one of the previous id into that of the user id.

https://segment.com/docs/connections/spec/alias/
"""

from datetime import datetime

from klaviyo_mapping.decision.reasons import DropReason
from klaviyo_mapping.identity.email import as_email
from klaviyo_mapping.identity.identifiers import LONGEST_EXTERNAL_ID, as_own_id
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.times import time_of
from klaviyo_mapping.settings.settings import Settings
from operations import Identity, Json, MergeProfiles


def merge_of(message: Message, settings: Settings, now: datetime) -> MergeProfiles | DropReason:
    """The merge, or the first reason why there is none.

    An id names a profile only by what we may have sent to Klaviyo: the address that it is, and the
    external id unless `enforce_email` is on. A merge cannot be undone.
    """
    if as_own_id(message.user_id) is None:
        return DropReason.MISSING_USER_ID
    if as_own_id(message.previous_id) is None:
        return DropReason.MISSING_PREVIOUS_ID
    identity = _named_by(message.user_id, settings)
    if isinstance(identity, DropReason):
        return identity
    previous = _named_by(message.previous_id, settings)
    if isinstance(previous, DropReason):
        return previous
    if identity == previous:
        return DropReason.NOTHING_TO_MERGE
    return MergeProfiles(message.message_id, identity, previous, time_of(message, now))


def _named_by(sent: Json, settings: Settings) -> Identity | DropReason:
    """The identity that one id names."""
    email, external_id = as_email(sent), as_own_id(sent)
    if settings.enforce_email:
        return DropReason.MISSING_EMAIL if email is None else Identity(email=email)
    if external_id is not None and len(external_id) > LONGEST_EXTERNAL_ID:
        external_id = None
        if email is None:
            return DropReason.EXTERNAL_ID_TOO_LONG
    return Identity(email=email, external_id=external_id)
