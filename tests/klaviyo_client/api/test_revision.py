"""The revision stands in one place, and lives for two years."""

from datetime import date

import pytest

from klaviyo_client.api.revision import REVISION, deprecated_from, released, retired_from
from local.klaviyo_stand_in.protocol.openapi import REVISION as EXPECTED_BY_THE_STAND_IN


def test_the_stand_in_expects_the_revision_that_is_sent() -> None:
    assert REVISION == EXPECTED_BY_THE_STAND_IN


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
