"""A track as a Klaviyo event, and the tables that say which properties fill its fields."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from klaviyo_mapping.events.amounts import Amount, as_amount
from klaviyo_mapping.events.event_names import Commerce, commerce_of
from klaviyo_mapping.events.unique_id import content_id, within_limit
from klaviyo_mapping.identity.identifiers import PROPERTIES
from klaviyo_mapping.segment.keys import Precedence, Shape, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.remembering import remembered
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.segment.times import time_of
from operations import CreateEvent, Identity, Json, JsonObject

ORDER_ID = ("order_id", "orderId", "id")
VALUE, EVENT_ID = "$value", "$event_id"
MOVED = {VALUE: (VALUE,), EVENT_ID: (EVENT_ID,)}
"""Klaviyo's old names for fields of an event: what fills the field leaves the properties."""

ORDER_COMPLETED = Precedence(
    {
        "value": (VALUE, "revenue", "total"),
        "currency": ("currency",),
        "unique_id": (EVENT_ID, *ORDER_ID, "eventId"),
        "order_id": ORDER_ID,
        "products": ("products",),
        **MOVED,
        **PROPERTIES,
    }
)
# Klaviyo's lifetime value takes off what has the unique id of the order placed, unless the sender
# tells several refunds of one order apart.
ORDER_TAKEN_BACK = Precedence(
    {
        "value": (VALUE, "revenue", "total"),
        "currency": ("currency",),
        "unique_id": (EVENT_ID, "eventId", *ORDER_ID),
        **MOVED,
        **PROPERTIES,
    }
)
ANY_OTHER = Precedence(
    {
        "value": (VALUE, "revenue"),
        "currency": ("currency",),
        # An `eventId` may be the id of a concert or a meeting, which many messages are about.
        "unique_id": (EVENT_ID,),
        **MOVED,
        **PROPERTIES,
    }
)
FIELDS = {
    Commerce.ORDER_COMPLETED: ORDER_COMPLETED,
    Commerce.ORDER_CANCELLED: ORDER_TAKEN_BACK,
    Commerce.ORDER_REFUNDED: ORDER_TAKEN_BACK,
}


@remembered
def fields_of(event_name: str) -> Precedence:
    """The table by which an event of this name is read."""
    commerce = commerce_of(event_name)
    return ANY_OTHER if commerce is None else FIELDS.get(commerce, ANY_OTHER)


def track_event(
    message: Message,
    identity: Identity,
    metric: str,
    keys: Mapping[str, Shape],
    now: datetime,
) -> CreateEvent:
    """The event of a track other than an order: its properties but for those that move."""
    properties = without(message.properties, moved_in(message.properties, keys))
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
    currency = currency_of(sent, keys)
    value = _value_of(sent, keys, currency)
    unique_id = first(sent, keys["unique_id"], as_identifier)
    unique_id = unique_id or as_identifier(message.message_id) or content_id(message, metric)
    return CreateEvent(
        message.message_id,
        identity,
        metric,
        within_limit(unique_id),
        properties,
        time_of(message, now),
        value,
        None if value is None else currency,
    )


def _value_of(sent: JsonObject, keys: Mapping[str, Shape], currency: str | None) -> Amount | None:
    for key in keys["value"]:
        amount = as_amount(sent[key], currency)
        if amount is not None:
            return amount
    return None


def moved_in(sent: JsonObject, keys: Mapping[str, Shape]) -> Shape:
    """The keys of Klaviyo's old names whose values fill a field; what cannot be read stays.

    A null holds no value, so it is left out as well.
    """
    if not keys[VALUE] and not keys[EVENT_ID]:
        return ()
    as_value = partial(as_amount, currency=currency_of(sent, keys))
    readers: tuple[tuple[str, Callable[[Json], object]], ...]
    readers = ((VALUE, as_value), (EVENT_ID, as_identifier))
    return tuple(
        key
        for name, read in readers
        for key in keys[name]
        if sent[key] is None or read(sent[key]) is not None
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
    return _currency(value) if isinstance(value, str) else None


@remembered
def _currency(text: str) -> str | None:
    code = text.strip()
    return code.upper() if len(code) == 3 and code.isascii() and code.isalpha() else None
