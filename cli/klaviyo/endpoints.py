"""The endpoints that only the command line reads; the others are `klaviyo_client.api.endpoints`.

Limits and scopes are those of Klaviyo's reference, revision 2026-10-15.
"""

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import Endpoint, Shape

GET_ACCOUNTS = Endpoint(
    name="get_accounts",
    title="Ask whose key it is",
    method="GET",
    path="/api/accounts",
    per_second=1,
    per_minute=15,
    scopes=frozenset({"accounts:read"}),
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="account",
)
"""https://developers.klaviyo.com/en/reference/get_accounts"""
GET_METRICS = Endpoint(
    name="get_metrics",
    title="Read the names of metrics",
    method="GET",
    path="/api/metrics",
    per_second=10,
    per_minute=150,
    scopes=frozenset({"metrics:read"}),
    max_items=200,
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="metric",
)
"""https://developers.klaviyo.com/en/reference/get_metrics: 200 on a page, whose size is fixed."""
GET_EVENTS = Endpoint(
    name="get_events",
    title="Read events",
    method="GET",
    path="/api/events",
    per_second=350,
    per_minute=3500,
    scopes=frozenset({"events:read"}),
    max_items=1000,
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="event",
)
"""https://developers.klaviyo.com/en/reference/get_events"""

READ_BY_COMMAND_LINE = (GET_ACCOUNTS, GET_METRICS, GET_EVENTS)
