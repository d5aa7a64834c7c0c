"""A revision lives for two years."""

from datetime import date

import pytest

from klaviyo_client.api.revision import deprecated_from, released, retired_from


@pytest.mark.parametrize(
    ("revision", "dates"),
    [
        ("2026-10-15", (date(2026, 10, 15), date(2027, 10, 15), date(2028, 10, 15))),
        ("2026-10-15.pre", (date(2026, 10, 15), date(2027, 10, 15), date(2028, 10, 15))),
        ("2028-02-29", (date(2028, 2, 29), date(2029, 3, 1), date(2030, 3, 1))),
    ],
)
def test_a_revision_is_stable_for_a_year_and_deprecated_for_another(
    revision: str, dates: tuple[date, date, date]
) -> None:
    assert (released(revision), deprecated_from(revision), retired_from(revision)) == dates
