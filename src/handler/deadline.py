"""How the time of one call is shared out. Pure, and the one place that knows the shares.

Segment gives up on a webhook call after 5 seconds
(https://segment.com/docs/connections/destinations/catalog/actions-webhook/), Lambda ends either
function at its time-out. A call that is ended from outside keeps nothing, so each part of it stops
in time by itself and leaves the rest of its work to the next.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """When each part of a call has to be done, on the clock that it began on (seconds).

    A part that is done early leaves its time to those after it.

    - `secret`: the credentials are read.
    - `mapping`: messages are mapped.
    - `delivery`: Klaviyo has answered, or is no longer waited for.
    - `queues`: what is left is on the queues. Then the answer is written.
    """

    secret: float
    mapping: float
    delivery: float
    queues: float


def of_webhook(began: float) -> Schedule:
    """Of a webhook call. What is left of Segment's five seconds is for the way there and back."""
    return Schedule(
        secret=began + 1.8, mapping=began + 2.2, delivery=began + 3.0, queues=began + 4.3
    )


def of_retry(began: float, seconds: float) -> Schedule:
    """Of a call of the retry function, which Lambda ends after `seconds`."""
    queues = seconds - min(1.0, seconds / 20)
    delivery = queues - min(10.0, seconds / 3)
    return Schedule(
        secret=began + min(5.0, seconds / 6),
        mapping=began + delivery / 2,
        delivery=began + delivery,
        queues=began + queues,
    )
