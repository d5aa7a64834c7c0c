"""A track as a Klaviyo event, and the tables that say which properties fill its fields."""

from collections.abc import Mapping
from datetime import datetime

from klaviyo_mapping.amounts import as_amount
from klaviyo_mapping.keys import Precedence, Shape, first, normalise
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import CreateEvent, Identity, Json, JsonObject
from klaviyo_mapping.text import as_identifier
from klaviyo_mapping.times import time_of
from klaviyo_mapping.unique_id import content_id, within_limit

LONGEST_EVENT_NAME = 127
"""Klaviyo takes metric names of under 128 characters."""

ORDER_ID = ("order_id", "orderId", "id")
MOVED = ("$value", "$event_id")
"""Klaviyo's old names for fields of an event: they leave its properties."""

ORDER_COMPLETED = Precedence(
    {
        "value": ("$value", "revenue", "total"),
        "currency": ("currency",),
        "unique_id": ("$event_id", *ORDER_ID, "eventId"),
        "order_id": ORDER_ID,
        "products": ("products",),
        "moved": MOVED,
    }
)
# Klaviyo's lifetime value takes off what has the unique id of the order placed, unless the sender
# tells several refunds of one order apart.
ORDER_TAKEN_BACK = Precedence(
    {
        "value": ("$value", "revenue", "total"),
        "currency": ("currency",),
        "unique_id": ("$event_id", "eventId", *ORDER_ID),
        "moved": MOVED,
    }
)
ANY_OTHER = Precedence(
    {
        "value": ("$value", "revenue"),
        "currency": ("currency",),
        "unique_id": ("$event_id", "eventId"),
        "moved": MOVED,
    }
)
FIELDS_BY_EVENT_NAME = {
    normalise(event_name): fields
    for fields, event_names in (
        (ORDER_COMPLETED, ("Order Completed", "Completed Order")),
        (ORDER_TAKEN_BACK, ("Order Refunded", "Order Cancelled", "Order Canceled")),
    )
    for event_name in event_names
}


def fields_of(event_name: str) -> Precedence:
    """The table by which an event of this name is read; its spelling is matched like a key's."""
    return FIELDS_BY_EVENT_NAME.get(normalise(event_name), ANY_OTHER)


def track_event(
    message: Message, identity: Identity, metric: str, fields: Precedence, now: datetime
) -> CreateEvent:
    """The event of a track other than an order: its properties but for those that move."""
    keys = fields.keys_in(message.properties)
    properties = without(message.properties, keys["moved"])
    return event_of(message, identity, metric, keys, properties, now)


def event_of(
    message: Message,
    identity: Identity,
    metric: str,
    keys: Mapping[str, Shape],
    properties: JsonObject,
    now: datetime,
) -> CreateEvent:
    """An event with these properties; the message fills its other fields by way of `keys`.

    `unique_id` is the first that they name, else the message's id, else a hash of the content.
    When no source gives a `value`, there is none, and no currency.
    """
    sent = message.properties
    value = first(sent, keys["value"], as_amount)
    unique_id = first(sent, keys["unique_id"], as_identifier)
    unique_id = unique_id or as_identifier(message.message_id) or content_id(message, metric)
    return CreateEvent(
        message_id=message.message_id,
        identity=identity,
        metric=metric,
        unique_id=within_limit(unique_id),
        properties=properties,
        time=time_of(message, now),
        value=value,
        value_currency=None if value is None else currency_of(sent, keys),
    )


def currency_of(properties: JsonObject, keys: Mapping[str, Shape]) -> str | None:
    """The three letters of `currency`, in capitals; None for anything else."""
    return first(properties, keys["currency"], _as_currency)


def without(document: JsonObject, keys: Shape) -> JsonObject:
    """The document itself when there is nothing to leave out, else a copy without the keys."""
    if not keys:
        return document
    return {key: value for key, value in document.items() if key not in keys}


def _as_currency(value: Json) -> str | None:
    code = value.strip() if isinstance(value, str) else ""
    return code.upper() if len(code) == 3 and code.isascii() and code.isalpha() else None
