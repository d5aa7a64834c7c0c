"""An identify's traits as the attributes and custom properties of a Klaviyo profile."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from klaviyo_mapping.identity.identifiers import IDENTIFIERS, Named, as_own_id
from klaviyo_mapping.profile.attributes import Candidates, as_coordinate, as_locale, candidates_in
from klaviyo_mapping.segment.keys import Precedence, Shape, as_object, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.segment.times import time_of
from klaviyo_mapping.settings.settings import Settings
from operations import Json, JsonObject, UpsertProfile

# What the context knows comes after every trait: `context.timezone`, `context.location.latitude`.
DEVICE = Precedence({"ip": ("ip",)})
CONTEXT_LOCATION = Precedence({name: (name,) for name in ("latitude", "longitude")})


def upsert_profile(
    message: Message, named: Named, keys: Mapping[str, Shape], now: datetime
) -> UpsertProfile:
    """The profile of an identify: each trait is in an attribute, in `properties`, or in both.

    `keys` are those of the traits by `identity.TRAITS`.
    """
    traits = message.traits
    address = first(traits, keys["address"], as_object) or {}
    company = first(traits, keys["company"], as_object) or {}
    attribute_sources, location_sources = candidates_in(
        (tuple(traits), tuple(address), tuple(company))
    )
    owners = (traits, address, company)
    unsaid = (properties, of_address, of_company) = dict(traits), dict(address), dict(company)
    attributes = _fill(attribute_sources, owners, unsaid)
    location = _fill(location_sources, owners, unsaid)
    _add_context(location, message)
    if location:
        attributes["location"] = location

    left_out = [*keys["other_ids"], *named.found_under.values()]
    # Identifiers sent as null: they name nobody, and there is nothing to clear.
    if None in traits.values():
        left_out += [key for name in IDENTIFIERS for key in keys[name] if traits[key] is None]
    if address and not of_address:
        left_out += keys["address"][-1:]
    if company and not of_company:
        left_out += keys["company"][-1:]
    for key in left_out:
        properties.pop(key, None)
    phone_key = named.found_under.get("phone_number")
    return UpsertProfile(
        message.message_id,
        named.identity,
        attributes,
        properties,
        {} if phone_key is None else {phone_key: traits[phone_key]},
        time_of(message, now),
    )


def with_context(upsert: UpsertProfile, message: Message) -> UpsertProfile:
    """The upsert with the locale and the address of the device that the message's context knows.

    A trait of that name comes first. `0.0.0.0` is what Segment's libraries send in place of an
    address that the rules hide.
    """
    attributes = dict(upsert.attributes)
    locale = None if message.context.locale is None else as_locale(message.context.locale)
    if locale is not None:
        attributes.setdefault("locale", locale)
    address = _as_address(message.context.ip)
    if address is not None and not DEVICE.keys_in(message.traits)["ip"]:
        location = attributes.get("location") or {}
        attributes["location"] = {**location, "ip": address}
    return replace(upsert, attributes=attributes)


def with_user_id(upsert: UpsertProfile, message: Message, settings: Settings) -> UpsertProfile:
    """The upsert with the user id as the custom property `keep_user_id`.

    The upsert stays as it is if the id names the profile anyway, or there is no id.
    """
    user_id = as_own_id(message.user_id)
    if settings.keep_user_id is None or not settings.enforce_email or user_id is None:
        return upsert
    properties = {**upsert.properties, settings.keep_user_id: user_id}
    return replace(upsert, properties=properties)


def _fill(
    candidates: Candidates, owners: Sequence[JsonObject], unsaid: Sequence[dict[str, Json]]
) -> dict[str, Json]:
    """The attributes' values, which are taken from what is `unsaid` of each owner."""
    filled: dict[str, Json] = {}
    for attribute, owner, key, read, stays in candidates:
        if attribute in filled:
            continue
        value = owners[owner][key]
        if value is None or (value := read(value)) is not None:
            filled[attribute] = value
            if not stays:
                del unsaid[owner][key]
    return filled


def _as_address(value: Json) -> str | None:
    """A valid IP address. Klaviyo would refuse the whole profile for any other text."""
    # Imported here, since few settings ask for it.
    from ipaddress import ip_address

    try:
        address = ip_address(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if address is None or address.is_unspecified else str(address)


def _add_context(location: dict[str, Json], message: Message) -> None:
    context = message.context
    timezone = None if context.timezone is None else as_identifier(context.timezone)
    if timezone is not None:
        location.setdefault("timezone", timezone)
    place = as_object(context.location)
    if place:
        for attribute, keys in CONTEXT_LOCATION.keys_in(place).items():
            coordinate = first(place, keys, as_coordinate)
            if coordinate is not None:
                location.setdefault(attribute, coordinate)
