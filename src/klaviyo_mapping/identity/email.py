"""What counts as an e-mail address."""

import re

from operations import Json

LONGEST = 100
"""Klaviyo's limit on an e-mail address, in characters."""

# The quantifiers are possessive, so they never backtrack.
_ADDRESS = re.compile(
    r"[^@\s]++@"
    r"(?:[^@\s.]++\.)++"
    # A top-level domain of letters, in any script, or in its ASCII form (IDNA).
    r"(?:[^\W\d_]{2,}+|xn--[a-z0-9-]++)",
    re.IGNORECASE,
)


def as_email(value: Json) -> str | None:
    """The value, trimmed, when it is an e-mail address; else None."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if len(text) <= LONGEST and _ADDRESS.fullmatch(text) else None
