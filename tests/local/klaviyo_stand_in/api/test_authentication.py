"""What Klaviyo's stand-in demands of every request beside its body."""

import pytest

from local.klaviyo_stand_in import Account, Policy, Request
from tests.local.klaviyo_stand_in.caller import (
    HEADERS,
    account,
    answer,
    event,
    get,
    post,
    problems,
    profile,
    request,
)

AUTHENTICATION = {
    "no Authorization": (None, "not_authenticated"),
    "another key": ("Klaviyo-API-Key pk_other", "authentication_failed"),
    "another scheme": ("Bearer pk_test", "authentication_failed"),
    "no scheme": ("pk_test", "authentication_failed"),
}


@pytest.mark.parametrize(("given", "code"), AUTHENTICATION.values(), ids=AUTHENTICATION)
def test_a_missing_or_wrong_key_is_401(given: str | None, code: str) -> None:
    response = post(account(), "/api/events", event(), authorization=given)
    [error] = response.json()["errors"]
    assert (response.status, error["code"]) == (401, code)


def test_a_401_carries_no_rate_limit_headers() -> None:
    response = get(account(), "/api/accounts", authorization=None)
    assert dict(response.headers) == {"Content-Type": "application/vnd.api+json"}


def test_a_key_without_the_scope_of_the_operation_is_403() -> None:
    made = account(keys={"pk_test": {"profiles:write"}})
    assert post(made, "/api/events", event()).status == 403
    assert post(made, "/api/profile-import", {"data": profile()}).status == 201


@pytest.mark.parametrize("given", [None, "2025-01-15", "2027-01-15"])
def test_another_revision_or_none_is_400(given: str | None) -> None:
    assert post(account(), "/api/events", event(), revision=given).status == 400


def test_the_revision_can_be_another() -> None:
    made = account(policy={"revision": "2027-01-15"})
    assert post(made, "/api/events", event(), revision="2027-01-15").status == 202


CONTENT_TYPES = {
    "JSON:API": ({"content_type": "application/vnd.api+json"}, 202),
    "JSON": ({"content_type": "application/json"}, 202),
    "with a parameter": ({"content_type": "application/json; charset=utf-8"}, 202),
    "a form": ({"content_type": "application/x-www-form-urlencoded"}, 415),
    "none": ({"content_type": None}, 415),
    "compressed": ({"content_encoding": "gzip"}, 415),
}


@pytest.mark.parametrize(("headers", "status"), CONTENT_TYPES.values(), ids=CONTENT_TYPES)
def test_a_body_is_plain_json(headers: dict[str, str | None], status: int) -> None:
    assert post(account(), "/api/events", event(), **headers).status == status


def test_a_get_needs_no_content_type() -> None:
    assert get(account(), "/api/lists", content_type=None).status == 200


NOT_JSON = {
    "empty": b"",
    "cut off": b'{"data":',
    "NaN": b'{"data":NaN}',
    "not UTF-8": b'{"data":"\xff"}',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_a_body_that_is_no_json_is_400(body: bytes) -> None:
    response = answer(account(), Request.of("POST", "/api/events", HEADERS, body))
    assert (response.status, response.json()["errors"][0]["code"]) == (400, "parse_error")


SIZES = {
    "an event of 5 MB": ("/api/events", 5_000_000, 400),
    "an event of a byte more": ("/api/events", 5_000_001, 413),
    "a profile of 100 KB": ("/api/profile-import", 100_000, 400),
    "a profile of a byte more": ("/api/profile-import", 100_001, 413),
}


@pytest.mark.parametrize(("path", "size", "status"), SIZES.values(), ids=SIZES)
def test_too_large_a_body_is_413(path: str, size: int, status: int) -> None:
    body = b"{}".ljust(size)
    assert answer(account(), Request.of("POST", path, HEADERS, body)).status == status


PATHS = {
    "a trailing slash": ("GET", "/api/lists/", 200),
    "an unknown path": ("GET", "/api/campaigns", 404),
    "an unknown method": ("PUT", "/api/events", 405),
    "a GET where there is none": ("GET", "/api/profile-merge", 405),
}


@pytest.mark.parametrize(("method", "path", "status"), PATHS.values(), ids=PATHS)
def test_paths_and_methods(method: str, path: str, status: int) -> None:
    assert answer(account(), request(method, path)).status == status


def test_an_unknown_query_parameter_is_400() -> None:
    response = get(account(), "/api/lists?page%5Bnumber%5D=2")
    [error] = response.json()["errors"]
    assert (response.status, error["source"]) == (400, {"parameter": "page[number]"})


def test_a_parameter_that_klaviyo_knows_and_the_stand_in_does_not_is_501() -> None:
    assert get(account(), "/api/lists?sort=name").status == 501


def test_an_error_has_klaviyos_shape() -> None:
    [error] = post(account(), "/api/events", {}).json()["errors"]
    assert len(error.pop("id")) == 36
    assert error == {
        "status": 400,
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "'data' is a required field for the resource 'request-data'.",
        "source": {"pointer": "/data"},
        "links": {},
        "meta": {},
    }


def test_answers_carry_the_rate_limit_headers_that_were_recorded() -> None:
    response = post(account(limits="published"), "/api/profile-import", {"data": profile()})
    assert dict(response.headers) == {
        "Content-Type": "application/vnd.api+json",
        "RateLimit-Limit": "75, 75;w=1, 750;w=60",
        "RateLimit-Remaining": "74",
        "RateLimit-Reset": "0",
    }


def test_a_refused_request_changes_nothing_and_is_on_record() -> None:
    made: Account = account()
    response = post(made, "/api/events", event(time="yesterday"))
    assert problems(response) == [("Not a valid datetime.", "/data/attributes/time")]
    assert (made.events, len(made.profiles)) == ([], 0)
    assert [(each.endpoint, each.status) for each in made.requests] == [("create_event", 400)]


def test_a_retired_revision_is_gone() -> None:
    made = Account(policy=Policy(retired=frozenset({"2024-07-15"})))
    assert get(made, "/api/accounts", revision="2024-07-15").status == 410
