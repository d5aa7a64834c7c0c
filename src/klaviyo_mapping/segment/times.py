"""When an event happened, as Klaviyo takes it: ISO 8601, in UTC, not too long ago or ahead."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from klaviyo_mapping.segment.message import Message, Time

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=365)

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_MILLISECONDS = 10**11
"""Unix time below it is in seconds: in milliseconds it would be before 1973."""
_UNIX_LIMIT = 10**14
"""The year 5138 in milliseconds. A much larger number would be no date of Python's."""


def time_of(message: Message, now: datetime) -> str | None:
    """When the message was sent, by the first of its timestamps that can be taken."""
    return first_time((message.timestamp, message.original_timestamp, message.received_at), now)


def first_time(
    sources: Iterable[Time], now: datetime, *, ahead: timedelta = FURTHEST_AHEAD
) -> str | None:
    """The first source that is a time between 1990 and so long after `now`.

    A text is ISO 8601; without an offset it is in UTC. A number is Unix time. The result is
    `2026-03-01T10:00:00Z`, with what there is below the second: `2026-03-01T10:00:00.123Z`,
    `2026-03-01T10:00:00.123456Z`.
    """
    for source in sources:
        if not source:
            continue
        time = _parse(source) if isinstance(source, str) else _from_unix(source)
        if time is not None and time >= EARLIEST and (time <= now or time - now <= ahead):
            as_sent = _in_segments_form(source) if isinstance(source, str) else None
            return as_sent or _write(time)
    return None


def _from_unix(number: int | float) -> datetime | None:
    """Unix time in milliseconds, or in seconds where the number is too small for those."""
    if not 0 < number < _UNIX_LIMIT:
        return None
    if number < _LEAST_MILLISECONDS:
        return _UNIX_EPOCH + timedelta(seconds=number)
    return _UNIX_EPOCH + timedelta(milliseconds=number)


def _parse(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _in_segments_form(text: str) -> str | None:
    """What `_write` gives of a time as Segment writes it: `2026-03-01T10:00:00.000Z`."""
    if len(text) != 24 or text[7] != "-" or text[10] != "T" or text[19] != "." or text[23] != "Z":
        return None
    return f"{text[:19]}Z" if text.endswith(".000Z") else text


def _write(time: datetime) -> str:
    precision = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return (
        time.astimezone(UTC)
        .isoformat(timespec=precision if time.microsecond else "seconds")
        .replace("+00:00", "Z")
    )
