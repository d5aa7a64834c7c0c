"""The whole mapping of one message: whether it goes through, and what becomes of it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from klaviyo_mapping.decision.reasons import DropReason, MappingWarning, Warned
from klaviyo_mapping.decision.result import Dropped, Mapped
from klaviyo_mapping.events.commerce import map_commerce
from klaviyo_mapping.events.event import (
    ANY_OTHER,
    ORDER_COMPLETED,
    fields_of,
    track_event,
)
from klaviyo_mapping.events.order import map_order
from klaviyo_mapping.events.views import NOUNS, as_event
from klaviyo_mapping.identity.alias import merge_of
from klaviyo_mapping.identity.identifiers import (
    Place,
    name_profile,
    named_in_event,
    place_in_traits,
)
from klaviyo_mapping.ignored_options import ignored_options
from klaviyo_mapping.lists.audience import audience_step
from klaviyo_mapping.lists.consent import consent_step, is_consent_event
from klaviyo_mapping.lists.membership import join_list
from klaviyo_mapping.profile.edits import edited
from klaviyo_mapping.profile.group import upsert_of_group
from klaviyo_mapping.profile.upsert import upsert_profile, with_context, with_user_id
from klaviyo_mapping.segment.context import traits_in_context
from klaviyo_mapping.segment.keys import Precedence, Shape
from klaviyo_mapping.segment.message import EVENT_TYPES, LONGEST_EVENT_NAME, Message
from klaviyo_mapping.segment.times import time_of
from klaviyo_mapping.settings.integration import is_disabled
from klaviyo_mapping.settings.settings import Settings
from operations import (
    CreateEvent,
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
)

MOST_PROPERTIES = 400
"""Of an event: https://developers.klaviyo.com/en/reference/events_api_overview#limitations"""


def map_message(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    """What a message becomes in Klaviyo; the same each time that it is mapped.

    `now`, with a time zone, only decides whether a time lies too far ahead to be taken. Never
    raises for a message that satisfies `MESSAGE_SCHEMA`.
    """
    if settings.forward_types and message.type in settings.forward_types and message.type in NOUNS:
        message = as_event(message)
    reason = _refuse(message, settings)
    if reason is not None:
        return Dropped(reason)
    if settings.rules is not None:
        allowed = settings.rules.applied_to(message)
        if allowed is None:
            return Dropped(DropReason.DENIED_BY_RULES)
        message = allowed
    if message.type in EVENT_TYPES:
        return _map_track(message, settings, now)
    if message.type == "identify":
        return _map_identify(message, settings, now)
    return OTHERS[message.type](message, settings, now)


def _map_identify(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    place = place_in_traits(message.traits)
    named = name_profile(message, (place,), settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    _, keys = place
    upsert = upsert_profile(message, named, keys, now)
    if message.integrations:
        upsert = edited(upsert, message)
    if settings.send_context:
        upsert = with_context(upsert, message)
    if settings.keep_user_id is not None:
        upsert = with_user_id(upsert, message, settings)
    step: Operation | None = None
    if settings.audience_lists is not None:
        step = audience_step(message, named.identity, settings, now)
    if step is None:
        step = join_list(message, named.identity, settings, upsert.time)
    operations = (upsert,) if step is None else (upsert, step)
    return Mapped(operations, ignored_options(message, settings))


def _map_track(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    fields = fields_of(message.event_name or "")
    keys = fields.keys_in(message.properties)
    named = name_profile(message, _places_of_track(message, keys), settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    identity = named.identity
    # A journey that asks for consent sends the keys of an audience as well.
    is_consent = settings.consent_events and is_consent_event(message, settings)
    if settings.audience_lists is not None and not is_consent:
        step = audience_step(message, identity, settings, now)
        if step is not None:
            # No event: a first sync sends every member at once, and membership is all it says.
            return Mapped((step,), ignored_options(message, settings))
    if settings.send_anonymous_id:
        identity = named_in_event(named, message, settings)
    mapped = _map_event(message, identity, fields, keys, settings, now)
    if is_consent:
        consent, warnings = consent_step(message, named.identity, settings, now)
        operations = mapped.operations if consent is None else (*mapped.operations, consent)
        ignored = ignored_options(message, settings)
        return Mapped(operations, (*mapped.warnings, *warnings, *ignored))
    if settings.audience_lists is not None:
        return Mapped(mapped.operations, (*mapped.warnings, *ignored_options(message, settings)))
    return mapped


def _places_of_track(message: Message, keys: Mapping[str, Shape]) -> tuple[Place, Place]:
    """`keys` are those of the properties."""
    return (message.properties, keys), place_in_traits(traits_in_context(message))


def _map_event(
    message: Message,
    identity: Identity,
    fields: Precedence,
    keys: Mapping[str, Shape],
    settings: Settings,
    now: datetime,
) -> Mapped:
    event_name = message.event_name or ""
    if settings.ecommerce_metrics == "klaviyo":
        mapped = map_commerce(message, identity, event_name, now)
        if mapped is not None:
            return _counted(mapped)
    if fields is ORDER_COMPLETED:
        return _counted(map_order(message, identity, keys, settings, now))
    event = track_event(message, identity, event_name, keys, now)
    mapped = Mapped((event,))
    return mapped if len(event.properties) <= MOST_PROPERTIES else _counted(mapped)


def _counted(mapped: Mapped) -> Mapped:
    """With a warning where an event has more properties than Klaviyo says it takes."""
    for operation in mapped.operations:
        if isinstance(operation, CreateEvent) and len(operation.properties) > MOST_PROPERTIES:
            warnings = (*mapped.warnings, Warned(MappingWarning.TOO_MANY_PROPERTIES))
            return Mapped(mapped.operations, warnings)
    return mapped


def _map_group(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    """The member is named as in a track: the traits are those of the group."""
    named = name_profile(message, (place_in_traits(traits_in_context(message)),), settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    return Mapped((upsert_of_group(message, named.identity, now),))


def _map_alias(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    merge = merge_of(message, settings, now)
    return Mapped((merge,)) if isinstance(merge, MergeProfiles) else Dropped(merge)


def _map_delete(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    """A deletion cannot be taken back, so a phone number, which several may share, names nobody."""
    places = _places_of_track(message, ANY_OTHER.keys_in(message.properties))
    named = name_profile(message, places, settings)
    if isinstance(named, DropReason):
        return Dropped(named)
    identity = Identity(email=named.identity.email, external_id=named.identity.external_id)
    if not identity.attributes():
        return Dropped(DropReason.MISSING_IDENTIFIER)
    return Mapped((DeleteProfile(message.message_id, identity, time_of(message, now)),))


def _refuse(message: Message, settings: Settings) -> DropReason | None:
    """The first reason that does not depend on the message's identity."""
    if message.type not in ("identify", "track") and not _is_forwarded(message.type, settings):
        return DropReason.UNSUPPORTED_TYPE
    if is_disabled(message):
        return DropReason.INTEGRATION_DISABLED
    if message.type in EVENT_TYPES:
        if not message.event_name or message.event_name.isspace():
            return DropReason.MISSING_EVENT_NAME
        if len(message.event_name) > LONGEST_EVENT_NAME:
            return DropReason.EVENT_NAME_TOO_LONG
    return None


def _is_forwarded(type_: str, settings: Settings) -> bool:
    """Whether the settings ask for a type that the old destination dropped."""
    if type_ == "delete":
        return settings.forward_deletions
    if type_ == "alias":
        return settings.forward_aliases
    return type_ in settings.forward_types


OTHERS: Mapping[str, Callable[[Message, Settings, datetime], Mapped | Dropped]] = {
    "delete": _map_delete,
    "alias": _map_alias,
    "group": _map_group,
}
"""The types of messages that are neither events nor identifies."""
