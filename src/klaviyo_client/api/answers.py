"""Klaviyo's answers, from bytes to typed values. No I/O, and nothing that raises.

Facts: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling and the OpenAPI's
error schema. Bodies of gateway errors need not be JSON, and `status` may be missing in an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from klaviyo_client.api.endpoints import Endpoint, Shape, fits_path
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason

MAX_DELAY = 3600.0
"""Seconds. A longer `Retry-After` is cut to this, so that a wrong one cannot delay data for
days."""

MAX_RESET = 60.0
"""Seconds. Klaviyo's limits are for windows of a second and of a minute. A longer
`RateLimit-Reset` is cut to this: many gateways write a Unix time there."""

PARTIAL_FAILURE = "X-Klaviyo-Partial-Failure"
"""The header of a 2xx that took the rest and left out what it names, as in `phone_number`
(Klaviyo's guide "Consent and compliance")."""

AUTHENTICATION_CODES = frozenset({"authentication_failed", "not_authenticated", "missing_api_key"})
"""Klaviyo's guides give a missing or wrong key the status 400; these codes tell it apart."""

REFUSALS = frozenset({400, 404, 409, 422})
"""Statuses by which Klaviyo refuses what it was sent, with `errors` in the body. Without `errors`,
a proxy, a firewall or another host has answered. Every other 4xx is about the network, the method,
the revision or the address, which the operator can fix.
https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling"""

TOO_LARGE = frozenset({413, 414})
"""Refusals that a server in front of Klaviyo also gives, in a body of its own."""

NOT_LET_IN = frozenset({401, 403})
"""Statuses that mean that nothing was done, whoever has answered."""

TOO_MANY_REQUESTS = 429

RELATIONSHIPS = "/relationships/"

_ITEM = re.compile(r"/data/([0-9]{1,5})(?:/|$)")
_WINDOW = re.compile(r"([0-9]{1,9})\s*;\s*w=([0-9]{1,9})")
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)")


@dataclass(frozen=True, slots=True)
class ApiError:
    """One entry of the `errors` of an answer.

    `pointer` names a place in the body, `parameter` a part of the path or the query.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None

    @property
    def item(self) -> int | None:
        """The position of the item that a bulk request's error points at, from 0.

        `/data/attributes/profiles/data/3/attributes/email`, `/data/attributes/events-bulk-create/
        data/3/…` and, of list members, `/data/3/id` all name item 3.
        """
        pointer = self.pointer or ""
        found = None if RELATIONSHIPS in pointer else _ITEM.search(pointer)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read.

    `windows` are the limits of its endpoint: how many requests it takes in how many seconds.

    `document` is the JSON body, `{}` when there is none. `retry_after` is in seconds. `remaining`
    says how many requests the endpoint still takes, and `reset` in how many seconds it takes
    more; Klaviyo rounds that down, so that 0 means within a second. `left_out` names what a
    partial success has not taken. `is_foreign` when there is a body that is no JSON object.
    """

    status: int
    document: Mapping[str, Any]
    errors: tuple[ApiError, ...] = ()
    retry_after: float | None = None
    remaining: int | None = None
    reset: float | None = None
    left_out: tuple[str, ...] = ()
    is_foreign: bool = False
    windows: tuple[tuple[int, int], ...] = ()


class Headers(Protocol):
    """The headers of an answer, whose names match in any case."""

    def get(self, name: str, /) -> str | None: ...


def read(status: int, headers: Headers, body: bytes) -> Answer:
    """Read an answer; whatever is not as documented counts as absent."""
    document = _document(body)
    remaining = _number(headers.get("RateLimit-Remaining"))
    reset = _number(headers.get("RateLimit-Reset"))
    left_out = headers.get(PARTIAL_FAILURE)
    return Answer(
        status,
        document or {},
        _errors(document or {}),
        retry_after=_retry_after(headers),
        remaining=None if remaining is None else int(remaining),
        reset=None if reset is None else min(reset, MAX_RESET),
        left_out=() if left_out is None else _listed(left_out),
        is_foreign=document is None,
        windows=_windows(headers.get("RateLimit-Limit")),
    )


def outcome_of(answer: Answer, endpoint: Endpoint) -> Outcome:
    """What an endpoint's answer means for the operations of its request.

    | answer | outcome |
    |---|---|
    | a status and a body that the endpoint's row names | delivered |
    | 429 | retryable, after `Retry-After` |
    | 401, 403 without a page, and a 400 whose code is about the key | retryable: ours to repair |
    | 408, 5xx | retryable |
    | 400, 404, 409, 422 with `errors`; 413, 414 | refused |
    | anything else: 1xx, 3xx, another 2xx or 4xx, HTML | retryable: not Klaviyo's own answer |

    A revoked key, a blocked address or a proxy's page must cost no event. Cloudflare, which stands
    before Klaviyo, challenges a request now and then by a 403 with a page: that says nothing of the
    key (https://github.com/klaviyo/klaviyo-api-python/issues/84).
    """
    status = answer.status
    if status in endpoint.success and _is_as_documented(answer, endpoint):
        return Delivered(_profile_id(answer.document))
    if status == TOO_MANY_REQUESTS:
        return Retryable(RetryReason.THROTTLED, answer.retry_after, status)
    key_reason = None if answer.is_foreign else _about_the_key(answer)
    if key_reason is not None:
        return Retryable(key_reason, answer.retry_after, status)
    if status == 408 or 500 <= status < 600:
        return Retryable(RetryReason.UNAVAILABLE, answer.retry_after, status)
    if (status in REFUSALS and answer.errors) or status in TOO_LARGE:
        first = answer.errors[0] if answer.errors else ApiError("unknown", "")
        return refusal(status, first)
    return Retryable(RetryReason.UNEXPECTED_ANSWER, answer.retry_after, status)


def _about_the_key(answer: Answer) -> RetryReason | None:
    """What is wrong with the key, if Klaviyo says that."""
    if answer.status == 401 or any(each.code in AUTHENTICATION_CODES for each in answer.errors):
        return RetryReason.UNAUTHORIZED
    return RetryReason.FORBIDDEN if answer.status == 403 else None


def _is_as_documented(answer: Answer, endpoint: Endpoint) -> bool:
    data = answer.document.get("data")
    if endpoint.shape is Shape.ONE:
        return _is_resource(data, endpoint.resource)
    if endpoint.shape is Shape.MANY:
        return isinstance(data, list) and all(
            _is_resource(entry, endpoint.resource) for entry in data
        )
    return not answer.is_foreign and not answer.errors


def _is_resource(data: object, kind: str) -> bool:
    return isinstance(data, dict) and data.get("type") == kind and _text(data.get("id")) is not None


def refusal(status: int, error: ApiError) -> Refused:
    """The outcome of an operation that Klaviyo names in an error."""
    return Refused(status, error.code, error.detail, error.pointer)


def api_error(entry: Mapping[str, Any]) -> ApiError:
    """An error as it stands in `errors`, or in the attributes of an import error."""
    source = entry.get("source")
    place = source if isinstance(source, dict) else {}
    return ApiError(
        code=_text(entry.get("code")) or "unknown",
        detail=_text(entry.get("detail")) or _text(entry.get("title")) or "",
        pointer=_text(place.get("pointer")),
        parameter=_text(place.get("parameter")),
    )


def next_page(answer: Answer) -> str | None:
    """The query of the page after this one, or `None` on the last one.

    Only the query is taken from Klaviyo's link, so that the key never goes to another host.
    """
    links = answer.document.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if not isinstance(link, str):
        return None
    try:
        query = parse_qs(urlsplit(link).query)
    except ValueError:
        return None
    return "?" + urlencode(query, doseq=True, errors="replace") if query else None


def resources(answer: Answer) -> list[tuple[str, Mapping[str, Any]]]:
    """The id and the attributes of each resource that the answer holds, one or many.

    A resource whose id cannot stand in a path is not Klaviyo's, and is left out.
    """
    data = answer.document.get("data")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in data if isinstance(data, list) else [data]:
        if not isinstance(entry, dict):
            continue
        found_id = _text(entry.get("id"))
        if found_id is None or not fits_path(found_id):
            continue
        attributes = entry.get("attributes")
        found.append((found_id, attributes if isinstance(attributes, dict) else {}))
    return found


def _document(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of a body, `{}` when there is no body, `None` for anything else."""
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _errors(document: Mapping[str, Any]) -> tuple[ApiError, ...]:
    listed = document.get("errors")
    entries = listed if isinstance(listed, list) else ()
    return tuple(api_error(entry) for entry in entries if isinstance(entry, dict))


def _profile_id(document: Mapping[str, Any]) -> str | None:
    data = document.get("data")
    if isinstance(data, dict) and data.get("type") == "profile":
        return _text(data.get("id"))
    return None


def _retry_after(headers: Headers) -> float | None:
    """Seconds, or a date (RFC 9110), which gateways in front of Klaviyo may send."""
    text = headers.get("Retry-After")
    seconds = _number(text)
    if seconds is None:
        seconds = _seconds_between(headers.get("Date"), text)
    return None if seconds is None else min(seconds, MAX_DELAY)


def _seconds_between(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    try:
        wait = parsedate_to_datetime(end) - parsedate_to_datetime(start)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(wait, timedelta()).total_seconds()


def _windows(text: str | None) -> tuple[tuple[int, int], ...]:
    """Of `75, 75;w=1, 750;w=60`: 75 in 1 second, and 750 in 60."""
    return tuple((int(allowed), int(seconds)) for allowed, seconds in _WINDOW.findall(text or ""))


def _number(text: str | None) -> float | None:
    """The number that the text begins with; `60, 60;w=1` is 60."""
    found = _NUMBER.match(text or "")
    return min(float(found[1]), 1e9) if found else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
