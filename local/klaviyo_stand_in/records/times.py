"""Times as Klaviyo reads and writes them."""

import re
from datetime import UTC, datetime

_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def parse(text: str) -> datetime | None:
    """An RFC 3339 date-time (the OpenAPI document's format) in UTC, or `None`."""
    if not _DATE_TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(time: datetime) -> str:
    """The time in UTC, in whole seconds, as in Klaviyo's answers."""
    return time.astimezone(UTC).isoformat(timespec="seconds")
