"""What processes tell each other about Klaviyo: whether it is down, pauses, and who else sends.

Times are Unix seconds, on a clock that all processes share.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

SECONDS = 1.0
"""The least time between two exchanges of one process."""

ACTIVE_SECONDS = 3.0
"""Whoever has sent within so long is counted as sending."""

STALE_SECONDS = 60.0
"""So long after its end an open circuit still says something."""


class Outlook(Struct, frozen=True):
    """`open_until` is when a probe of Klaviyo may go, after `open_seconds` in which nothing goes; 0
    where all is well, and `None` where there is nothing new to say. `pauses` are by endpoint;
    `senders` counts the processes that send, this one included."""

    open_until: float | None = None
    open_seconds: float = 0.0
    pauses: Mapping[str, float] = {}
    senders: int = 1


class Barometer(Protocol):
    """What all processes know together. Nothing here raises."""

    def exchange(self, news: Outlook) -> Outlook | None:
        """Say what is new, that this process sends, and hear the rest; `None` if nobody answers."""
