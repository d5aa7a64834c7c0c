"""The endpoints in use, with the limits that Klaviyo publishes for each (its OpenAPI document).

Limits are per Klaviyo account, whatever the key: `per_second` is the burst window, `per_minute`
the steady one. `max_items` is what one request may carry.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from klaviyo_client.api import bodies
from klaviyo_client.api.bodies import WriteBody

MAX_BODY_BYTES = 5_000_000
"""Of any request, decompressed (Klaviyo's rate limit guide: 5 MB)."""

MAX_QUERY_BYTES = 7_000
"""Of the values in a query; common web servers end at 8 KB for a whole request line."""

MAX_PROFILE_BYTES = 100_000
"""Of one profile in an import (OpenAPI, bulk_import_profiles: 100 KB)."""


WriteItem = Callable[[Any], bytes]
"""What the endpoint takes, an operation or an id, as one entry of a body."""


class Subject(Enum):
    """What the items of a request are about: each has its own way to be written anew."""

    EVENTS = "events"
    PROFILES = "profiles"
    SUBSCRIPTIONS = "subscriptions"
    UNSUBSCRIPTIONS = "unsubscriptions"
    OTHERS = "ids, names and values"


CONSENTS = frozenset({Subject.SUBSCRIPTIONS, Subject.UNSUBSCRIPTIONS})


class Shape(Enum):
    """What the body of a successful answer holds."""

    NOTHING = "nothing that is needed"
    ONE = "one resource under data"
    MANY = "a list of resources under data, which may be empty"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Endpoint:
    """One operation of Klaviyo's API: all that is known of it.

    `name` is Klaviyo's own, `title` says in plain words what a request does. `{id}` in the path is
    a list or an import job.

    Requests: `max_items` is what one may carry; `write_item` writes an operation as one of these,
    `write_body` joins them. `scopes` are what the key needs. What is not `repeatable` would do
    something else the second time. Of one operation `in_parts`, several items must all arrive.

    Answers: `success` are the statuses that say yes, and `shape` is what the answer then holds, of
    which type of `resource`. Any other answer but a documented refusal is no answer at all: a
    proxy or a sign-in page may have written it.

    Refusals: an endpoint that `names_a_list` in its path or `names_profiles` by Klaviyo's own ids
    answers 404 once these are gone; `ends_something` that then is no longer needed.
    """

    name: str
    title: str
    method: str
    path: str
    per_second: int
    per_minute: int
    scopes: frozenset[str]
    per_day: int | None = None
    max_bytes: int = MAX_BODY_BYTES
    subject: Subject = Subject.OTHERS
    max_items: int = 1
    write_item: WriteItem = bodies.not_by_itself
    write_body: WriteBody = bodies.only
    repeatable: bool = True
    in_parts: bool = False
    success: frozenset[int] = frozenset({202})
    shape: Shape = Shape.NOTHING
    resource: str = ""
    is_lookup: bool = False
    names_a_list: bool = False
    names_profiles: bool = False
    ends_something: bool = False


SUBSCRIBING = frozenset({"lists:write", "profiles:write", "subscriptions:write"})
LISTING = frozenset({"lists:write", "profiles:write"})

CREATE_EVENT = Endpoint(
    name="create_event",
    title="Record an event",
    method="POST",
    path="/api/events",
    per_second=350,
    per_minute=3500,
    scopes=frozenset({"events:write"}),
    subject=Subject.EVENTS,
    write_item=bodies.single_event,
)
BULK_CREATE_EVENTS = Endpoint(
    name="bulk_create_events",
    title="Record events in bulk",
    method="POST",
    path="/api/event-bulk-create-jobs",
    per_second=10,
    per_minute=150,
    scopes=frozenset({"events:write"}),
    subject=Subject.EVENTS,
    max_items=1000,
    write_item=bodies.event_item,
    write_body=bodies.events_job,
)
UPSERT_PROFILE = Endpoint(
    name="create_or_update_profile",
    title="Create or update a profile",
    method="POST",
    path="/api/profile-import",
    per_second=75,
    per_minute=750,
    max_bytes=MAX_PROFILE_BYTES,
    scopes=frozenset({"profiles:write"}),
    subject=Subject.PROFILES,
    write_item=bodies.single_profile,
    success=frozenset({200, 201}),
    shape=Shape.ONE,
    resource="profile",
)
BULK_IMPORT_PROFILES = Endpoint(
    name="bulk_import_profiles",
    title="Create or update profiles in bulk",
    method="POST",
    path="/api/profile-bulk-import-jobs",
    per_second=10,
    per_minute=150,
    scopes=LISTING,
    subject=Subject.PROFILES,
    max_items=10_000,
    write_item=bodies.profile_item,
    write_body=bodies.import_job,
    shape=Shape.ONE,
    resource="profile-bulk-import-job",
)
GET_IMPORT = Endpoint(
    name="get_bulk_import_profiles_job",
    title="Check whether the bulk import is done",
    method="GET",
    path="/api/profile-bulk-import-jobs/{id}",
    per_second=10,
    per_minute=150,
    scopes=frozenset({"lists:read", "profiles:read"}),
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.ONE,
    resource="profile-bulk-import-job",
)
GET_IMPORT_ERRORS = Endpoint(
    name="get_errors_for_bulk_import_profiles_job",
    title="Read what the bulk import refused",
    method="GET",
    path="/api/profile-bulk-import-jobs/{id}/import-errors",
    per_second=10,
    per_minute=150,
    scopes=frozenset({"profiles:read"}),
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="import-error",
)
SUBSCRIBE_PROFILES = Endpoint(
    name="bulk_subscribe_profiles",
    title="Subscribe, by the opt-in process of the list or the account",
    method="POST",
    path="/api/profile-subscription-bulk-create-jobs",
    per_second=75,
    per_minute=750,
    scopes=SUBSCRIBING,
    subject=Subject.SUBSCRIPTIONS,
    max_items=1000,
    write_item=bodies.subscription_item,
    write_body=bodies.subscription_job,
)
UNSUBSCRIBE_PROFILES = Endpoint(
    name="bulk_unsubscribe_profiles",
    title="Withdraw the consent to marketing",
    method="POST",
    path="/api/profile-subscription-bulk-delete-jobs",
    per_second=75,
    per_minute=750,
    scopes=SUBSCRIBING,
    subject=Subject.UNSUBSCRIPTIONS,
    max_items=100,
    write_item=bodies.unsubscription_item,
    write_body=bodies.unsubscription_job,
    repeatable=False,
    in_parts=True,
)
"""If it were sent again after it has taken somebody off a list, it would unsubscribe them
everywhere."""
ADD_TO_LIST = Endpoint(
    name="add_profiles_to_list",
    title="Add to a list at once",
    method="POST",
    path="/api/lists/{id}/relationships/profiles",
    per_second=10,
    per_minute=150,
    scopes=LISTING,
    max_items=1000,
    write_item=bodies.member_item,
    write_body=bodies.members,
    success=frozenset({204}),
    names_a_list=True,
    names_profiles=True,
)
REMOVE_FROM_LIST = Endpoint(
    name="remove_profiles_from_list",
    title="Remove from a list; consent is unchanged",
    method="DELETE",
    path="/api/lists/{id}/relationships/profiles",
    per_second=10,
    per_minute=150,
    scopes=LISTING,
    max_items=1000,
    write_item=bodies.member_item,
    write_body=bodies.members,
    success=frozenset({204}),
    names_a_list=True,
    names_profiles=True,
    ends_something=True,
)
REQUEST_DELETION = Endpoint(
    name="request_profile_deletion",
    title="Delete the profile for good",
    method="POST",
    path="/api/data-privacy-deletion-jobs",
    per_second=3,
    per_minute=60,
    scopes=frozenset({"data-privacy:write"}),
    write_item=bodies.deletion,
    in_parts=True,
    names_profiles=True,
    ends_something=True,
)
MERGE_PROFILES = Endpoint(
    name="merge_profiles",
    title="Merge one profile into another for good",
    method="POST",
    path="/api/profile-merge",
    per_second=10,
    per_minute=150,
    scopes=frozenset({"profiles:write"}),
    success=frozenset({201, 202}),
    shape=Shape.ONE,
    resource="profile",
    names_profiles=True,
    ends_something=True,
)
"""One source a request. Documented as 201; live answers are 202."""
GET_PROFILES = Endpoint(
    name="get_profiles",
    title="Look up whose profile it is",
    method="GET",
    path="/api/profiles",
    per_second=75,
    per_minute=750,
    scopes=frozenset({"profiles:read"}),
    max_items=100,
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="profile",
    is_lookup=True,
)
GET_LIST_MEMBERS = Endpoint(
    name="get_profiles_for_list",
    title="See who is on the list",
    method="GET",
    path="/api/lists/{id}/profiles",
    per_second=75,
    per_minute=750,
    scopes=frozenset({"lists:read", "profiles:read"}),
    max_items=100,
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="profile",
    is_lookup=True,
    names_a_list=True,
)
GET_LISTS = Endpoint(
    name="get_lists",
    title="Find a list by its name",
    method="GET",
    path="/api/lists",
    per_second=75,
    per_minute=750,
    scopes=frozenset({"lists:read"}),
    max_items=10,
    write_body=bodies.nothing,
    success=frozenset({200}),
    shape=Shape.MANY,
    resource="list",
    is_lookup=True,
)
CREATE_LIST = Endpoint(
    name="create_list",
    title="Create a list",
    method="POST",
    path="/api/lists",
    per_second=10,
    per_minute=150,
    per_day=150,
    scopes=frozenset({"lists:write"}),
    write_item=bodies.new_list,
    repeatable=False,
    success=frozenset({201}),
    shape=Shape.ONE,
    resource="list",
)

ENDPOINTS = tuple(each for each in list(globals().values()) if isinstance(each, Endpoint))
"""Every row above."""

NOT_IN_PATH = re.compile(r"[\s/?#%\\\x00-\x1f\x7f]")
"""Characters that no id in a path may have."""

LONGEST_PATH_ID = 256


def fits_path(resource_id: str) -> bool:
    """Whether an id can stand in a path as one segment: a server resolves `.` and `..`, encoded or
    not, and would take the request for one to another endpoint."""
    return (
        0 < len(resource_id) <= LONGEST_PATH_ID
        and resource_id not in (".", "..")
        and NOT_IN_PATH.search(resource_id) is None
    )


def bulk_from(single: Endpoint, bulk: Endpoint) -> int:
    """The smallest number of items that costs less of the minute's allowance in bulk than singly.

    One request takes `1 / per_minute` of an endpoint's allowance, so that is 24 events (3,500
    against 150 a minute) and 6 profiles (750 against 150).
    """
    return single.per_minute // bulk.per_minute + 1
