"""An Order Completed as Klaviyo's order event and one Ordered Product for each product."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.decision.result import Mapped
from klaviyo_mapping.events.event import currency_of, event_of, moved_in, without
from klaviyo_mapping.events.order_names import NAMES, OrderNames
from klaviyo_mapping.events.product import Product
from klaviyo_mapping.events.products import read_products
from klaviyo_mapping.events.unique_id import within_limit
from klaviyo_mapping.segment.context import is_from_analytics_js
from klaviyo_mapping.segment.keys import Shape, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.settings.settings import Settings
from operations import CreateEvent, Identity, Json, JsonObject

LONGEST_REPEATED = 1_000


def map_order(
    message: Message,
    identity: Identity,
    keys: Mapping[str, Shape],
    settings: Settings,
    now: datetime,
) -> Mapped:
    """The order event, then its Ordered Products in order, with the same time and profile.

    `keys` are those of the message's properties by the table `ORDER_COMPLETED`.
    """
    sent = message.properties
    order_id = first(sent, keys["order_id"], as_identifier)
    currency = currency_of(sent, keys)
    read = read_products(sent, keys["products"], currency)
    products = read.by_position
    names = NAMES[settings.order_property_names]
    properties = {
        **without(sent, (*read.taken, *moved_in(sent, keys))),
        **read.beyond,
        **order_properties(sent, order_id, products.values(), currency, names),
    }
    order = event_of(message, identity, _metric(message, settings), keys, properties, now)
    prefix = order_id or order.unique_id
    wanted = [
        f"{prefix}_{product.identifier or f'#{position}'}" for position, product in products.items()
    ]
    unique_ids = _made_distinct(wanted, order.unique_id)
    ordered_products = [
        _ordered_product(order, order_id, product, unique_id, currency, names)
        for product, unique_id in zip(products.values(), unique_ids, strict=True)
    ]
    warnings = read.warnings
    if any(product.identifier is None for product in products.values()):
        warnings = (Warned(MappingWarning.PRODUCT_WITHOUT_ID), *warnings)
    return Mapped((order, *ordered_products), warnings)


def _metric(message: Message, settings: Settings) -> str:
    if settings.ecommerce_metrics == "klaviyo":
        return "Placed Order"
    if settings.send_placed_order_as_order_completed or is_from_analytics_js(message):
        return "Order Completed"
    return "Placed Order"


def order_properties(
    sent: JsonObject,
    order_id: str | None,
    products: Collection[Product],
    currency: str | None,
    names: OrderNames,
) -> dict[str, Json]:
    """The properties of an order's event about the order and its products. Absent values are left
    out."""
    fields = [product.fields for product in products]
    generated = {
        "Categories": [entry for item in fields for entry in item.get("Categories", ())],
        names.item_names: [item["Name"] for item in fields if "Name" in item],
        "Items": [{**product.further, **names.of_item(product.fields)} for product in products],
        "OrderId": order_id,
        **names.of_order(sent, fields, currency),
    }
    return {name: value for name, value in generated.items() if value}


def _ordered_product(
    order: CreateEvent,
    order_id: str | None,
    product: Product,
    unique_id: str,
    currency: str | None,
    names: OrderNames,
) -> CreateEvent:
    properties = {**product.further, **product.price}
    for field, name in names.ordered_product.items():
        if field in product.fields:
            properties[name] = product.fields[field]
    if order_id is not None:
        properties["OrderId"] = _short(order_id)
    value = product.line_price
    return CreateEvent(
        message_id=None if order.message_id is None else _short(order.message_id),
        identity=order.identity,
        metric="Ordered Product",
        unique_id=unique_id,
        properties=properties,
        time=order.time,
        value=value,
        value_currency=None if value is None else currency,
    )


def _short(repeated: str) -> str:
    """What each product's event repeats, or a hash of it: 1,000 events must not repeat 30 KB."""
    return repeated if len(repeated) <= LONGEST_REPEATED else within_limit(repeated)


def _made_distinct(wanted: Sequence[str], taken: str) -> list[str]:
    """The ids, with `_2`, `_3`, … after one that another before it has; all differ from `taken`."""
    seen = {taken}
    appearances: dict[str, int] = {}
    unique_ids = []
    for base in wanted:
        unique_id = within_limit(base)
        while unique_id in seen:
            appearances[base] = appearances.get(base, 1) + 1
            unique_id = within_limit(f"{base}_{appearances[base]}")
        seen.add(unique_id)
        unique_ids.append(unique_id)
    return unique_ids
