"""Tracks that give and withdraw consent."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta

from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.identity.identifiers import as_phone_number
from klaviyo_mapping.segment.context import traits_in_context
from klaviyo_mapping.segment.keys import Precedence, Shape, first, normalise
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier, is_blank
from klaviyo_mapping.segment.times import first_time, time_of
from klaviyo_mapping.settings.integration import as_boolean, as_list_id, list_id_of
from klaviyo_mapping.settings.settings import Settings
from operations import Identity, Json, JsonObject, Subscribe, Unsubscribe, with_channels
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

_UNREADABLE = "?"
"""Stands for a channel that cannot be read."""

ReadChannels = Callable[[Json], Sequence[str] | None]
Step = tuple[Subscribe | Unsubscribe | None, tuple[Warned, ...]]


def consent_step(message: Message, identity: Identity, settings: Settings, now: datetime) -> Step:
    """What a track changes of its person's consent, and the warnings.

    Nothing for an event of another name; names are matched like keys.
    """
    if _is_named(message, settings.subscribe_event):
        return _subscribe(message, identity, settings, now)
    if _is_named(message, settings.unsubscribe_event):
        return _unsubscribe(message, identity, settings, now)
    return None, ()


def is_consent_event(message: Message, settings: Settings) -> bool:
    """Whether the name is that of a consent event."""
    names = (settings.subscribe_event, settings.unsubscribe_event)
    return any(_is_named(message, name) for name in names)


def reader_of_channels(message: Message, settings: Settings) -> ReadChannels:
    """What reads the channels of a consent event."""
    is_given = _is_named(message, settings.subscribe_event)
    return _as_channels if is_given else _as_withdrawn_channels


def _is_named(message: Message, name: str) -> bool:
    return normalise(message.event_name or "") == normalise(name)


def _subscribe(message: Message, identity: Identity, settings: Settings, now: datetime) -> Step:
    sent = message.properties
    keys = CONSENT.keys_in(sent)
    email, phone_number = identity.email, _phone_number(message, identity, keys, settings)
    wanted = first(sent, keys["channels"], _as_channels)
    if wanted is None:
        # What the message says of its channels, and nobody can read, may be a no to SMS.
        is_unclear = any(
            sent[key] is not None and not is_blank(sent[key]) for key in keys["channels"]
        )
        wanted = _channels_there(message, keys, email, has_sms=not is_unclear)
    elif not wanted:
        return None, ()
    channels, warnings = _reached(wanted, email, phone_number, SUBSCRIBABLE)
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
    wanted = first(sent, keys["channels"], _as_withdrawn_channels)
    if is_everything and wanted is None:
        if email is None and phone_number is None:
            return None, (Warned(MappingWarning.CHANNEL_LEFT_OUT),)
        whole = Unsubscribe(
            message.message_id, email, None, phone_number, time, channels=EVERY_CHANNEL
        )
        return whole, ()
    wanted = wanted or _channels_there(message, keys, email)
    channels, warnings = _reached(wanted, email, phone_number, WITHDRAWABLE)
    if not channels:
        return None, warnings
    list_id = None if is_everything else _list_id(message, keys)
    unsubscribe = Unsubscribe(message.message_id, email, list_id, phone_number, time)
    return with_channels(unsubscribe, channels), warnings


def _channels_there(
    message: Message, keys: Mapping[str, Shape], email: str | None, *, has_sms: bool = True
) -> Sequence[str]:
    """The channels for which an event that names none has something.

    A number in the context's traits is no consent to SMS.
    """
    sent = message.properties
    has_phone = has_sms and any(as_identifier(sent[key]) for key in keys["phone_number"])
    there = (("email.marketing", email), ("sms.marketing", has_phone))
    return [channel for channel, found in there if found]


def _reached(
    wanted: Sequence[str], email: str | None, phone_number: str | None, allowed: Set[str]
) -> tuple[tuple[str, ...], tuple[Warned, ...]]:
    """The channels that the consent is about, with a warning if one of them has no address or
    number."""
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
    """The channels of a list, of a text in which something stands between them, or of an object
    in which they are true; each once.

    None if nothing names a channel, and no channel where an object says no to all. An unknown word
    stays, so that a warning can name it.
    """
    if isinstance(value, dict):
        return _channels_of_object(value)
    listed: Json = value
    if isinstance(value, str):
        listed = re.split(r"[,;\s]+", _BEFORE_KIND.sub("", value))
    if not isinstance(listed, list) or not any(isinstance(each, str) for each in listed):
        return None
    named = [each if isinstance(each, str) else _UNREADABLE for each in listed if each is not None]
    return _distinct_channels(named) or None


def _channels_of_object(answers: JsonObject) -> Sequence[str] | None:
    """The channels whose value is true. One whose value may mean that cannot be read."""
    read = {name: as_boolean(answer) for name, answer in answers.items()}
    if all(answer is None for answer in read.values()):
        return None
    return _distinct_channels(
        name if read[name] else _UNREADABLE
        for name, answer in answers.items()
        if read[name] or (read[name] is None and answer)
    )


def _distinct_channels(names: Iterable[str]) -> Sequence[str]:
    words = [normalise(name).replace(".", "") for name in names]
    return list(dict.fromkeys(SPOKEN.get(word, word) for word in words if word))


def _as_withdrawn_channels(value: Json) -> Sequence[str] | None:
    """As for a consent that is given; but what names no channel that can be read withdraws them
    all: what the message withdraws must not be lost."""
    channels = _as_channels(value) or ()
    return None if set(channels) <= {_UNREADABLE} else channels
