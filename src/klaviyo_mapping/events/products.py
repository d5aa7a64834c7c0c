"""The `products` of an e-commerce event, in whatever form they were sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.events.product import PRODUCT, Product, read_product
from klaviyo_mapping.segment.keys import Shape
from klaviyo_mapping.segment.nesting import MAX_LEVELS, nests_deeper
from klaviyo_mapping.segment.text import as_text
from operations import Json, JsonObject

MOST_PRODUCTS = 1_000
"""That are read of one event. A message of Segment's has 32 KB: some hundreds of products with an
id, a name and a price, or 10,000 empty ones, which anybody may send who knows a site's public write
key, and each of which would become an event."""


@dataclass(frozen=True, slots=True)
class Products:
    """The products of an event, by their position, counted from one.

    `taken` are the keys of the properties that they were read from. Without any, what stands under
    `products` stays a property. `beyond` has those after the first `MOST_PRODUCTS` as they came, to
    stay properties.
    """

    by_position: Mapping[int, Product]
    taken: Shape
    warnings: tuple[Warned, ...] = ()
    beyond: JsonObject = field(default_factory=dict)


def read_products(sent: JsonObject, keys: Shape, currency: str | None) -> Products:
    """The products of an event with these properties.

    `keys` has the key that may hold them, and `currency` is that of prices that name none.
    """
    entries: Sequence[Json] | None = ()
    for key in keys:
        if sent[key] is not None:
            entries = _as_list(sent[key])
    if entries is None:
        return Products({}, (), (Warned(MappingWarning.PRODUCTS_NOT_A_LIST),))
    warnings: list[Warned] = []
    beyond: JsonObject = {}
    if len(entries) > MOST_PRODUCTS:
        warnings.append(Warned(MappingWarning.PRODUCTS_BEYOND_LIMIT))
        beyond = {keys[-1]: entries[MOST_PRODUCTS:]}
        entries = entries[:MOST_PRODUCTS]
    by_position = {
        position: read_product(entry, currency)
        for position, entry in enumerate(entries, start=1)
        if isinstance(entry, dict)
    }
    if len(by_position) < len(entries):
        warnings.append(Warned(MappingWarning.PRODUCT_NOT_AN_OBJECT))
    return Products(by_position, keys, tuple(warnings), beyond)


def _as_list(value: Json) -> Sequence[Json] | None:
    """A list, or a value that means one: JSON text, an object by position or by SKU, one
    product."""
    if isinstance(value, str):
        value = _decoded(value)
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return None
    are_objects = [isinstance(each, dict) for each in value.values()]
    if all(are_objects) or (any(are_objects) and all(map(str.isdecimal, value))):
        return list(value.values())
    return [value] if _is_product(value) else None


def _decoded(text: str) -> Json:
    """The JSON value of the text; `None` if it is not JSON, or nests too deeply to be sent."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return None if nests_deeper(value, MAX_LEVELS - 1) else value


def _is_product(document: JsonObject) -> bool:
    """Whether a field of a product's has a text or a number."""
    keys_of = PRODUCT.keys_in(document)
    return any(as_text(document[key]) is not None for keys in keys_of.values() for key in keys)
