"""One entry of an order's `products`, read once for the two events that tell of it.

Fields: https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed. Version 1 of that
spec and the old destination's page spell some of them differently.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_mapping.events.amounts import Amount, as_amount, multiply
from klaviyo_mapping.segment.keys import Precedence, Shape, split_at_nulls
from klaviyo_mapping.segment.remembering import remembered
from klaviyo_mapping.segment.text import as_identifier
from operations import Json, JsonObject

Reader = Callable[[Json], Json] | None
"""Makes a field's value of one that is not null, or None when it cannot; without one it stays."""

Source = tuple[str, Shape, Reader]
"""A field, the keys of an entry that may fill it, and how they are read."""

Sources = tuple[Sequence[Source], Shape]
"""What may fill the fields of one entry, and the keys that fill none."""


def _id_as_sent(value: Json) -> Json:
    return value if as_identifier(value) is not None else None


def _categories(value: Json) -> list[Json] | None:
    categories = value if isinstance(value, list) else [value]
    return [category for category in categories if category is not None] or None


# What Klaviyo calls a field of an order's item, the keys that fill it, and how they are read.
FIELDS: dict[str, tuple[tuple[str, ...], Reader]] = {
    "ProductID": (("product_id", "productId", "id"), _id_as_sent),
    "SKU": (("sku",), None),
    "Name": (("name",), None),
    "Quantity": (("quantity",), as_amount),
    "Item Price": (("price",), as_amount),
    "Categories": (("category", "categories"), _categories),
    "Brand": (("brand",), None),
    "Product URL": (("url", "productUrl"), None),
    "Image URL": (("image_url", "imageUrl"), None),
}
PRODUCT = Precedence({field: names for field, (names, _) in FIELDS.items()})


class Product(Struct, frozen=True):
    """What an order says of one product.

    `fields` has what was sent of `FIELDS`, and `Row Total`. `price` is the price under its own key
    as it came, and `further` has every key that filled no field.
    """

    fields: JsonObject
    price: JsonObject
    further: JsonObject

    @property
    def identifier(self) -> str | None:
        """The product's id, or else its stock keeping unit."""
        fields = self.fields
        return as_identifier(fields.get("ProductID")) or as_identifier(fields.get("SKU"))

    @property
    def line_price(self) -> Amount | None:
        """Price × quantity; None without a price."""
        return self.fields.get("Row Total")

    def with_sku(self, sku: str) -> "Product":
        """The product that was sent under this SKU, which counts if it has no id of its own."""
        if self.identifier is not None or as_identifier(sku) is None:
            return self
        return replace(self, fields={**self.fields, "SKU": sku})


def read_product(document: JsonObject, currency: str | None) -> Product:
    """The product of one entry of `products`, whose price is in `currency` if it names no other.

    What cannot be read as its field is a further key. A null that could have filled one is left
    out. Without a quantity there is one.
    """
    sources, others = _sources_in(document)
    fields: dict[str, Json] = {"Quantity": 1}
    price: dict[str, Json] = {}
    further = {key: document[key] for key in others}
    for field, keys, read in sources:
        found = False
        for key in keys:
            sent = document[key]
            if found:
                further[key] = sent
            elif sent is not None:
                if field == "Item Price":
                    value = as_amount(sent, currency)
                else:
                    value = sent if read is None else read(sent)
                if value is None:
                    further[key] = sent
                else:
                    found = True
                    fields[field] = value
                    if field == "Item Price":
                        price[key] = sent
    if "Item Price" in fields:
        total = multiply(fields["Item Price"], fields["Quantity"])
        if total is not None:
            fields["Row Total"] = total
    return Product(fields, price, further)


def _sources_in(document: JsonObject) -> Sources:
    """What may fill which field of an entry, and the keys that fill none."""
    if None in document.values():
        return _sources_beside_nulls(split_at_nulls(document))
    return _sources_of(tuple(document))


@remembered
def _sources_of(shape: Shape) -> Sources:
    return _sources(PRODUCT.keys_of(shape), shape)


@remembered
def _sources_beside_nulls(shapes: tuple[Shape, Shape]) -> Sources:
    return _sources(PRODUCT.keys_beside_nulls(shapes), shapes[0])


def _sources(keys_of: Mapping[str, Shape], shape: Shape) -> Sources:
    found = [(field, keys, FIELDS[field][1]) for field, keys in keys_of.items() if keys]
    used = {key for _, keys, _ in found for key in keys}
    return found, tuple(key for key in shape if key not in used)
