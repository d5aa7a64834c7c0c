"""Planned requests, as far as their number matters."""

from collections.abc import Iterable

from klaviyo_client.planning.requests import Request

Plan = list[tuple[str, int]]
"""Requests as (endpoint, number of items)."""


def outline(requests: Iterable[Request]) -> Plan:
    return [(request.endpoint.name, len(request.items)) for request in requests]
