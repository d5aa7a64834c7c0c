"""The e-commerce events that have rules of their own: one table of all their spellings.

Both versions of Segment's e-commerce spec count, "Order Completed" and "Completed Order":
https://segment.com/docs/connections/spec/ecommerce/v2/
"""

from collections.abc import Mapping
from enum import Enum, auto

from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.remembering import remembered


class Commerce(Enum):
    """What an e-commerce event tells of."""

    PRODUCT_VIEWED = auto()
    PRODUCT_ADDED = auto()
    CHECKOUT_STARTED = auto()
    ORDER_COMPLETED = auto()
    ORDER_FULFILLED = auto()
    ORDER_CANCELLED = auto()
    ORDER_REFUNDED = auto()


_NAMES: Mapping[Commerce, tuple[str, ...]] = {
    Commerce.PRODUCT_VIEWED: ("Product Viewed",),
    Commerce.PRODUCT_ADDED: ("Product Added",),
    Commerce.CHECKOUT_STARTED: ("Checkout Started",),
    Commerce.ORDER_COMPLETED: ("Order Completed",),
    Commerce.ORDER_FULFILLED: ("Order Fulfilled",),
    Commerce.ORDER_CANCELLED: ("Order Cancelled", "Order Canceled"),
    Commerce.ORDER_REFUNDED: ("Order Refunded",),
}
"""Each name is also matched with its two words the other way round."""


def _both_ways_round(name: str) -> tuple[str, str]:
    noun, participle = name.split()
    return normalise(f"{noun} {participle}"), normalise(f"{participle} {noun}")


_BY_NAME = {
    normalised: event
    for event, names in _NAMES.items()
    for name in names
    for normalised in _both_ways_round(name)
}


@remembered
def commerce_of(event_name: str) -> Commerce | None:
    """The e-commerce event of this name; its spelling is matched like a key's."""
    return _BY_NAME.get(normalise(event_name))
