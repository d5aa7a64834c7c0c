"""How the time of one call is shared out, and how much it takes on. Pure, and the one place that
knows the shares.

Segment gives up on a webhook call after 5 seconds
(https://segment.com/docs/connections/destinations/catalog/actions-webhook/), Lambda ends either
function at its time-out. A call that is ended from outside loses everything. So each part stops
itself in time and leaves the rest of its work to the next part.
"""

from dataclasses import dataclass

MAPPING_SHARE = 1 / 3

MOST_MESSAGES = 10_000
"""The number of messages beyond which a call looks at none individually. Segment sends up to
4,000."""

MOST_OPERATIONS = 10_000
"""The number of operations beyond which a call maps no more messages. Planning, sending and
queueing operations takes time in proportion, and Klaviyo takes ten bulk jobs of 1,000 events a
second."""


def is_enough(messages: int, operations: int) -> bool:
    """Whether a call with this much work leaves the rest to the next call."""
    return messages >= MOST_MESSAGES or operations >= MOST_OPERATIONS


@dataclass(frozen=True, slots=True)
class Schedule:
    """When each part of a call must end, in seconds on the call's clock.

    A part that is done early leaves its time to those after it.

    - `secret`: the credentials are read.
    - `delivery`: Klaviyo has answered, or is no longer waited for.
    - `queues`: what is left is on the queues. Then the answer is written.
    """

    secret: float
    delivery: float
    queues: float

    def mapping_until(self, now: float) -> float:
        """When mapping that begins now must end: it gets a third of the time until Klaviyo must
        have answered.

        The largest batch of ordinary messages takes a fraction of it on Lambda's share of a
        processor. Messages that take longer are an attack: anybody can send with a site's public
        write key.
        """
        return now + max(self.delivery - now, 0.0) * MAPPING_SHARE

    def delivery_until(self, mapped_in: float) -> float:
        """When Klaviyo must have answered, after mapping took this many seconds. Writing operations
        to the queues takes about as long as mapping did."""
        return self.delivery - mapped_in


def of_webhook(began: float) -> Schedule:
    """Of a webhook call. What is left of Segment's five seconds is for the way there and back."""
    return Schedule(secret=began + 1.8, delivery=began + 3.0, queues=began + 4.3)


def of_retry(began: float, seconds: float) -> Schedule:
    """Of a call of the retry function, which Lambda ends after `seconds`."""
    queues = seconds - min(1.0, seconds / 20)
    delivery = queues - min(10.0, seconds / 3)
    return Schedule(
        secret=began + min(5.0, seconds / 6),
        delivery=began + delivery,
        queues=began + queues,
    )
