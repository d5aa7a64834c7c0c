"""What mapping one message gives: operations to carry out, or a drop with its reason."""

from dataclasses import dataclass

from msgspec import Struct

from klaviyo_mapping.decision.reasons import DropReason, Warned
from operations import Operation


class Mapped(Struct, frozen=True):
    """The operations of one message, in the order in which they apply; at least one."""

    operations: tuple[Operation, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """The message becomes nothing in Klaviyo, on purpose; it is counted and never retried."""

    reason: DropReason
