"""What a delivery returns."""

from dataclasses import dataclass

from msgspec import Struct

from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Outcome
from operations import Operation


class Result(Struct, frozen=True):
    """An operation as it was last sent, what became of it, and what was left out of it."""

    operation: Operation
    outcome: Outcome
    warnings: tuple[DeliveryWarning, ...] = ()


NOT_SENT = frozenset({DeliveryWarning.OPTED_OUT, DeliveryWarning.SUPERSEDED})
"""Warnings of operations that count as done without a request: they decided nothing."""


def is_sent(result: Result) -> bool:
    """Whether Klaviyo has taken it, and it was not left out."""
    return isinstance(result.outcome, Delivered) and NOT_SENT.isdisjoint(result.warnings)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one `deliver` call.

    `results` stand in the order of the operations given. `follow_ups` are new operations that must
    be kept and carried out later: checks of import jobs; of the profiles that a job refused, those
    that can be sent in another form, and their list steps. `import_failures` are profiles that a
    job has refused for good. `requests` counts what was sent.
    """

    results: tuple[Result, ...]
    follow_ups: tuple[Operation, ...] = ()
    import_failures: tuple[Result, ...] = ()
    requests: int = 0
