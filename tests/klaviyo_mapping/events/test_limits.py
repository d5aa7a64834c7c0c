"""Klaviyo's limits for an event: a warning names them, and nothing is cut."""

from datetime import UTC, datetime
from typing import Any

import pytest

from klaviyo_mapping import Mapped, MappingWarning, Message, Settings, map_message
from operations import CreateEvent

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def mapped(event_name: str, properties: dict[str, Any], **settings: Any) -> Mapped:
    message = Message(
        type="track",
        message_id="m1",
        user_id="ada@example.org",
        event_name=event_name,
        properties=properties,
    )
    result = map_message(message, Settings(**settings), NOW)
    assert isinstance(result, Mapped)
    return result


def codes(result: Mapped) -> list[MappingWarning]:
    return [warning.code for warning in result.warnings]


def properties(number: int) -> dict[str, Any]:
    return {f"p{n}": n for n in range(number)}


@pytest.mark.parametrize(
    ("number", "expected"), [(400, []), (401, [MappingWarning.TOO_MANY_PROPERTIES])]
)
def test_more_than_400_properties_are_a_warning_and_all_of_them_stay(
    number: int, expected: list[MappingWarning]
) -> None:
    result = mapped("Tea Bought", properties(number))
    [event] = result.operations
    assert isinstance(event, CreateEvent)
    assert (event.properties, codes(result)) == (properties(number), expected)


@pytest.mark.parametrize(
    ("number", "expected"), [(397, []), (399, [MappingWarning.TOO_MANY_PROPERTIES])]
)
def test_what_an_order_adds_counts_and_its_products_do_not(
    number: int, expected: list[MappingWarning]
) -> None:
    # `order_id` stays, `Items` and `OrderId` come, `products` goes.
    order = {"order_id": "o1", "products": [{"product_id": "a"}]}
    assert codes(mapped("Order Completed", {**properties(number), **order})) == expected


def test_each_product_of_an_order_counts_by_itself() -> None:
    order = {"products": [{"product_id": "a"}, {"product_id": "b", **properties(400)}]}
    assert codes(mapped("Order Completed", order)) == [MappingWarning.TOO_MANY_PROPERTIES]


def test_the_warning_comes_beside_others() -> None:
    result = mapped("User Subscribed", {**properties(400), "channels": "fax"}, consent_events=True)
    assert codes(result) == [
        MappingWarning.TOO_MANY_PROPERTIES,
        MappingWarning.CHANNEL_LEFT_OUT,
    ]
