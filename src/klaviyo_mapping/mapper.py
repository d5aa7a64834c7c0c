"""The whole mapping of one message: whether it goes through, and what becomes of it."""

from datetime import datetime

from klaviyo_mapping.context import traits_in_context
from klaviyo_mapping.event import ORDER_COMPLETED, fields_of, track_event
from klaviyo_mapping.identity import name_profile, place_in_traits
from klaviyo_mapping.integration import is_disabled
from klaviyo_mapping.membership import join_list
from klaviyo_mapping.message import Message
from klaviyo_mapping.order import map_order
from klaviyo_mapping.profile import upsert_profile
from klaviyo_mapping.reasons import DropReason
from klaviyo_mapping.result import Dropped, Mapped
from klaviyo_mapping.settings import Settings

LONGEST_EVENT_NAME = 127
"""Klaviyo takes metric names of under 128 characters."""


def map_message(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    """What a message becomes in Klaviyo; the same each time that it is mapped.

    `now`, with a time zone, only decides whether a time lies too far ahead to be taken. Never
    raises for a message that satisfies `MESSAGE_SCHEMA`.
    """
    reason = _refuse(message)
    if reason is not None:
        return Dropped(reason)
    if message.type == "identify":
        return _map_identify(message, settings, now)
    return _map_track(message, settings, now)


def _map_identify(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    place = place_in_traits(message.traits)
    named = name_profile(message, (place,), settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    _, keys = place
    upsert = upsert_profile(message, named, keys, now)
    step = join_list(message, named.identity, settings)
    return Mapped((upsert,) if step is None else (upsert, step))


def _map_track(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    event_name = message.event_name or ""
    fields = fields_of(event_name)
    keys = fields.keys_in(message.properties)
    places = ((message.properties, keys), place_in_traits(traits_in_context(message)))
    named = name_profile(message, places, settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    if fields is ORDER_COMPLETED:
        return map_order(message, named.identity, keys, settings, now)
    return Mapped((track_event(message, named.identity, event_name, keys, now),))


def _refuse(message: Message) -> DropReason | None:
    """The first reason that can be told without knowing whose message it is."""
    if message.type not in ("identify", "track"):
        return DropReason.UNSUPPORTED_TYPE
    if is_disabled(message):
        return DropReason.INTEGRATION_DISABLED
    if message.type == "track":
        if not message.event_name or message.event_name.isspace():
            return DropReason.MISSING_EVENT_NAME
        if len(message.event_name) > LONGEST_EVENT_NAME:
            return DropReason.EVENT_NAME_TOO_LONG
    return None
