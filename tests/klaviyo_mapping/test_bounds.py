"""What one message of 32 KB may come to, however it was made: Segment takes it from anybody who
knows a site's public write key."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from klaviyo_mapping import Mapped, Message, Settings, canonical, map_message
from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.events.products import MOST_PRODUCTS
from operations import CreateEvent, to_json

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def mapped(
    settings: Settings | None = None, **message: Any
) -> tuple[list[CreateEvent], tuple[Warned, ...]]:
    whole = {"type": "track", "messageId": "m-1", "userId": "user-1", **message}
    found = map_message(Message.from_canonical(canonical(whole)), settings or Settings(), NOW)
    assert isinstance(found, Mapped)
    events = [each for each in found.operations if isinstance(each, CreateEvent)]
    assert len(events) == len(found.operations)
    return events, found.warnings


def order(products: Any, **properties: Any) -> dict[str, Any]:
    sent = {"email": "ada@acme-store.example", "order_id": "o-1", "products": products}
    return {"event": "Order Completed", "properties": {**sent, **properties}}


def sku(number: int) -> dict[str, Any]:
    return {"sku": f"s-{number}", "price": 2}


PRODUCTS = [sku(number) for number in range(MOST_PRODUCTS + 2)]


@pytest.mark.parametrize(
    "sent",
    [PRODUCTS, json.dumps(PRODUCTS), {str(number): each for number, each in enumerate(PRODUCTS)}],
    ids=["a list", "text", "by position"],
)
def test_products_beyond_the_limit_stay_in_the_order_as_they_came(sent: Any) -> None:
    (placed, *products), warnings = mapped(**order(sent))
    assert [product.unique_id for product in products] == [
        f"o-1_s-{number}" for number in range(MOST_PRODUCTS)
    ]
    assert len(placed.properties["Items"]) == MOST_PRODUCTS
    assert placed.properties["products"] == PRODUCTS[MOST_PRODUCTS:]
    assert [warned.code for warned in warnings] == [MappingWarning.PRODUCTS_BEYOND_LIMIT]


def test_products_by_sku_beyond_the_limit_keep_their_skus() -> None:
    by_sku = {f"s-{number}": {"price": 2} for number in range(MOST_PRODUCTS + 2)}
    (placed, *products), warnings = mapped(**order(by_sku))
    assert products[-1].unique_id == f"o-1_s-{MOST_PRODUCTS - 1}"
    assert placed.properties["products"] == {
        f"s-{number}": {"price": 2} for number in (MOST_PRODUCTS, MOST_PRODUCTS + 1)
    }
    assert [warned.code for warned in warnings] == [MappingWarning.PRODUCTS_BEYOND_LIMIT]


def test_json_texts_beyond_the_limit_stay_texts() -> None:
    texts = [json.dumps(product) for product in PRODUCTS]
    (placed, *products), _ = mapped(**order(texts))
    assert len(products) == MOST_PRODUCTS
    assert placed.properties["products"] == texts[MOST_PRODUCTS:]


def test_products_up_to_the_limit_are_all_read() -> None:
    (placed, *products), warnings = mapped(**order(PRODUCTS[:MOST_PRODUCTS]))
    assert len(products) == MOST_PRODUCTS
    assert warnings == ()
    assert "products" not in placed.properties


@pytest.mark.parametrize("event", ["Checkout Started", "Order Refunded", "Product Added"])
def test_a_cart_beyond_the_limit_stays_in_the_event_as_it_came(event: str) -> None:
    settings = Settings(ecommerce_metrics="klaviyo")
    [recorded], _ = mapped(settings, **{**order(PRODUCTS), "event": event})
    assert recorded.properties["products"] == PRODUCTS[MOST_PRODUCTS:]


LONG = "x" * 15_000


@pytest.mark.parametrize(
    "message",
    [
        {"messageId": LONG, **order([{}] * 5_000)},
        order([{}] * 5_000, order_id=LONG),
        order([{}] * 5_000, **{"$event_id": LONG, "order_id": None}),
        order([{}] * 5_000, _kx=LONG),
        order([{}] * 5_000, currency=LONG),
        {**order([{}] * 5_000), "timestamp": LONG},
        {**order([{}] * 5_000), "userId": LONG},
        {**order([{}] * 5_000), "context": {"traits": {"phone": f"+{LONG}"}}},
    ],
    ids=[
        "message id",
        "order id",
        "event id",
        "exchange id",
        "currency",
        "time",
        "user id",
        "phone",
    ],
)
def test_no_message_becomes_more_than_thirty_times_its_size(message: dict[str, Any]) -> None:
    settings = Settings(enforce_email=False)
    size = len(json.dumps(message))
    events, _ = mapped(settings, **message)
    became = sum(len(json.dumps(to_json(each))) for each in events)
    assert became < 30 * size
