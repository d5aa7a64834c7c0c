"""Whose profile a message is about: the identifiers, or why there are none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from klaviyo_mapping.context import context_object, is_from_engage
from klaviyo_mapping.country import country_of
from klaviyo_mapping.email import as_email
from klaviyo_mapping.keys import Precedence
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import Identity, Json, JsonObject
from klaviyo_mapping.phone import is_e164, to_e164
from klaviyo_mapping.reasons import DropReason
from klaviyo_mapping.settings import Settings
from klaviyo_mapping.text import as_identifier

LONGEST_EXTERNAL_ID = 255

EMAIL = ("$email", "email")
EXCHANGE_ID = ("$exchange_id", "exchange_id", "_kx")

TRAITS = Precedence(
    {
        "email": EMAIL,
        "external_id": ("$id",),
        "phone_number": ("$phone_number", "phone", "phoneNumber"),
        "_kx": EXCHANGE_ID,
    }
)
"""The traits of an identify, and those that a track has in its context."""

PROPERTIES = Precedence({"email": EMAIL, "external_id": (), "phone_number": (), "_kx": EXCHANGE_ID})
"""The properties of a track; they are asked before the traits in its context."""


@dataclass(frozen=True, slots=True)
class Named:
    """The identifiers of a message's profile, and the key that each was found under.

    An identifier that the message's own ids gave has no key in `found_under`.
    """

    identity: Identity
    found_under: Mapping[str, str] = field(default_factory=dict)


class _Search:
    """Asks the objects that may hold identifiers, in order, and notes where it found one."""

    __slots__ = ("_places", "found_under")

    def __init__(self, *places: tuple[JsonObject, Precedence]) -> None:
        self._places = [(document, table.keys_in(document)) for document, table in places]
        self.found_under: dict[str, str] = {}

    def find(self, identifier: str, read: Callable[[Json], str | None]) -> str | None:
        """What `read` makes of the first value that it can read."""
        for document, keys in self._places:
            for key in keys[identifier]:
                found = read(document[key])
                if found is not None:
                    self.found_under[identifier] = key
                    return found
        return None

    def meets_anything(self, identifier: str) -> bool:
        """Whether something was sent for it, of use or not; null and blank text are nothing."""
        return any(
            document[key] is not None and not _is_blank(document[key])
            for document, keys in self._places
            for key in keys[identifier]
        )


def name_profile(message: Message, settings: Settings) -> Named | DropReason:
    """The identifiers of an identify or a track, or the first reason why it names no profile.

    A source that holds null, a blank text or what is no such identifier is passed over for the
    next one.
    """
    traits = _traits(message)
    search = _search(message, traits)
    kx = search.find("_kx", as_identifier)
    if kx is None and _lacks_user_id(message, settings):
        return DropReason.MISSING_USER_ID
    email = search.find("email", as_email) or as_email(message.user_id)
    if email is None and settings.enforce_email:
        found = search.meets_anything("email")
        return DropReason.INVALID_EMAIL if found else DropReason.MISSING_EMAIL
    phone_number = search.find(
        "phone_number", lambda value: as_phone_number(value, message, traits, settings)
    )
    external_id = None if settings.enforce_email else _external_id(message, search, settings)
    named_otherwise = not (email is None and phone_number is None and kx is None)
    if external_id is not None and len(external_id) > LONGEST_EXTERNAL_ID:
        if not named_otherwise:
            return DropReason.EXTERNAL_ID_TOO_LONG
        external_id = None
    if external_id is None and not named_otherwise:
        return DropReason.MISSING_IDENTIFIER
    return Named(Identity(email, external_id, phone_number, kx), search.found_under)


def _traits(message: Message) -> JsonObject:
    if message.type == "identify":
        return message.traits
    return context_object(message, "traits") or {}


def _search(message: Message, traits: JsonObject) -> _Search:
    if message.type == "identify":
        return _Search((traits, TRAITS))
    return _Search((message.properties, PROPERTIES), (traits, TRAITS))


def _lacks_user_id(message: Message, settings: Settings) -> bool:
    return (
        not settings.fallback_on_anonymous_id
        and as_identifier(message.user_id) is None
        and not is_from_engage(message)
    )


def _external_id(message: Message, search: _Search, settings: Settings) -> str | None:
    external_id = search.find("external_id", as_identifier) or as_identifier(message.user_id)
    if external_id is None and settings.fallback_on_anonymous_id:
        return as_identifier(message.anonymous_id)
    return external_id


def as_phone_number(
    value: Json, message: Message, traits: JsonObject, settings: Settings
) -> str | None:
    """The number in E.164, read by the country of the traits or the message, else the default."""
    text = as_identifier(value)
    if text is None:
        return None
    text = text.strip()
    if is_e164(text):
        return text
    return to_e164(text, country_of(message, traits) or settings.default_country)


def _is_blank(value: Json) -> bool:
    return isinstance(value, str) and not value.strip()
