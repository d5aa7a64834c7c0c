"""What Klaviyo's answers mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_client.api import endpoints
from klaviyo_client.api.answers import Answer, ApiError, outcome_of, read
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from tests.klaviyo_client.fakes import Headers, answer, error, refusal

INVALID = error("/data/attributes/email", "Invalid email address")


PROFILE = {"type": "profile", "id": "01P"}
JOB = {"type": "profile-bulk-import-job", "id": "01J"}
LIST = {"type": "list", "id": "L1"}


@pytest.mark.parametrize(
    ("endpoint", "given_answer", "expected"),
    [
        (endpoints.CREATE_EVENT, answer(202), Delivered()),
        (endpoints.CREATE_EVENT, answer(202, {}), Delivered()),
        (endpoints.BULK_CREATE_EVENTS, answer(202), Delivered()),
        (endpoints.UPSERT_PROFILE, answer(200, {"data": PROFILE}), Delivered("01P")),
        (endpoints.UPSERT_PROFILE, answer(201, {"data": PROFILE}), Delivered("01P")),
        (endpoints.BULK_IMPORT_PROFILES, answer(202, {"data": JOB}), Delivered()),
        (endpoints.GET_IMPORT, answer(200, {"data": JOB}), Delivered()),
        (endpoints.GET_IMPORT_ERRORS, answer(200, {"data": []}), Delivered()),
        (endpoints.SUBSCRIBE_PROFILES, answer(202), Delivered()),
        (endpoints.UNSUBSCRIBE_PROFILES, answer(202), Delivered()),
        (endpoints.ADD_TO_LIST, answer(204), Delivered()),
        (endpoints.REMOVE_FROM_LIST, answer(204), Delivered()),
        (endpoints.REQUEST_DELETION, answer(202), Delivered()),
        (endpoints.GET_PROFILES, answer(200, {"data": [PROFILE]}), Delivered()),
        (endpoints.GET_LIST_MEMBERS, answer(200, {"data": []}), Delivered()),
        (endpoints.GET_LISTS, answer(200, {"data": [LIST]}), Delivered()),
        (endpoints.CREATE_LIST, answer(201, {"data": LIST}), Delivered()),
    ],
    ids=lambda given: given.name if isinstance(given, Endpoint) else "",
)
def test_each_endpoint_has_its_own_success(
    endpoint: Endpoint, given_answer: Answer, expected: Outcome
) -> None:
    assert outcome_of(given_answer, endpoint) == expected


ALL = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize(
    "given_answer",
    [
        pytest.param(read(200, Headers({}), b"<html>Sign in</html>"), id="a sign-in page"),
        pytest.param(read(202, Headers({}), b"<html></html>"), id="a proxy that accepts"),
        pytest.param(answer(203), id="a proxy's copy"),
        pytest.param(answer(207, {"data": []}), id="207"),
        pytest.param(answer(200, {"errors": [INVALID]}), id="errors in a 200"),
        pytest.param(answer(202, {"errors": [INVALID]}), id="errors in a 202"),
        pytest.param(read(200, Headers({}), b'{"data": ['), id="cut JSON"),
        pytest.param(answer(200, {}), id="an empty object"),
        pytest.param(answer(200, {"data": None}), id="null"),
        pytest.param(answer(200, {"data": "x"}), id="text"),
        pytest.param(answer(200, {"data": [None]}), id="a list of nothing"),
        pytest.param(answer(200, {"data": [{"type": "account", "id": "A"}]}), id="other resources"),
        pytest.param(answer(201, {"data": {"type": "list", "id": 5}}), id="no id"),
        pytest.param(answer(100), id="a 1xx"),
        pytest.param(answer(301), id="301"),
        pytest.param(answer(304), id="304"),
        pytest.param(answer(400), id="400 without errors"),
        pytest.param(read(404, Headers({}), b"<html></html>"), id="another host's 404"),
        pytest.param(read(403, Headers({}), b"<html>One moment</html>"), id="a challenge"),
        pytest.param(read(401, Headers({}), b"<html></html>"), id="a proxy's 401"),
        *(
            pytest.param(answer(status, {"errors": [INVALID]}), id=str(status))
            for status in (402, 405, 406, 407, 410, 411, 415, 418, 421, 423, 425, 426, 451)
        ),
    ],
)
def test_what_is_not_klaviyos_own_answer_costs_nothing(
    endpoint: Endpoint, given_answer: Answer
) -> None:
    """The method, the revision, a proxy and the address are ours to repair."""
    expected = Retryable(RetryReason.UNEXPECTED_ANSWER, None, given_answer.status)
    assert outcome_of(given_answer, endpoint) == expected


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
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
        pytest.param(
            refusal(404, error(None, "Not found.", "not_found")),
            Refused(404, "not_found", "Not found."),
            id="404",
        ),
        pytest.param(answer(413), Refused(413, "unknown", ""), id="413, in a proxy's own words"),
        pytest.param(answer(414), Refused(414, "unknown", ""), id="414, in a proxy's own words"),
    ],
)
def test_the_status_and_the_error_code_decide_the_outcome(
    given_answer: Answer, expected: Outcome
) -> None:
    assert outcome_of(given_answer, endpoints.CREATE_EVENT) == expected


@pytest.mark.parametrize(
    ("header", "left_out"),
    [
        ("phone_number", ("phone_number",)),
        ("phone_number, email", ("phone_number", "email")),
        (" ,", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_a_partial_failure_names_what_was_left_out(
    header: str | None, left_out: tuple[str, ...]
) -> None:
    headers = {} if header is None else {"x-klaviyo-partial-failure": header}
    assert read(202, Headers(headers), b"").left_out == left_out


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
        pytest.param(
            {"RateLimit-Remaining": "0", "RateLimit-Reset": "1795392000"},
            0,
            60.0,
            id="a Unix time counts as a minute, Klaviyo's longest window",
        ),
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
    outcome = outcome_of(read(503, Headers({}), body), endpoints.CREATE_EVENT)
    assert outcome == Retryable(RetryReason.UNAVAILABLE, None, 503)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"code": "invalid", "detail": "D", "source": {"pointer": "/data"}},
            ApiError("invalid", "D", "/data"),
            id="as documented",
        ),
        pytest.param({"title": "T"}, ApiError("unknown", "T"), id="only a title"),
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
    given_answer = read(status, headers, json.dumps(document).encode())
    outcome = outcome_of(given_answer, endpoints.CREATE_EVENT)
    assert isinstance(outcome, Delivered | Refused | Retryable)
    if isinstance(outcome, Delivered):
        assert (status, given_answer.is_foreign, given_answer.errors) == (202, False, ())


@pytest.mark.parametrize(
    ("stated", "windows"),
    [
        (None, ()),
        ("75", ()),
        ("75, 75;w=1, 750;w=60", ((75, 1), (750, 60))),
        ("10, 10; w=1, 150 ;w=60, 150;w=86400", ((10, 1), (150, 60), (150, 86_400))),
        ("many;w=1, 5;w=soon", ()),
    ],
)
def test_the_windows_of_an_endpoint_are_read(
    stated: str | None, windows: tuple[tuple[int, int], ...]
) -> None:
    headers = {} if stated is None else {"RateLimit-Limit": stated}
    assert read(202, Headers(headers), b"").windows == windows
