"""The country that a message is about, as the region to read a national phone number by."""

import re

from klaviyo_mapping.keys import Precedence, as_object, first
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import Json, JsonObject

TRAITS = Precedence({"$country": ("$country",), "address": ("address",), "country": ("country",)})
PLACE = Precedence({"country": ("country",)})
"""An address, or Segment's `context.location`."""

_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")


def country_of(message: Message, traits: JsonObject) -> str | None:
    """The first of these that is a two-letter code, in capitals; None without one.

    The traits `$country`, `address.country` and `country`, then `context.location.country`.
    """
    keys = TRAITS.keys_in(traits)
    return (
        first(traits, keys["$country"], _as_code)
        or _country_of_place(first(traits, keys["address"], as_object))
        or first(traits, keys["country"], _as_code)
        or _country_of_place(as_object(message.context.location))
    )


def _country_of_place(place: JsonObject | None) -> str | None:
    return first(place, PLACE.keys_in(place)["country"], _as_code) if place else None


def _as_code(value: Json) -> str | None:
    if isinstance(value, str) and _TWO_LETTERS.fullmatch(value.strip()):
        return value.strip().upper()
    return None
