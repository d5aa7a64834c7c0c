"""Segment's e-commerce events under the names that Klaviyo's own flows and reports look for.

The order itself stands in `klaviyo_mapping.events.order`. Names and properties:
https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from klaviyo_mapping.decision.result import Mapped
from klaviyo_mapping.events.amounts import as_amount, total
from klaviyo_mapping.events.event import (
    EVENT_ID,
    MOVED,
    ORDER_COMPLETED,
    VALUE,
    currency_of,
    event_of,
    moved_in,
    without,
)
from klaviyo_mapping.events.event_names import Commerce, commerce_of
from klaviyo_mapping.events.order import order_properties
from klaviyo_mapping.events.order_names import CART, KLAVIYO
from klaviyo_mapping.events.product import Product, read_product
from klaviyo_mapping.events.products import Products, read_products
from klaviyo_mapping.events.unique_id import within_limit
from klaviyo_mapping.segment.keys import Precedence, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from operations import CreateEvent, Identity, Json, JsonObject

VIEWED = Precedence(
    {
        "value": (VALUE, "revenue"),
        "currency": ("currency",),
        "unique_id": (EVENT_ID,),
        "compare_at_price": ("compare_at_price",),
        **MOVED,
    }
)
CART_FIELDS = Precedence(
    {
        "value": (VALUE, "revenue", "value", "total"),
        "currency": ("currency",),
        "unique_id": (EVENT_ID,),
        "cart_id": ("checkout_id", "cart_id", "order_id"),
        "checkout_url": ("checkout_url",),
        "products": ("products",),
        **MOVED,
    }
)
REASON = Precedence({"reason": ("reason", "cancel_reason", "refund_reason")})

VIEWED_PRODUCT = {
    "Name": "ProductName",
    "ProductID": "ProductID",
    "SKU": "SKU",
    "Categories": "Categories",
    "Image URL": "ImageURL",
    "Product URL": "URL",
    "Brand": "Brand",
    "Item Price": "Price",
}
ADDED_ITEM = {
    "Name": "AddedItemProductName",
    "ProductID": "AddedItemProductID",
    "SKU": "AddedItemSKU",
    "Categories": "AddedItemCategories",
    "Image URL": "AddedItemImageURL",
    "Product URL": "AddedItemURL",
    "Item Price": "AddedItemPrice",
    "Quantity": "AddedItemQuantity",
}
"""A product's fields, as `product.py` calls them, in events about one product."""


def map_commerce(
    message: Message, identity: Identity, event_name: str, now: datetime
) -> Mapped | None:
    """The event that Klaviyo knows by a name of its own; None for any other.

    Its properties are those of Klaviyo's guide, beside all that was sent, under its own key; but
    `products` become `Items`.
    """
    commerce = commerce_of(event_name)
    mapped = None if commerce is None else MAPPED.get(commerce)
    return None if mapped is None else mapped(message, identity, now)


def _product_viewed(message: Message, identity: Identity, now: datetime) -> Mapped:
    sent = message.properties
    keys = VIEWED.keys_in(sent)
    currency = currency_of(sent, keys)
    as_price = partial(as_amount, currency=currency)
    properties = {
        **without(sent, moved_in(sent, keys)),
        **_named(VIEWED_PRODUCT, read_product(sent, currency)),
        **_present({"CompareAtPrice": first(sent, keys["compare_at_price"], as_price)}),
    }
    return Mapped((event_of(message, identity, "Viewed Product", keys, properties, now),))


def _product_added(message: Message, identity: Identity, now: datetime) -> Mapped:
    """The value is that of the cart where its products were sent, else that of the line."""
    sent = message.properties
    in_cart = _in_cart(sent)
    added = read_product(sent, currency_of(sent, CART_FIELDS.keys_in(sent)))
    items = list(in_cart.by_position.values()) or [replace(added, further={})]
    generated = _named(ADDED_ITEM, added)
    event = _cart_event(message, identity, "Added to Cart", in_cart, items, generated, now)
    return Mapped((event,), in_cart.warnings)


def _checkout_started(message: Message, identity: Identity, now: datetime) -> Mapped:
    """Its `unique_id` is the cart's id with the second, unless the message has one."""
    in_cart = _in_cart(message.properties)
    items = list(in_cart.by_position.values())
    categories = [each for item in items for each in item.fields.get("Categories", ())]
    event = _cart_event(
        message, identity, "Started Checkout", in_cart, items, {"Categories": categories}, now
    )
    sent = message.properties
    keys = CART_FIELDS.keys_in(sent)
    cart_id = first(sent, keys["cart_id"], as_identifier)
    is_named = first(sent, keys["unique_id"], as_identifier) is not None
    if cart_id is not None and event.time is not None and not is_named:
        second = int(datetime.fromisoformat(event.time).timestamp())
        event = replace(event, unique_id=within_limit(f"{cart_id}_{second}"))
    return Mapped((event,), in_cart.warnings)


def _in_cart(sent: JsonObject) -> Products:
    keys = CART_FIELDS.keys_in(sent)
    return read_products(sent, keys["products"], currency_of(sent, keys))


def _cart_event(
    message: Message,
    identity: Identity,
    metric: str,
    in_cart: Products,
    items: Sequence[Product],
    generated: JsonObject,
    now: datetime,
) -> CreateEvent:
    sent = message.properties
    keys = CART_FIELDS.keys_in(sent)
    properties = {
        **without(sent, (*in_cart.taken, *moved_in(sent, keys))),
        **in_cart.beyond,
        **_present(generated),
        **_present(
            {
                "ItemNames": [item.fields["Name"] for item in items if "Name" in item.fields],
                "CheckoutURL": first(sent, keys["checkout_url"], as_identifier),
                "Items": [{**item.further, **CART.of_item(item.fields)} for item in items],
            }
        ),
    }
    event = event_of(message, identity, metric, keys, properties, now)
    value = total(item.line_price for item in items if item.line_price is not None)
    if event.value is not None or value is None:
        return event
    return replace(event, value=value, value_currency=currency_of(sent, keys))


def _order_event(metric: str, message: Message, identity: Identity, now: datetime) -> Mapped:
    """Like the order placed, and with its `unique_id`: Klaviyo's lifetime value ignores it
    otherwise."""
    sent = message.properties
    keys = ORDER_COMPLETED.keys_in(sent)
    currency = currency_of(sent, keys)
    read = read_products(sent, keys["products"], currency)
    order_id = first(sent, keys["order_id"], as_identifier)
    reason = first(sent, REASON.keys_in(sent)["reason"], as_identifier)
    properties = {
        **without(sent, (*read.taken, *moved_in(sent, keys))),
        **read.beyond,
        **order_properties(sent, order_id, read.by_position.values(), currency, KLAVIYO),
        **_present({"Reason": reason}),
    }
    return Mapped((event_of(message, identity, metric, keys, properties, now),), read.warnings)


def _named(names: Mapping[str, str], product: Product) -> dict[str, Json]:
    fields = product.fields
    return {name: fields[field] for field, name in names.items() if field in fields}


def _present(generated: JsonObject) -> dict[str, Json]:
    """The properties that have a value."""
    return {name: value for name, value in generated.items() if value not in (None, [])}


MAPPED: Mapping[Commerce, Callable[[Message, Identity, datetime], Mapped]] = {
    Commerce.PRODUCT_VIEWED: _product_viewed,
    Commerce.PRODUCT_ADDED: _product_added,
    Commerce.CHECKOUT_STARTED: _checkout_started,
    Commerce.ORDER_FULFILLED: partial(_order_event, "Fulfilled Order"),
    Commerce.ORDER_CANCELLED: partial(_order_event, "Canceled Order"),
    Commerce.ORDER_REFUNDED: partial(_order_event, "Refunded Order"),
}
