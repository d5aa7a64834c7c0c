"""The revision of Klaviyo's API that all of this package is written for, and how long it lives.

https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy: a revision is stable
for one year and deprecated for another. After that Klaviyo answers 410, or with a later revision.
"""

from datetime import date

REVISION = "2026-10-15"


def released(revision: str = REVISION) -> date:
    """The day on which the revision came out; it is named after it."""
    return date.fromisoformat(revision[:10])


def deprecated_from(revision: str = REVISION) -> date:
    """The day from which Klaviyo advises against the revision."""
    return _years_later(released(revision), 1)


def retired_from(revision: str = REVISION) -> date:
    """The day from which Klaviyo no longer serves the revision."""
    return _years_later(released(revision), 2)


def _years_later(day: date, years: int) -> date:
    """The same day of a later year; 1 March in place of a 29 February that it does not have."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
