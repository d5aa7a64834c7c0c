"""Whose profile a message is about: the identifiers, or why there are none."""

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_mapping.decision.reasons import DropReason
from klaviyo_mapping.identity.country import region_of
from klaviyo_mapping.identity.email import as_email
from klaviyo_mapping.identity.phone import is_plain, to_e164
from klaviyo_mapping.segment.context import is_from_engage, traits_in_context
from klaviyo_mapping.segment.keys import Precedence, Shape, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier, is_blank
from klaviyo_mapping.settings.settings import Settings
from operations import Identity, Json, JsonObject

LONGEST_EXTERNAL_ID = 255
LONGEST_EXCHANGE_ID = 255
"""Klaviyo's own have under 100 characters. It stands in every operation of a message."""

EMAIL = ("$email", "email")
EXCHANGE_ID = ("$exchange_id", "exchange_id", "_kx")

TRAITS = Precedence(
    {
        "email": EMAIL,
        "external_id": ("$id",),
        "phone_number": ("$phone_number", "phone", "phoneNumber"),
        "_kx": EXCHANGE_ID,
        "address": ("address",),
        "company": ("company",),
        "other_ids": ("id", "$id"),
    }
)
"""The traits of an identify, and those that a track has in its context.

Beside the identifiers those that `profile/upsert.py` asks for by name: one table is one look.
"""

# What SDKs and templates send if they have no id. Segment's identity resolution blocks the same:
# https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/
_PLACEHOLDER = re.compile(r"null|undefined|anonymous|-1|(?!0$)[0-]+", re.IGNORECASE)

IDENTIFIERS = ("email", "external_id", "phone_number", "_kx")

PROPERTIES = {"email": EMAIL, "external_id": (), "phone_number": (), "_kx": EXCHANGE_ID}
"""The properties of a track, for the tables that they are read by (`events/event.py`)."""

Place = tuple[JsonObject, Mapping[str, Shape]]
"""An object that may hold identifiers, and the keys that may hold each of them."""


class Named(Struct, frozen=True):
    """The identifiers of a message's profile, and the key that each was found under.

    An identifier that the message's own ids gave has no key in `found_under`.
    """

    identity: Identity
    found_under: Mapping[str, str]


def place_in_traits(traits: JsonObject) -> Place:
    """The traits as a place to look for identifiers."""
    return traits, TRAITS.keys_in(traits)


def name_profile(
    message: Message, places: Sequence[Place], settings: Settings
) -> Named | DropReason:
    """The identifiers of a message, or the first reason why it names no profile.

    `places` are asked in their order; the last one holds the traits. A source that holds null, a
    blank text or what is no such identifier is passed over for the next one.
    """
    found_under: dict[str, str] = {}
    kx = _find(places, "_kx", _as_exchange_id, found_under)
    if kx is None and _lacks_user_id(message, settings):
        return DropReason.MISSING_USER_ID
    email = (
        _find(places, "email", as_email, found_under)
        or _email_in_context(message)
        or as_email(message.user_id)
    )
    traits, keys = places[-1]
    phone_number = None
    if keys["phone_number"]:
        phone_number = _find(
            places,
            "phone_number",
            lambda sent: as_phone_number(sent, message, traits, settings),
            found_under,
        )
    if email is None and settings.enforce_email:
        if phone_number is None and kx is None and _has_placeholder_only(message, settings):
            return DropReason.MISSING_USER_ID
        found = _is_anything_sent(_places_of_email(message, places), "email")
        return DropReason.INVALID_EMAIL if found else DropReason.MISSING_EMAIL
    external_id = None
    if not settings.enforce_email:
        external_id = _external_id(message, places, settings, found_under)
    named_otherwise = not (email is None and phone_number is None and kx is None)
    if external_id is not None and len(external_id) > LONGEST_EXTERNAL_ID:
        if not named_otherwise:
            return DropReason.EXTERNAL_ID_TOO_LONG
        external_id = None
    if external_id is None and not named_otherwise:
        if _has_placeholder_only(message, settings):
            return DropReason.MISSING_USER_ID
        return DropReason.MISSING_IDENTIFIER
    return Named(Identity(email, external_id, phone_number, kx), found_under)


def _as_exchange_id(value: Json) -> str | None:
    kx = as_identifier(value)
    return kx if kx is not None and len(kx) <= LONGEST_EXCHANGE_ID else None


def _find(
    places: Sequence[Place],
    identifier: str,
    read: Callable[[Json], str | None],
    found_under: dict[str, str],
) -> str | None:
    """What `read` makes of the first value that it can read; notes its key in `found_under`."""
    for document, keys in places:
        for key in keys[identifier]:
            found = read(document[key])
            if found is not None:
                found_under[identifier] = key
                return found
    return None


def _is_anything_sent(places: Sequence[Place], identifier: str) -> bool:
    """Whether any value was sent for it, usable or not. Null and blank text do not count."""
    return any(
        document[key] is not None and not is_blank(document[key])
        for document, keys in places
        for key in keys[identifier]
    )


def named_in_event(named: Named, message: Message, settings: Settings) -> Identity:
    """The identifiers by which an event names its profile; with the anonymous id, if a setting asks
    for it.

    It is then no external id, as it is elsewhere if there is no user id.
    """
    identity = named.identity
    anonymous_id = as_own_id(message.anonymous_id) if settings.send_anonymous_id else None
    if anonymous_id is None or len(anonymous_id) > LONGEST_EXTERNAL_ID:
        return identity
    external_id = identity.external_id
    if external_id == anonymous_id and "external_id" not in named.found_under:
        # Klaviyo would take one id for two profiles: an external id's and an anonymous one's.
        external_id = as_own_id(message.user_id)
    return replace(identity, external_id=external_id, anonymous_id=anonymous_id)


def _lacks_user_id(message: Message, settings: Settings) -> bool:
    return (
        not settings.fallback_on_anonymous_id
        and as_identifier(message.user_id) is None
        and not is_from_engage(message)
    )


def _external_id(
    message: Message, places: Sequence[Place], settings: Settings, found_under: dict[str, str]
) -> str | None:
    external_id = _find(places, "external_id", as_own_id, found_under)
    external_id = external_id or as_own_id(message.user_id)
    if external_id is None and settings.fallback_on_anonymous_id:
        return as_own_id(message.anonymous_id)
    return external_id


def as_own_id(value: Json) -> str | None:
    """A user id or an anonymous id that is one person's, written out; None for a placeholder."""
    text = as_identifier(value)
    return None if text is None or _PLACEHOLDER.fullmatch(text.strip()) else text


def _has_placeholder_only(message: Message, settings: Settings) -> bool:
    """Whether the user id is a placeholder, and no other id may replace it.

    Engage addresses people by e-mail, so that it need not send a user id.
    """
    if as_identifier(message.user_id) is None or as_own_id(message.user_id) is not None:
        return False
    if settings.fallback_on_anonymous_id and as_own_id(message.anonymous_id) is not None:
        return False
    return not is_from_engage(message)


def _email_in_context(message: Message) -> str | None:
    """The address that mobile SDKs send with an identify, beside its traits."""
    if message.type != "identify":
        return None
    traits, keys = place_in_traits(traits_in_context(message))
    return first(traits, keys["email"], as_email)


def _places_of_email(message: Message, places: Sequence[Place]) -> Sequence[Place]:
    if message.type != "identify":
        return places
    return (*places, place_in_traits(traits_in_context(message)))


def as_phone_number(
    sent: Json, message: Message, traits: JsonObject, settings: Settings
) -> str | None:
    """The number in E.164, read by the country of the traits or the message, else the default."""
    text = as_identifier(sent)
    if text is None:
        return None
    text = text.strip()
    if is_plain(text):
        return text
    if text.startswith("+"):
        return to_e164(text, None)
    return to_e164(text, region_of(message, traits, settings.default_country))
