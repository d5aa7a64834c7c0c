"""From how many items on a bulk request costs less of the minute's allowance."""

import pytest

from klaviyo_client.endpoints import (
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
)


@pytest.mark.parametrize(
    ("single", "bulk", "threshold"),
    [
        pytest.param(CREATE_EVENT, BULK_CREATE_EVENTS, 24, id="events"),
        pytest.param(UPSERT_PROFILE, BULK_IMPORT_PROFILES, 6, id="profiles"),
        pytest.param(Endpoint("s", "", "", 1, 150), Endpoint("b", "", "", 1, 150), 2, id="equal"),
    ],
)
def test_bulk_begins_where_it_is_cheaper_than_singles(
    single: Endpoint, bulk: Endpoint, threshold: int
) -> None:
    assert bulk_from(single, bulk) == threshold
    assert threshold / single.per_minute > 1 / bulk.per_minute
    assert (threshold - 1) / single.per_minute <= 1 / bulk.per_minute
