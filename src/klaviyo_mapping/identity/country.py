"""The country that a message is about, as the region to read a national phone number by."""

from collections.abc import Iterator

from klaviyo_mapping.segment.keys import Precedence, as_object, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.settings.countries import alpha2_of_code, alpha2_of_name, is_no_country
from operations import Json, JsonObject

TRAITS = Precedence({"$country": ("$country",), "address": ("address",), "country": ("country",)})
PLACE = Precedence({"country": ("country",)})
"""An address, or Segment's `context.location`."""

LONGEST_NAME = 100
"""Longer text is no country's name, and is not looked at."""

UNKNOWN = ""
"""A country that is named but not recognised."""


def region_of(message: Message, traits: JsonObject, default: str | None) -> str | None:
    """The region of the first country that is named, in capitals; `default` where none is.

    Asked are the traits `$country`, `address.country` and `country`, then
    `context.location.country`. A country that is not recognised is no region at all: by the
    default one its number could be somebody else's.
    """
    for named in _named(message, traits):
        region = region_named(named)
        if region is not None:
            return region or None
    return default


def region_named(country: Json) -> str | None:
    """The region that a value names; `UNKNOWN` if it names an unknown one, `None` if it names none.

    Two characters that are no country's code name none: `XX`, `EU`, `T1`.
    """
    if isinstance(country, (dict, list)):
        return UNKNOWN if country else None
    text = (as_identifier(country) or "").strip()
    if not text:
        return None
    if len(text) > LONGEST_NAME:
        return UNKNOWN
    letters = text.replace(".", "")
    if len(letters) == 2:
        return alpha2_of_code(letters)
    return alpha2_of_name(text) or (None if is_no_country(text) else UNKNOWN)


def _named(message: Message, traits: JsonObject) -> Iterator[Json]:
    keys = TRAITS.keys_in(traits)
    yield from (traits[key] for key in keys["$country"])
    yield from _named_in_place(first(traits, keys["address"], as_object))
    yield from (traits[key] for key in keys["country"])
    yield from _named_in_place(as_object(message.context.location))


def _named_in_place(place: JsonObject | None) -> Iterator[Json]:
    if place:
        yield from (place[key] for key in PLACE.keys_in(place)["country"])
