"""An identify's traits as the attributes and custom properties of a Klaviyo profile."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from klaviyo_mapping.attributes import Candidates, as_coordinate, candidates_in
from klaviyo_mapping.context import CONTEXT
from klaviyo_mapping.identity import TRAITS as IDENTIFIERS
from klaviyo_mapping.identity import Named
from klaviyo_mapping.keys import Precedence, as_object, first
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import Json, JsonObject, UpsertProfile
from klaviyo_mapping.settings import Settings
from klaviyo_mapping.text import as_identifier
from klaviyo_mapping.times import time_of

# What the context knows comes after every trait: `context.timezone`, `context.location.latitude`.
CONTEXT_LOCATION = Precedence({name: (name,) for name in ("latitude", "longitude")})

OTHER_TRAITS = Precedence(
    {"address": ("address",), "company": ("company",), "left_out": ("id", "$id")}
)


def upsert_profile(message: Message, named: Named, now: datetime) -> UpsertProfile:
    """The profile of an identify: each trait is in an attribute, in `properties`, or in both."""
    traits = message.traits
    others = OTHER_TRAITS.keys_in(traits)
    fields = {
        "": traits,
        "address": first(traits, others["address"], as_object) or {},
        "company": first(traits, others["company"], as_object) or {},
    }
    attribute_sources, location_sources = candidates_in(*map(tuple, fields.values()))
    mapped: dict[str, set[str]] = {owner: set() for owner in fields}
    attributes = _fill(attribute_sources, fields, mapped)
    location = _fill(location_sources, fields, mapped)
    _add_context(location, message)
    if location:
        attributes["location"] = location

    left_out = mapped[""]
    left_out.update(others["left_out"], named.found_under.values(), _null_identifiers(traits))
    for owner in ("address", "company"):
        if fields[owner] and len(mapped[owner]) == len(fields[owner]):
            left_out.update(others[owner])
    phone_key = named.found_under.get("phone_number")
    return UpsertProfile(
        message_id=message.message_id,
        identity=named.identity,
        attributes=attributes,
        properties={key: value for key, value in traits.items() if key not in left_out},
        phone_as_sent={} if phone_key is None else {phone_key: traits[phone_key]},
        time=time_of(message, now),
    )


def with_user_id(upsert: UpsertProfile, message: Message, settings: Settings) -> UpsertProfile:
    """The upsert with the user id as the custom property `keep_user_id`.

    As it is when the id names the profile anyway, or there is none.
    """
    user_id = as_identifier(message.user_id)
    if settings.keep_user_id is None or not settings.enforce_email or user_id is None:
        return upsert
    properties = {**upsert.properties, settings.keep_user_id: user_id}
    return replace(upsert, properties=properties)


def _fill(
    candidates: Candidates, fields: Mapping[str, JsonObject], mapped: Mapping[str, set[str]]
) -> dict[str, Json]:
    """The attributes' values; notes in `mapped` which keys of which owner are now said there."""
    filled: dict[str, Json] = {}
    for attribute, sources in candidates:
        for source, key in sources:
            value = fields[source.owner][key]
            if value is not None:
                value = source.read(value)
                if value is None:
                    continue
            filled[attribute] = value
            if not source.stays:
                mapped[source.owner].add(key)
            break
    return filled


def _add_context(location: dict[str, Json], message: Message) -> None:
    context = message.context
    found = CONTEXT.keys_in(context)
    timezone = first(context, found["timezone"], as_identifier)
    if timezone is not None:
        location.setdefault("timezone", timezone)
    place = first(context, found["location"], as_object) or {}
    for attribute, keys in CONTEXT_LOCATION.keys_in(place).items():
        coordinate = first(place, keys, as_coordinate)
        if coordinate is not None:
            location.setdefault(attribute, coordinate)


def _null_identifiers(traits: JsonObject) -> list[str]:
    """Identifiers sent as null: they name nobody, and there is nothing to clear."""
    return [
        key for keys in IDENTIFIERS.keys_in(traits).values() for key in keys if traits[key] is None
    ]
