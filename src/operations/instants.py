"""Points in time as ISO 8601 texts, compared as times rather than as texts. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

NEVER = float("-inf")
"""Before every time."""


def instant(text: str | None) -> float | None:
    """Unix seconds of an ISO 8601 time; one without an offset is in UTC.

    None for what is no time. As texts, `…:00Z` would come after `…:00.500Z`.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def latest(texts: Iterable[str | None]) -> str | None:
    """The latest of the times; None without any."""
    times = {text: time for text in texts if (time := instant(text)) is not None}
    return max(times, key=times.__getitem__, default=None)


def is_before(one: str | None, other: str | None) -> bool:
    """Whether one time lies before the other; False unless both are known."""
    first, second = instant(one), instant(other)
    return first is not None and second is not None and first < second
