"""The endpoints in use, with the limits that Klaviyo publishes for each (its OpenAPI document).

Limits are per Klaviyo account, whatever the key: `per_second` is the burst window, `per_minute`
the steady one. `max_items` is what one request may carry.
"""

import re
from dataclasses import dataclass
from enum import Enum

MAX_BODY_BYTES = 5_000_000
"""Of any request, decompressed (Klaviyo's rate limit guide: 5 MB)."""

MAX_QUERY_BYTES = 7_000
"""Of the values in a query; common web servers end at 8 KB for a whole request line."""

MAX_PROFILE_BYTES = 100_000
"""Of one profile in an import (OpenAPI, bulk_import_profiles: 100 KB)."""


class Shape(Enum):
    """What the body of a successful answer holds."""

    NOTHING = "nothing that is needed"
    ONE = "one resource under data"
    MANY = "a list of resources under data, which may be empty"


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One operation of Klaviyo's API. `{id}` in the path is a list or an import job.

    `success` are the statuses of an answer that says yes, and `shape` is what it then holds, of
    which type of `resource`. Any other answer but a documented refusal is no answer at all: a
    proxy or a sign-in page may have written it. What is not `repeatable` would do something else
    the second time.
    """

    name: str
    method: str
    path: str
    per_second: int
    per_minute: int
    max_items: int = 1
    repeatable: bool = True
    success: frozenset[int] = frozenset({202})
    shape: Shape = Shape.NOTHING
    resource: str = ""


OK = frozenset({200})

CREATE_EVENT = Endpoint("create_event", "POST", "/api/events", 350, 3500)
BULK_CREATE_EVENTS = Endpoint(
    "bulk_create_events", "POST", "/api/event-bulk-create-jobs", 10, 150, 1000
)
UPSERT_PROFILE = Endpoint(
    "create_or_update_profile",
    "POST",
    "/api/profile-import",
    75,
    750,
    success=frozenset({200, 201}),
    shape=Shape.ONE,
    resource="profile",
)
BULK_IMPORT_PROFILES = Endpoint(
    "bulk_import_profiles",
    "POST",
    "/api/profile-bulk-import-jobs",
    10,
    150,
    10_000,
    shape=Shape.ONE,
    resource="profile-bulk-import-job",
)
GET_IMPORT = Endpoint(
    "get_bulk_import_profiles_job",
    "GET",
    "/api/profile-bulk-import-jobs/{id}",
    10,
    150,
    success=OK,
    shape=Shape.ONE,
    resource="profile-bulk-import-job",
)
GET_IMPORT_ERRORS = Endpoint(
    "get_errors_for_bulk_import_profiles_job",
    "GET",
    "/api/profile-bulk-import-jobs/{id}/import-errors",
    10,
    150,
    success=OK,
    shape=Shape.MANY,
    resource="import-error",
)
SUBSCRIBE_PROFILES = Endpoint(
    "bulk_subscribe_profiles", "POST", "/api/profile-subscription-bulk-create-jobs", 75, 750, 1000
)
ADD_TO_LIST = Endpoint(
    "add_profiles_to_list",
    "POST",
    "/api/lists/{id}/relationships/profiles",
    10,
    150,
    1000,
    success=frozenset({204}),
)
REMOVE_FROM_LIST = Endpoint(
    "remove_profiles_from_list",
    "DELETE",
    "/api/lists/{id}/relationships/profiles",
    10,
    150,
    1000,
    success=frozenset({204}),
)
UNSUBSCRIBE_PROFILES = Endpoint(
    "bulk_unsubscribe_profiles",
    "POST",
    "/api/profile-subscription-bulk-delete-jobs",
    75,
    750,
    100,
    repeatable=False,
)
"""Sent again after it has taken somebody off a list, it would unsubscribe them everywhere."""
REQUEST_DELETION = Endpoint(
    "request_profile_deletion", "POST", "/api/data-privacy-deletion-jobs", 3, 60
)
MERGE_PROFILES = Endpoint(
    "merge_profiles",
    "POST",
    "/api/profile-merge",
    10,
    150,
    success=frozenset({201, 202}),
    shape=Shape.ONE,
    resource="profile",
)
"""One source a request. Documented as 201; live answers are 202."""
GET_PROFILES = Endpoint(
    "get_profiles",
    "GET",
    "/api/profiles",
    75,
    750,
    100,
    success=OK,
    shape=Shape.MANY,
    resource="profile",
)
GET_LIST_MEMBERS = Endpoint(
    "get_profiles_for_list",
    "GET",
    "/api/lists/{id}/profiles",
    75,
    750,
    100,
    success=OK,
    shape=Shape.MANY,
    resource="profile",
)
GET_LISTS = Endpoint(
    "get_lists", "GET", "/api/lists", 75, 750, 10, success=OK, shape=Shape.MANY, resource="list"
)
CREATE_LIST = Endpoint(
    "create_list",
    "POST",
    "/api/lists",
    10,
    150,
    repeatable=False,
    success=frozenset({201}),
    shape=Shape.ONE,
    resource="list",
)
"""And 150 a day."""

LOOKUPS = frozenset({GET_PROFILES, GET_LIST_MEMBERS, GET_LISTS})
"""Endpoints whose items are values to look for; `max_items` is also their largest page."""


_PATH_ID = re.compile(r"(?!\.{1,2}\Z)[^\s/?#%\\\x00-\x1f\x7f]{1,256}")


def fits_path(resource_id: str) -> bool:
    """Whether an id can stand in a path as one segment: a server resolves `.` and `..`, encoded or
    not, and would take the request for one to another endpoint."""
    return _PATH_ID.fullmatch(resource_id) is not None


def bulk_from(single: Endpoint, bulk: Endpoint) -> int:
    """The smallest number of items that costs less of the minute's allowance in bulk than singly.

    One request takes `1 / per_minute` of an endpoint's allowance, so that is 24 events (3,500
    against 150 a minute) and 6 profiles (750 against 150).
    """
    return single.per_minute // bulk.per_minute + 1
