"""What Klaviyo's answers mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_client.answers import Answer, ApiError, outcome_of, read
from klaviyo_client.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from tests.client.fakes import Headers, answer, error, refusal

INVALID = error("/data/attributes/email", "Invalid email address")


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        pytest.param(answer(202), Delivered(), id="202 without a body"),
        pytest.param(answer(204), Delivered(), id="204"),
        pytest.param(
            answer(201, {"data": {"type": "profile", "id": "01P"}}),
            Delivered("01P"),
            id="201 with the profile's id",
        ),
        pytest.param(
            answer(202, {"data": {"type": "profile-bulk-import-job", "id": "01J"}}),
            Delivered(),
            id="a job's id is no profile's",
        ),
        pytest.param(
            answer(429, Retry_After="7"),
            Retryable(RetryReason.THROTTLED, 7.0, 429),
            id="429 with a time",
        ),
        pytest.param(
            answer(429), Retryable(RetryReason.THROTTLED, None, 429), id="429 without a time"
        ),
        pytest.param(
            refusal(401, error(code="authentication_failed")),
            Retryable(RetryReason.UNAUTHORIZED, None, 401),
            id="401: a revoked key costs no event",
        ),
        pytest.param(
            refusal(400, error(code="authentication_failed")),
            Retryable(RetryReason.UNAUTHORIZED, None, 400),
            id="400 that is about the key",
        ),
        pytest.param(
            refusal(403, error(code="permission_denied")),
            Retryable(RetryReason.FORBIDDEN, None, 403),
            id="403: a missing scope costs no event",
        ),
        pytest.param(answer(408), Retryable(RetryReason.UNAVAILABLE, None, 408), id="408"),
        pytest.param(answer(500), Retryable(RetryReason.UNAVAILABLE, None, 500), id="500"),
        pytest.param(
            answer(503, Retry_After="30"),
            Retryable(RetryReason.UNAVAILABLE, 30.0, 503),
            id="503 with a time",
        ),
        pytest.param(answer(524), Retryable(RetryReason.UNAVAILABLE, None, 524), id="524"),
        pytest.param(answer(301), Retryable(RetryReason.UNAVAILABLE, None, 301), id="301"),
        pytest.param(
            refusal(400, INVALID),
            Refused(400, "invalid", "Invalid email address", "/data/attributes/email"),
            id="400 with detail and pointer",
        ),
        pytest.param(
            refusal(409, error(None, "A profile already exists.", "duplicate_profile")),
            Refused(409, "duplicate_profile", "A profile already exists."),
            id="409",
        ),
        pytest.param(answer(404), Refused(404, "unknown", ""), id="404 without a body"),
        pytest.param(answer(410), Refused(410, "unknown", ""), id="410"),
        pytest.param(answer(413), Refused(413, "unknown", ""), id="413"),
        pytest.param(answer(415), Refused(415, "unknown", ""), id="415"),
    ],
)
def test_the_status_and_the_error_code_decide_the_outcome(
    given_answer: Answer, expected: Outcome
) -> None:
    assert outcome_of(given_answer) == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "3, 60"}, 3.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "99999999"}, 3600.0),
        ({"Retry-After": "9" * 5000}, 3600.0),
        ({"Retry-After": "-4"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
        (
            {
                "Date": "Mon, 23 Nov 2026 10:00:00 GMT",
                "Retry-After": "Mon, 23 Nov 2026 10:01:30 GMT",
            },
            90.0,
        ),
        (
            {
                "Date": "Mon, 23 Nov 2026 10:00:00 GMT",
                "Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Mon, 23 Nov 2026 10:01:30 GMT"}, None),
        ({"Date": "yesterday", "Retry-After": "Mon, 99 Nov 2026 10:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_leniently_and_at_most_an_hour(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read(429, Headers(headers), b"").retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "remaining", "reset"),
    [
        pytest.param(
            {
                "RateLimit-Limit": "75, 75;w=1, 750;w=60",
                "RateLimit-Remaining": "73",
                "RateLimit-Reset": "0",
            },
            73,
            0.0,
            id="as recorded",
        ),
        pytest.param({"ratelimit-remaining": "0"}, 0, None, id="any case, and no reset"),
        pytest.param({"RateLimit-Remaining": "12;w=1", "RateLimit-Reset": "1.5s"}, 12, 1.5),
        pytest.param({"RateLimit-Remaining": "many", "RateLimit-Reset": "-1"}, None, None),
        pytest.param({"RateLimit-Remaining": "9" * 400}, 1_000_000_000, None),
        pytest.param({}, None, None, id="none, as on a 429"),
    ],
)
def test_ratelimit_headers_are_read_leniently(
    headers: dict[str, str], remaining: int | None, reset: float | None
) -> None:
    found = read(202, Headers(headers), b"")
    assert (found.remaining, found.reset) == (remaining, reset)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"\xff\xfe\x00",
        b"null",
        b'"text"',
        b"[]",
        b"[" * 100_000,
        b'{"errors": null}',
        b'{"errors": {"0": {}}}',
        b'{"errors": [null, 1, "x", []]}',
        b"9" * 5000,
    ],
)
def test_a_body_that_is_not_as_documented_counts_as_absent(body: bytes) -> None:
    assert read(400, Headers({}), body).errors == ()
    assert outcome_of(read(503, Headers({}), body)) == Retryable(RetryReason.UNAVAILABLE, None, 503)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"code": "invalid", "detail": "D", "source": {"pointer": "/data"}},
            ApiError("invalid", "D", "/data"),
            id="as documented",
        ),
        pytest.param({"title": "T"}, ApiError("unknown", "T"), id="title alone"),
        pytest.param(
            {"code": 7, "detail": ["x"], "source": "here"}, ApiError("unknown", ""), id="types"
        ),
        pytest.param(
            {"code": "invalid", "detail": "D", "source": {"parameter": "include"}},
            ApiError("invalid", "D", None, "include"),
            id="a parameter",
        ),
        pytest.param({}, ApiError("unknown", ""), id="nothing"),
    ],
)
def test_an_error_needs_none_of_its_fields(entry: dict[str, Any], expected: ApiError) -> None:
    assert refusal(400, entry).errors == (expected,)


@pytest.mark.parametrize(
    ("pointer", "item"),
    [
        ("/data/attributes/profiles/data/3/attributes/phone_number", 3),
        ("/data/attributes/profiles/data/12", 12),
        ("/data/attributes/events-bulk-create/data/7/attributes/events/data/0/attributes", 7),
        ("/data/5/id", 5),
        ("/data/attributes/email", None),
        ("/data/attributes/profiles/data/-1/attributes", None),
        ("/data/attributes/profiles/data/³/attributes", None),
        ("/data/attributes/profiles/data/" + "9" * 5000, None),
        ("/data/relationships/lists/data/0/id", None),
        ("/data", None),
        (None, None),
    ],
)
def test_a_bulk_error_names_its_item_by_pointer(pointer: str | None, item: int | None) -> None:
    assert ApiError("invalid", "", pointer).item == item


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "data", "source", "pointer", "detail", "code", "id", "type", "links"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(100, 599),
    document=JSON,
    retry_after=st.none() | st.text(max_size=20),
    remaining=st.none() | st.text(max_size=5),
)
def test_whatever_the_answer_there_is_an_outcome(
    status: int, document: Any, retry_after: str | None, remaining: str | None
) -> None:
    named = {"Retry-After": retry_after, "RateLimit-Remaining": remaining}
    headers = Headers({name: value for name, value in named.items() if value is not None})
    outcome = outcome_of(read(status, headers, json.dumps(document).encode()))
    assert isinstance(outcome, Delivered) == (200 <= status < 300)
