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


NOT_A_LIST = Products({}, (), (Warned(MappingWarning.PRODUCTS_NOT_A_LIST),))
"""No product can be read, so that what was sent stays as it came."""


def read_products(sent: JsonObject, keys: Shape, currency: str | None) -> Products:
    """The products of an event with these properties.

    `keys` has the key that may hold them, and `currency` is that of prices that name none.
    """
    entries: Sequence[Entry] | None = ()
    for key in keys:
        if sent[key] is not None:
            entries = _entries_in(sent[key])
    if entries is None:
        return NOT_A_LIST
    warnings: list[Warned] = []
    beyond: JsonObject = {}
    if len(entries) > MOST_PRODUCTS:
        warnings.append(Warned(MappingWarning.PRODUCTS_BEYOND_LIMIT))
        beyond = {keys[-1]: _as_sent(entries[MOST_PRODUCTS:])}
        entries = entries[:MOST_PRODUCTS]
    by_position = {}
    for position, (sku, entry) in enumerate(entries, start=1):
        document = _as_entry(entry)
        if isinstance(document, dict):
            product = read_product(document, currency)
            by_position[position] = product if sku is None else product.with_sku(sku)
    if entries and not by_position:
        return NOT_A_LIST
    if len(by_position) < len(entries):
        warnings.append(Warned(MappingWarning.PRODUCT_NOT_AN_OBJECT))
    return Products(by_position, keys, tuple(warnings), beyond)


Entry = tuple[str | None, Json]
"""What may be a product, and the SKU that it was sent under."""


def _entries_in(value: Json) -> Sequence[Entry] | None:
    """The entries of a list, or of a value that means one: JSON text, an object by position or by
    SKU, one product."""
    if isinstance(value, str):
        value = _decoded(value, MAX_LEVELS - 1)
    if isinstance(value, list):
        return [(None, each) for each in value]
    if not isinstance(value, dict):
        return None
    are_objects = [isinstance(_as_entry(each), dict) for each in value.values()]
    if any(are_objects) and all(map(str.isdecimal, value)):
        return [(None, each) for each in value.values()]
    if all(are_objects):
        return list(value.items())
    return [(None, value)] if _is_product(value) else None


def _as_sent(entries: Sequence[Entry]) -> Json:
    by_sku = {sku: entry for sku, entry in entries if sku is not None}
    return by_sku or [entry for _, entry in entries]


def _as_entry(value: Json) -> Json:
    """An entry, or the object that it is the JSON text of."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return _decoded(value, MAX_LEVELS - 2)
    return value


def _decoded(text: str, levels: int) -> Json:
    """The JSON value of the text; `None` if it is not JSON, or nests too deeply to be sent."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return None if nests_deeper(value, levels) else value


def _is_product(document: JsonObject) -> bool:
    """Whether a field of a product's has a text or a number."""
    keys_of = PRODUCT.keys_in(document)
    return any(as_text(document[key]) is not None for keys in keys_of.values() for key in keys)
