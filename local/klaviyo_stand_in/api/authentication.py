"""Checks everything but the body: the key and its scopes, the revision, the media type."""

from collections.abc import Collection, Mapping

from local.klaviyo_stand_in.api.routes import Route
from local.klaviyo_stand_in.protocol.exchange import MEDIA_TYPE, Request
from local.klaviyo_stand_in.protocol.openapi import QUERIES
from local.klaviyo_stand_in.protocol.policy import Policy
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal

Keys = Collection[str] | Mapping[str, Collection[str]]
"""The accepted private keys, for all scopes or for the given ones."""

MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/json"})

SUPPORTED = ("additional-fields[profile]", "fields[", "filter", "page[")
"""Prefixes of the query parameters that the stand-in supports wherever Klaviyo does."""

INCLUDES = {"get_bulk_import_profiles_job": frozenset({"lists"})}
"""What `include` can ask for. Other endpoints of the stand-in do not support it."""

PREFIX = "Klaviyo-API-Key "

MAX_QUERY_BYTES = 8_000
"""The longest query. Klaviyo states no limit; common web servers allow 8 KB for the line."""


def authenticate(request: Request, keys: Keys) -> str:
    """The key of the request. Raises a `Refusal` (401) for none or an unknown one."""
    given = request.headers.get("authorization")
    if given is None:
        detail = "Authentication credentials were not provided."
        raise Refusal(401, Problem(detail, "/data/", "not_authenticated", detail))
    key = given.removeprefix(PREFIX)
    if not given.startswith(PREFIX) or key not in keys:
        detail = "Incorrect authentication credentials."
        raise Refusal(401, Problem(detail, "/data/", "authentication_failed", detail))
    return key


def admit(request: Request, route: Route, key: str, keys: Keys, policy: Policy) -> None:
    """Raise a `Refusal` when scopes (403), revision, query (400), type (415) or size (413) fail."""
    if isinstance(keys, Mapping) and not route.scopes <= set(keys[key]):
        detail = "You do not have permission to perform this action."
        raise Refusal(403, Problem(detail, "/data/", "permission_denied", detail))
    given = request.headers.get("revision")
    if given is None:
        raise Refusal(400, Problem("A revision header is required.", "/data/"))
    if given in policy.retired:
        raise Refusal(410, Problem(f"Revision {given} is retired.", "/data/", "gone", "Gone."))
    if given != policy.revision:
        raise Refusal(400, Problem(f"The revision must be {policy.revision}.", "/data/"))
    _admit_query(request, route)
    if route.method != "GET":
        _admit_body(request, route)


def _admit_query(request: Request, route: Route) -> None:
    if len(request.query) > MAX_QUERY_BYTES:
        detail = "The query is too long."
        raise Refusal(414, Problem(detail, None, "uri_too_long", detail))
    for name, value in request.parameters().items():
        if name not in QUERIES[route.name]:
            raise Refusal(400, Problem(f"'{name}' is not a valid query parameter.", parameter=name))
        if name == "include" and route.name in INCLUDES:
            if not set(value.split(",")) <= INCLUDES[route.name]:
                raise Refusal(400, Problem("Invalid include.", parameter=name))
        elif not name.startswith(SUPPORTED):
            raise Refusal(
                501, Problem("The stand-in does not know this parameter.", parameter=name)
            )


def _admit_body(request: Request, route: Route) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES or "content-encoding" in request.headers:
        detail = "Unsupported media type in request."
        raise Refusal(415, Problem(detail, "/data", "unsupported_media_type", detail))
    if len(request.body) > route.max_bytes:
        detail = f"The payload exceeds {route.max_bytes} bytes."
        raise Refusal(413, Problem(detail, "/data", "payload_too_large", "Payload too large."))
