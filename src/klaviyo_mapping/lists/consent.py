"""Tracks that give and withdraw consent."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta

from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.identity.identifiers import as_phone_number
from klaviyo_mapping.segment.context import traits_in_context
from klaviyo_mapping.segment.keys import Precedence, Shape, first, normalise
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.segment.times import first_time, time_of
from klaviyo_mapping.settings.integration import as_boolean, as_list_id, list_id_of
from klaviyo_mapping.settings.settings import Settings
from operations import Identity, Json, Subscribe, Unsubscribe, with_channels
from operations.channels import (
    EVERY_CHANNEL,
    SPOKEN,
    SUBSCRIBABLE,
    WITHDRAWABLE,
    identifier_of,
)

CONSENT = Precedence(
    {
        "channels": ("channels", "channel"),
        "phone_number": ("$phone_number", "phone", "phoneNumber"),
        "list_id": ("list_id",),
        "all_lists": ("all_lists",),
        "historical_import": ("historical_import",),
        "consented_at": ("consented_at",),
        "custom_source": ("custom_source", "$source"),
    }
)
"""The properties of a consent event."""

_BEFORE_KIND = re.compile(
    r"(?<=\w)[\s_.-]+(?=(?:marketing|transactional|conversational|open|click|tracking)\b)", re.I
)
"""The separator of a channel and its kind in a text: "sms transactional" is one channel, not
SMS."""

Step = tuple[Subscribe | Unsubscribe | None, tuple[Warned, ...]]


def consent_step(message: Message, identity: Identity, settings: Settings, now: datetime) -> Step:
    """What a track changes of its person's consent, and the warnings.

    Nothing for an event of another name; names are matched like keys.
    """
    event_name = normalise(message.event_name or "")
    if event_name == normalise(settings.subscribe_event):
        return _subscribe(message, identity, settings, now)
    if event_name == normalise(settings.unsubscribe_event):
        return _unsubscribe(message, identity, settings, now)
    return None, ()


def is_consent_event(message: Message, settings: Settings) -> bool:
    """Whether the name is that of a consent event."""
    names = (settings.subscribe_event, settings.unsubscribe_event)
    return normalise(message.event_name or "") in map(normalise, names)


def _subscribe(message: Message, identity: Identity, settings: Settings, now: datetime) -> Step:
    sent = message.properties
    keys = CONSENT.keys_in(sent)
    email, phone_number = identity.email, _phone_number(message, identity, keys, settings)
    channels, warnings = _channels(message, keys, email, phone_number, SUBSCRIBABLE)
    is_historical = first(sent, keys["historical_import"], as_boolean) or False
    consented_at = _consented_at(message, keys, now) if is_historical else None
    if is_historical and consented_at is None:
        # Without the time, Klaviyo would ask people to confirm who have agreed long ago.
        return None, (*warnings, Warned(MappingWarning.CONSENTED_AT_MISSING))
    if not channels:
        return None, warnings
    subscribe = Subscribe(
        message.message_id,
        email,
        _list_id(message, keys) or settings.list_id,
        phone_number=phone_number,
        historical_import=is_historical,
        consented_at=consented_at,
        custom_source=first(sent, keys["custom_source"], as_identifier) or settings.consent_source,
        time=time_of(message, now),
        is_consent=True,
    )
    return with_channels(subscribe, channels), warnings


def _unsubscribe(message: Message, identity: Identity, settings: Settings, now: datetime) -> Step:
    """The list is the one that the message names. That of the settings would narrow what the person
    withdraws."""
    sent = message.properties
    keys = CONSENT.keys_in(sent)
    time = time_of(message, now)
    is_everything = first(sent, keys["all_lists"], as_boolean) or False
    email, phone_number = identity.email, _phone_number(message, identity, keys, settings)
    if is_everything and first(sent, keys["channels"], _as_channels) is None:
        if email is None and phone_number is None:
            return None, (Warned(MappingWarning.CHANNEL_LEFT_OUT),)
        whole = Unsubscribe(
            message.message_id, email, None, phone_number, time, channels=EVERY_CHANNEL
        )
        return whole, ()
    channels, warnings = _channels(message, keys, email, phone_number, WITHDRAWABLE)
    if not channels:
        return None, warnings
    list_id = None if is_everything else _list_id(message, keys)
    unsubscribe = Unsubscribe(message.message_id, email, list_id, phone_number, time)
    return with_channels(unsubscribe, channels), warnings


def _channels(
    message: Message,
    keys: Mapping[str, Shape],
    email: str | None,
    phone_number: str | None,
    allowed: Set[str],
) -> tuple[tuple[str, ...], tuple[Warned, ...]]:
    """The channels that the consent is about, with a warning if one of them has no address or
    number.

    The channels are those that the message names, else those for which the event itself has
    something: a number in the context's traits is no consent to SMS.
    """
    sent = message.properties
    wanted = first(sent, keys["channels"], _as_channels)
    if wanted is None:
        has_phone = any(as_identifier(sent[key]) for key in keys["phone_number"])
        there = (("email.marketing", email), ("sms.marketing", has_phone))
        wanted = [channel for channel, found in there if found]
    identifiers = {"email": email, "phone_number": phone_number, None: email or phone_number}
    reached = tuple(
        each for each in wanted if each in allowed and identifiers[identifier_of(each)] is not None
    )
    is_whole = bool(wanted) and len(reached) == len(wanted)
    return reached, () if is_whole else (Warned(MappingWarning.CHANNEL_LEFT_OUT),)


def _phone_number(
    message: Message, identity: Identity, keys: Mapping[str, Shape], settings: Settings
) -> str | None:
    """The number in the properties, which need not name the profile; without one the person's.

    One that cannot be made valid is not replaced by another one.
    """
    sent = message.properties
    if not any(as_identifier(sent[key]) for key in keys["phone_number"]):
        return identity.phone_number
    place = {**traits_in_context(message), **sent}
    return first(
        sent, keys["phone_number"], lambda value: as_phone_number(value, message, place, settings)
    )


def _list_id(message: Message, keys: Mapping[str, Shape]) -> str | None:
    """The list that the message itself names."""
    return list_id_of(message) or first(message.properties, keys["list_id"], as_list_id)


def _consented_at(message: Message, keys: Mapping[str, Shape], now: datetime) -> str | None:
    """The time of the consent. Klaviyo rejects one in the future."""
    sent = message.properties
    texts = [sent[key] for key in keys["consented_at"] if isinstance(sent[key], str)]
    return first_time(texts, now, ahead=timedelta(0))


def _as_channels(value: Json) -> Sequence[str] | None:
    """The channels of a list, or of a text in which something stands between them, each once.

    An unknown word stays, so that a warning can name it.
    """
    listed: Iterable[Json] | Json = value
    if isinstance(value, str):
        listed = re.split(r"[,;\s]+", _BEFORE_KIND.sub("", value))
    if not isinstance(listed, list):
        return None
    words = [normalise(each).replace(".", "") for each in listed if isinstance(each, str)]
    return list(dict.fromkeys(SPOKEN.get(word, word) for word in words if word)) or None
