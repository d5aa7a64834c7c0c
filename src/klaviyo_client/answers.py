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

from klaviyo_client.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason

MAX_DELAY = 3600.0
"""Seconds. A longer `Retry-After` is cut to this, so that a wrong one cannot park data for days."""

AUTHENTICATION_CODES = frozenset({"authentication_failed", "not_authenticated", "missing_api_key"})
"""Klaviyo's guides give a missing or wrong key the status 400; these codes tell it apart."""

TOO_MANY_REQUESTS = 429

RELATIONSHIPS = "/relationships/"

_ITEM = re.compile(r"/data/([0-9]{1,5})(?:/|$)")
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

    `document` is the JSON body, `{}` when there is none. `retry_after` is in seconds. `remaining`
    says how many requests the endpoint still takes, and `reset` in how many seconds it takes
    more; Klaviyo rounds that down, so that 0 means within a second.
    """

    status: int
    document: Mapping[str, Any]
    errors: tuple[ApiError, ...] = ()
    retry_after: float | None = None
    remaining: int | None = None
    reset: float | None = None


class Headers(Protocol):
    """The headers of an answer, whose names match in any case."""

    def get(self, name: str, /) -> str | None: ...


def read(status: int, headers: Headers, body: bytes) -> Answer:
    """Read an answer; whatever is not as documented counts as absent."""
    document = _document(body)
    remaining = _number(headers.get("RateLimit-Remaining"))
    return Answer(
        status,
        document,
        _errors(document),
        retry_after=_retry_after(headers),
        remaining=None if remaining is None else int(remaining),
        reset=_number(headers.get("RateLimit-Reset")),
    )


def outcome_of(answer: Answer) -> Outcome:
    """What an answer means for the operations of its request.

    | status | outcome |
    |---|---|
    | 2xx | delivered |
    | 429 | retryable, after `Retry-After` |
    | 401, 403, and a 400 whose code is about the key | retryable: ours to mend |
    | 408, 5xx, anything below 200 or 3xx | retryable |
    | other 4xx | refused |

    A revoked key or a blocked address must cost no event, hence the third row.
    """
    status = answer.status
    if 200 <= status < 300:
        return Delivered(_profile_id(answer.document))
    if status == TOO_MANY_REQUESTS:
        return Retryable(RetryReason.THROTTLED, answer.retry_after, status)
    if status == 401 or any(error.code in AUTHENTICATION_CODES for error in answer.errors):
        return Retryable(RetryReason.UNAUTHORIZED, answer.retry_after, status)
    if status == 403:
        return Retryable(RetryReason.FORBIDDEN, answer.retry_after, status)
    if status == 408 or not 400 <= status < 500:
        return Retryable(RetryReason.UNAVAILABLE, answer.retry_after, status)
    first = answer.errors[0] if answer.errors else ApiError("unknown", "")
    return refusal(status, first)


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
    """The id and the attributes of each resource that the answer holds, one or many."""
    data = answer.document.get("data")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in data if isinstance(data, list) else [data]:
        if not isinstance(entry, dict) or _text(entry.get("id")) is None:
            continue
        attributes = entry.get("attributes")
        found.append((entry["id"], attributes if isinstance(attributes, dict) else {}))
    return found


def _document(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


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


def _number(text: str | None) -> float | None:
    """The number that the text begins with; `60, 60;w=1` is 60."""
    found = _NUMBER.match(text or "")
    return min(float(found[1]), 1e9) if found else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
