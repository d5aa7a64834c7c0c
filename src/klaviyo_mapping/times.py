"""When an event happened, as Klaviyo takes it: ISO 8601, in UTC, not too long ago or ahead."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from klaviyo_mapping.message import Message

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=365)


def time_of(message: Message, now: datetime) -> str | None:
    """When the message was sent, by the first of its timestamps that can be taken."""
    return first_time((message.timestamp, message.original_timestamp, message.received_at), now)


def first_time(
    sources: Iterable[str | None], now: datetime, *, ahead: timedelta = FURTHEST_AHEAD
) -> str | None:
    """The first source that is an ISO 8601 time between 1990 and so long after `now`.

    A time without an offset is in UTC. The result is `2026-03-01T10:00:00Z`, with what there is
    below the second: `2026-03-01T10:00:00.123Z`, `2026-03-01T10:00:00.123456Z`.
    """
    latest = now + ahead
    for text in sources:
        time = _parse(text) if text else None
        if time is not None and EARLIEST <= time <= latest:
            return _in_segments_form(text) or _write(time)
    return None


def _parse(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _in_segments_form(text: str | None) -> str | None:
    """What `_write` gives of a time as Segment writes it: `2026-03-01T10:00:00.000Z`."""
    if text and len(text) == 24 and text[7] + text[10] + text[19] + text[23] == "-T.Z":
        return f"{text[:19]}Z" if text[20:23] == "000" else text
    return None


def _write(time: datetime) -> str:
    precision = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return (
        time.astimezone(UTC)
        .isoformat(timespec=precision if time.microsecond else "seconds")
        .replace("+00:00", "Z")
    )
