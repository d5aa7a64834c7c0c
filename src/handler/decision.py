"""What becomes of one message: operations, a drop, or a dead letter.

Both functions, the preview and the backfill decide here, so that they cannot differ.
"""

from dataclasses import dataclass, field
from datetime import datetime

from handler.door.validation import Malformed, kept
from klaviyo_mapping import Dropped, Mapped, Message, Settings, map_message
from klaviyo_mapping.identity.identifiers import as_own_id
from operations import Json


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A message on which the mapping failed. That is a bug here, so the message is kept."""

    raw: Json = field(repr=False)
    error: Exception = field(repr=False)


Decision = Mapped | Dropped | Malformed | Unmapped

Sender = tuple[str | None, str | None]
"""A message's type and its user id, as far as there are any."""


def decide(arrival: Message | Malformed, settings: Settings, now: datetime) -> Decision:
    """Map a message that the door has read. Never raises, so that one message cannot affect its
    neighbours."""
    if isinstance(arrival, Malformed):
        return arrival
    try:
        return map_message(arrival, settings, now)
    except Exception as error:
        return Unmapped(kept(arrival.document()), error)


def sender_of(arrival: Message | Malformed) -> Sender:
    """Who sent it, for the ledger."""
    if isinstance(arrival, Malformed):
        return None, None
    return arrival.type, as_own_id(arrival.user_id)
