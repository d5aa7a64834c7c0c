"""The endpoints' limits, and from how many items on a bulk request costs less of them."""

import pytest

from klaviyo_client.api.endpoints import (
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    ENDPOINTS,
    GET_IMPORT,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
)
from klaviyo_client.planning.requests import Request
from tests.klaviyo_client.fakes import endpoint as any_endpoint


@pytest.mark.parametrize(
    ("single", "bulk", "threshold"),
    [
        pytest.param(CREATE_EVENT, BULK_CREATE_EVENTS, 24, id="events"),
        pytest.param(UPSERT_PROFILE, BULK_IMPORT_PROFILES, 6, id="profiles"),
        pytest.param(any_endpoint(), any_endpoint(), 2, id="equal"),
    ],
)
def test_bulk_begins_where_it_is_cheaper_than_singles(
    single: Endpoint, bulk: Endpoint, threshold: int
) -> None:
    assert bulk_from(single, bulk) == threshold
    assert threshold / single.per_minute > 1 / bulk.per_minute
    assert (threshold - 1) / single.per_minute <= 1 / bulk.per_minute


# What Klaviyo publishes of each (its OpenAPI document): name, method and path, requests a second, a
# minute and a day, and the scopes of the key.
PUBLISHED = [
    (
        "create_event",
        "POST /api/events",
        (350, 3500, None),
        "events:write",
    ),
    (
        "bulk_create_events",
        "POST /api/event-bulk-create-jobs",
        (10, 150, None),
        "events:write",
    ),
    (
        "create_or_update_profile",
        "POST /api/profile-import",
        (75, 750, None),
        "profiles:write",
    ),
    (
        "bulk_import_profiles",
        "POST /api/profile-bulk-import-jobs",
        (10, 150, None),
        "lists:write profiles:write",
    ),
    (
        "get_bulk_import_profiles_job",
        "GET /api/profile-bulk-import-jobs/{id}",
        (10, 150, None),
        "lists:read profiles:read",
    ),
    (
        "get_errors_for_bulk_import_profiles_job",
        "GET /api/profile-bulk-import-jobs/{id}/import-errors",
        (10, 150, None),
        "profiles:read",
    ),
    (
        "bulk_subscribe_profiles",
        "POST /api/profile-subscription-bulk-create-jobs",
        (75, 750, None),
        "lists:write profiles:write subscriptions:write",
    ),
    (
        "bulk_unsubscribe_profiles",
        "POST /api/profile-subscription-bulk-delete-jobs",
        (75, 750, None),
        "lists:write profiles:write subscriptions:write",
    ),
    (
        "add_profiles_to_list",
        "POST /api/lists/{id}/relationships/profiles",
        (10, 150, None),
        "lists:write profiles:write",
    ),
    (
        "remove_profiles_from_list",
        "DELETE /api/lists/{id}/relationships/profiles",
        (10, 150, None),
        "lists:write profiles:write",
    ),
    (
        "get_profiles",
        "GET /api/profiles",
        (75, 750, None),
        "profiles:read",
    ),
    (
        "get_profiles_for_list",
        "GET /api/lists/{id}/profiles",
        (75, 750, None),
        "lists:read profiles:read",
    ),
    (
        "get_lists",
        "GET /api/lists",
        (75, 750, None),
        "lists:read",
    ),
    (
        "create_list",
        "POST /api/lists",
        (10, 150, 150),
        "lists:write",
    ),
    (
        "request_profile_deletion",
        "POST /api/data-privacy-deletion-jobs",
        (3, 60, None),
        "data-privacy:write",
    ),
    (
        "merge_profiles",
        "POST /api/profile-merge",
        (10, 150, None),
        "profiles:write",
    ),
]

NAMES = [name for name, *_ in PUBLISHED]


def test_method_path_limits_and_scopes_are_those_that_klaviyo_publishes() -> None:
    assert [
        (
            each.name,
            f"{each.method} {each.path}",
            (each.per_second, each.per_minute, each.per_day),
            " ".join(sorted(each.scopes)),
        )
        for each in sorted(ENDPOINTS, key=lambda each: NAMES.index(each.name))
    ] == PUBLISHED


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_no_endpoint_takes_the_first_of_several_items_only(endpoint: Endpoint) -> None:
    items = [b"1", b"2"]
    if endpoint.method == "GET":
        assert endpoint.write_body(items, (), b"") == b""
    elif endpoint.max_items > 1:
        assert b"1,2" in endpoint.write_body(items, (), b"")
    else:
        with pytest.raises(ValueError, match="too many values"):
            endpoint.write_body(items, (), b"")


@pytest.mark.parametrize("resource_id", ["Y6nRLr", "01HXYZ", "cHJvZmlsZQ==", "a.b", "...", "~x-_"])
def test_an_id_is_one_segment_of_a_path(resource_id: str) -> None:
    assert Request(GET_IMPORT, (), target=resource_id).target == resource_id


@pytest.mark.parametrize(
    "resource_id",
    [".", "..", "../x", "a/b", "a?b", "a#b", "%2e%2e", "a b", "a\r\nX: 1", "a\\b", "x" * 257],
)
def test_what_leads_elsewhere_never_becomes_a_path(resource_id: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a path"):
        Request(GET_IMPORT, (), target=resource_id)
