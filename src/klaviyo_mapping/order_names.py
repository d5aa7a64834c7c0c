"""What an order's events call their properties: as the old destination did, or as Klaviyo does.

Klaviyo's: https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from klaviyo_mapping.amounts import as_amount
from klaviyo_mapping.keys import Precedence, first
from klaviyo_mapping.operations import Json, JsonObject
from klaviyo_mapping.text import as_identifier


@dataclass(frozen=True, slots=True)
class OrderNames:
    """The names of one convention, by a product's fields as `klaviyo_mapping.product` calls them.

    `items` has what an entry of `Items` calls otherwise. With `tells_more` the order's event has
    the brands and the discount as well.
    """

    item_names: str
    ordered_product: Mapping[str, str]
    items: Mapping[str, str] = field(default_factory=dict)
    tells_more: bool = False

    def of_item(self, fields: JsonObject) -> JsonObject:
        """A product's fields as an entry of `Items`."""
        if not self.items:
            return fields
        return {self.items.get(name, name): value for name, value in fields.items()}

    def of_order(self, sent: JsonObject, fields: Sequence[JsonObject]) -> dict[str, Json]:
        """What the order's event says further."""
        if not self.tells_more:
            return {}
        keys = DISCOUNT.keys_in(sent)
        return {
            "Brands": [item["Brand"] for item in fields if "Brand" in item],
            "DiscountCode": first(sent, keys["code"], as_identifier),
            "DiscountValue": first(sent, keys["value"], as_amount),
        }


DISCOUNT = Precedence({"code": ("coupon", "discount_code"), "value": ("discount",)})

KLAVIYOS_ITEMS = {
    "Name": "ProductName",
    "Item Price": "ItemPrice",
    "Row Total": "RowTotal",
    "Product URL": "ProductURL",
    "Image URL": "ImageURL",
}

CLASSIC = OrderNames(
    item_names="Item Names",
    ordered_product={
        "Name": "Name",
        "Quantity": "Quantity",
        "ProductID": "ProductID",
        "SKU": "SKU",
        "Categories": "Product Categories",
        "Brand": "Brand",
        "Product URL": "Product URL",
        "Image URL": "Image URL",
    },
)
KLAVIYO = OrderNames(
    item_names="ItemNames",
    ordered_product={
        "Name": "ProductName",
        "Quantity": "Quantity",
        "ProductID": "ProductID",
        "SKU": "SKU",
        "Categories": "Categories",
        "Brand": "ProductBrand",
        "Product URL": "ProductURL",
        "Image URL": "ImageURL",
    },
    items=KLAVIYOS_ITEMS,
    tells_more=True,
)
CART = OrderNames(
    item_names="ItemNames",
    ordered_product={},
    items={**KLAVIYOS_ITEMS, "Categories": "ProductCategories"},
)
"""Of what is in a cart, and not ordered yet."""

NAMES = {"classic": CLASSIC, "klaviyo": KLAVIYO}
"""By the setting `order_property_names`."""
