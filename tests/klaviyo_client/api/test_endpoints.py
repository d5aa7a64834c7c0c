"""The endpoints' limits, and from how many items on a bulk request costs less of them."""

import pytest

from klaviyo_client.api import endpoints
from klaviyo_client.api.endpoints import (
    BULK_CREATE_EVENTS,
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    GET_IMPORT,
    UPSERT_PROFILE,
    Endpoint,
    bulk_from,
)
from klaviyo_client.planning.requests import Request
from local.klaviyo_stand_in.api.routes import ROUTES
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


ENDPOINTS = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_method_path_limits_and_scopes_are_those_that_klaviyo_publishes(endpoint: Endpoint) -> None:
    """The stand-in's table is cut from the OpenAPI document."""
    [route] = [route for route in ROUTES if route.name == endpoint.name]
    assert (endpoint.method, endpoint.path, endpoint.per_second, endpoint.per_minute) == (
        route.method,
        route.path,
        route.limit.per_second,
        route.limit.per_minute,
    )
    assert endpoint.scopes == route.scopes


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
