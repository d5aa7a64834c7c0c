"""One entry of an order's `products`, read once for the two events that tell of it.

Fields: https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed. Version 1 of that
spec and the old destination's page spell some of them differently.
"""

from collections.abc import Callable
from dataclasses import dataclass

from klaviyo_mapping.amounts import Amount, as_amount, multiply
from klaviyo_mapping.keys import Precedence
from klaviyo_mapping.operations import Json, JsonObject
from klaviyo_mapping.text import as_identifier


def _as_sent(value: Json) -> Json:
    return value


def _id_as_sent(value: Json) -> Json:
    return value if as_identifier(value) is not None else None


def _categories(value: Json) -> list[Json] | None:
    categories = value if isinstance(value, list) else [value]
    return [category for category in categories if category is not None] or None


# What Klaviyo calls a field of an order's item, the keys that fill it, and how they are read.
FIELDS: dict[str, tuple[tuple[str, ...], Callable[[Json], Json]]] = {
    "ProductID": (("product_id", "productId", "id"), _id_as_sent),
    "SKU": (("sku",), _as_sent),
    "Name": (("name",), _as_sent),
    "Quantity": (("quantity",), as_amount),
    "Item Price": (("price",), as_amount),
    "Categories": (("category", "categories"), _categories),
    "Brand": (("brand",), _as_sent),
    "Product URL": (("url", "productUrl"), _as_sent),
    "Image URL": (("image_url", "imageUrl"), _as_sent),
}
READERS = {field: read for field, (_, read) in FIELDS.items()}
PRODUCT = Precedence({field: names for field, (names, _) in FIELDS.items()})


@dataclass(frozen=True, slots=True)
class Product:
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


def read_product(document: JsonObject) -> Product:
    """The product of one entry of `products`.

    What cannot be read as its field is a further key. A null that could have filled one is left
    out. Without a quantity there is one.
    """
    fields: dict[str, Json] = {"Quantity": 1}
    price: dict[str, Json] = {}
    used: set[str] = set()
    for field, keys in PRODUCT.keys_in(document).items():
        for key in keys:
            sent = document[key]
            if sent is None:
                used.add(key)
                continue
            value = READERS[field](sent)
            if value is None:
                continue
            used.add(key)
            fields[field] = value
            if field == "Item Price":
                price[key] = sent
            break
    if "Item Price" in fields:
        total = multiply(fields["Item Price"], fields["Quantity"])
        if total is not None:
            fields["Row Total"] = total
    further = {key: value for key, value in document.items() if key not in used}
    return Product(fields, price, further)
