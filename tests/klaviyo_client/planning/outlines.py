"""Planned requests, as far as their number matters."""

from klaviyo_client.planning.requests import Request

Plan = list[tuple[str, int]]
"""Requests as (endpoint, number of items)."""


def outline(requests: list[Request]) -> Plan:
    return [(request.endpoint.name, len(request.items)) for request in requests]
