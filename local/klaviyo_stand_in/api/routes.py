"""The endpoints of Klaviyo's API that the stand-in has, as one table.

Limits and scopes are those of the OpenAPI document (`Burst`, `Steady`, `Daily`, `Scopes`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from local.klaviyo_stand_in.api import endpoints, event_lookups
from local.klaviyo_stand_in.api.call import Call
from local.klaviyo_stand_in.checks.rate_limits import Limit
from local.klaviyo_stand_in.protocol.exchange import Response
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal, not_found

MAX_BODY_BYTES = 5_000_000

XS = Limit(1, 15)
S = Limit(3, 60)
M = Limit(10, 150)
L = Limit(75, 750)
XL = Limit(350, 3500)
DAILY = Limit(10, 150, 150)

SUBSCRIBING = frozenset({"lists:write", "profiles:write", "subscriptions:write"})
LISTING = frozenset({"lists:write", "profiles:write"})


@dataclass(frozen=True, slots=True)
class Route:
    """One operation under its name in the OpenAPI document, and what carries it out."""

    name: str
    method: str
    path: str
    limit: Limit
    scopes: frozenset[str]
    answer: Callable[[Call], Response]
    max_bytes: int = MAX_BODY_BYTES


ROUTES = (
    Route(
        "create_event", "POST", "/api/events", XL,
        frozenset({"events:write"}), endpoints.create_event,
    ),
    Route(
        "bulk_create_events", "POST", "/api/event-bulk-create-jobs", M,
        frozenset({"events:write"}), endpoints.bulk_create_events,
    ),
    Route(
        "create_or_update_profile", "POST", "/api/profile-import", L,
        frozenset({"profiles:write"}), endpoints.create_or_update_profile, max_bytes=100_000,
    ),
    Route(
        "bulk_import_profiles", "POST", "/api/profile-bulk-import-jobs", M,
        LISTING, endpoints.bulk_import_profiles,
    ),
    Route(
        "get_bulk_import_profiles_job", "GET", "/api/profile-bulk-import-jobs/{id}", M,
        frozenset({"lists:read", "profiles:read"}), endpoints.get_bulk_import_profiles_job,
    ),
    Route(
        "get_errors_for_bulk_import_profiles_job", "GET",
        "/api/profile-bulk-import-jobs/{id}/import-errors", M,
        frozenset({"profiles:read"}), endpoints.get_errors_for_bulk_import_profiles_job,
    ),
    Route(
        "bulk_subscribe_profiles", "POST", "/api/profile-subscription-bulk-create-jobs", L,
        SUBSCRIBING, endpoints.bulk_subscribe_profiles,
    ),
    Route(
        "bulk_unsubscribe_profiles", "POST", "/api/profile-subscription-bulk-delete-jobs", L,
        SUBSCRIBING, endpoints.bulk_unsubscribe_profiles,
    ),
    Route(
        "add_profiles_to_list", "POST", "/api/lists/{id}/relationships/profiles", M,
        LISTING, endpoints.add_profiles_to_list,
    ),
    Route(
        "remove_profiles_from_list", "DELETE", "/api/lists/{id}/relationships/profiles", M,
        LISTING, endpoints.remove_profiles_from_list,
    ),
    Route(
        "get_profiles", "GET", "/api/profiles", L,
        frozenset({"profiles:read"}), endpoints.get_profiles,
    ),
    Route(
        "get_profiles_for_list", "GET", "/api/lists/{id}/profiles", L,
        frozenset({"lists:read", "profiles:read"}), endpoints.get_profiles_for_list,
    ),
    Route("get_lists", "GET", "/api/lists", L, frozenset({"lists:read"}), endpoints.get_lists),
    Route(
        "create_list", "POST", "/api/lists", DAILY,
        frozenset({"lists:write"}), endpoints.create_list,
    ),
    Route(
        "request_profile_deletion", "POST", "/api/data-privacy-deletion-jobs", S,
        frozenset({"data-privacy:write"}), endpoints.request_profile_deletion,
    ),
    Route(
        "merge_profiles", "POST", "/api/profile-merge", M,
        frozenset({"profiles:write"}), endpoints.merge_profiles,
    ),
    Route(
        "get_events", "GET", "/api/events", XL,
        frozenset({"events:read"}), event_lookups.get_events,
    ),
    Route(
        "get_metrics", "GET", "/api/metrics", M,
        frozenset({"metrics:read"}), event_lookups.get_metrics,
    ),
    Route(
        "get_accounts", "GET", "/api/accounts", XS,
        frozenset({"accounts:read"}), endpoints.get_accounts,
    ),
)  # fmt: skip

_PATHS = [(re.compile(route.path.replace("{id}", "([^/]+)") + "/?"), route) for route in ROUTES]


def find(method: str, path: str) -> tuple[Route, str]:
    """The route of a request and the id in its path.

    A trailing slash is allowed, as in Klaviyo's own examples. Raises a `Refusal` (404, or 405 when
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
