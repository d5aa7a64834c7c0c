"""The endpoints that the stand-in has: those of the client and of the command line."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from cli.klaviyo.endpoints import READ_BY_COMMAND_LINE
from klaviyo_client.api.endpoints import ENDPOINTS, MAX_BODY_BYTES, Endpoint
from local.klaviyo_stand_in.api import endpoints, event_lookups
from local.klaviyo_stand_in.api.call import Call
from local.klaviyo_stand_in.checks.rate_limits import Limit
from local.klaviyo_stand_in.protocol.exchange import Response
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal, not_found


@dataclass(frozen=True, slots=True)
class Route:
    """One operation by its name in the OpenAPI document, and the function that carries it out."""

    name: str
    method: str
    path: str
    limit: Limit
    scopes: frozenset[str]
    answer: Callable[[Call], Response]
    max_bytes: int = MAX_BODY_BYTES


def _route(endpoint: Endpoint) -> Route:
    """The route of a client's row, and of the function with its name."""
    answer = (vars(endpoints) | vars(event_lookups)).get(endpoint.name)
    if answer is None:
        raise LookupError(
            f"local/klaviyo_stand_in/api/endpoints.py: add `def {endpoint.name}(call)`, "
            "which answers as Klaviyo does"
        )
    limit = Limit(endpoint.per_second, endpoint.per_minute, endpoint.per_day)
    return Route(
        endpoint.name,
        endpoint.method,
        endpoint.path,
        limit,
        endpoint.scopes,
        answer,
        endpoint.max_bytes,
    )


ROUTES = tuple(map(_route, (*ENDPOINTS, *READ_BY_COMMAND_LINE)))

_PATHS = [(re.compile(route.path.replace("{id}", "([^/]+)") + "/?"), route) for route in ROUTES]


def find(method: str, path: str) -> tuple[Route, str]:
    """The route of a request and the id in its path.

    A trailing slash is allowed, as in Klaviyo's own examples. Raises a `Refusal` (404, or 405 if
    the path has other methods).
    """
    known = False
    for pattern, route in _PATHS:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if route.method == method:
            return route, found[1] if found.groups() else ""
        known = True
    if known:
        raise Refusal(
            405,
            Problem(
                f'Method "{method}" not allowed.',
                "/data",
                "method_not_allowed",
                f'Method "{method}" not allowed.',
            ),
        )
    raise not_found("Not found.")
