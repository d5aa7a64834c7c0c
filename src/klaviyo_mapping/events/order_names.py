"""The names of the properties of an order's events: those of the old destination, or Klaviyo's own.

Klaviyo's: https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from klaviyo_mapping.events.amounts import as_amount
from klaviyo_mapping.segment.keys import Precedence, first
from klaviyo_mapping.segment.text import as_identifier
from operations import Json, JsonObject


@dataclass(frozen=True, slots=True)
class OrderNames:
    """The names of one convention, by a product's fields as `product.py` calls them.

    `items` has what an entry of `Items` calls otherwise. With `tells_more` the order's event has
    the brands, the discount and the addresses as well.
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

    def of_order(
        self, sent: JsonObject, fields: Sequence[JsonObject], currency: str | None
    ) -> dict[str, Json]:
        """What the order's event says further."""
        if not self.tells_more:
            return {}
        keys = ORDER.keys_in(sent)
        return {
            "Brands": [item["Brand"] for item in fields if "Brand" in item],
            "DiscountCode": first(sent, keys["DiscountCode"], as_identifier),
            "DiscountValue": first(
                sent, keys["DiscountValue"], partial(as_amount, currency=currency)
            ),
            "BillingAddress": first(sent, keys["BillingAddress"], _as_address),
            "ShippingAddress": first(sent, keys["ShippingAddress"], _as_address),
        }


ORDER = Precedence(
    {
        "DiscountCode": ("coupon", "discount_code"),
        "DiscountValue": ("discount",),
        "BillingAddress": ("billing_address",),
        "ShippingAddress": ("shipping_address",),
    }
)
ADDRESS = Precedence(
    {
        "FirstName": ("first_name",),
        "LastName": ("last_name",),
        "Address1": ("address1", "street"),
        "City": ("city",),
        "RegionCode": ("region_code", "region", "state"),
        "CountryCode": ("country_code", "country"),
        "Zip": ("zip", "postal_code"),
        "Phone": ("phone",),
    }
)


def _as_address(value: Json) -> JsonObject | None:
    """An address with Klaviyo's names, and what it has besides."""
    if not isinstance(value, dict):
        return None
    keys_of = ADDRESS.keys_in(value)
    chosen = {
        name: next((key for key in keys if value[key] is not None), keys[0])
        for name, keys in keys_of.items()
        if keys
    }
    further = {key: each for key, each in value.items() if key not in chosen.values()}
    return {**further, **{name: value[key] for name, key in chosen.items()}}


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
