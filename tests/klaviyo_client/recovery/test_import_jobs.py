"""What an import job says once it has judged its profiles."""

from typing import Any

import pytest

from klaviyo_client.api.answers import next_page
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from klaviyo_client.recovery import import_jobs as imports
from operations import CheckImport, Identity, UpsertProfile
from tests.klaviyo_client.fakes import answer

CHECK = CheckImport(None, "01J", ("m0", None, "m2"))
PENDING = Retryable(RetryReason.IMPORT_PENDING, 60.0, 200)


def job(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile-bulk-import-job", "id": "01J", "attributes": attributes}}


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (job(status="queued"), PENDING),
        (job(status="processing", failed_count=1), PENDING),
        (job(status="complete", failed_count=0), Delivered()),
        (job(status="complete", failed_count=None), None),
        (job(status="complete"), None),
        (job(status="complete", failed_count=3), None),
        (
            job(status="cancelled"),
            Refused(200, "import_cancelled", "Klaviyo cancelled the import job"),
        ),
        (job(status="something new"), PENDING),
        ({"data": None}, PENDING),
        ({}, PENDING),
    ],
)
def test_a_jobs_state_says_what_becomes_of_its_check(
    document: Any, verdict: Outcome | None
) -> None:
    assert imports.verdict(answer(200, document)) == verdict


def test_the_job_id_is_in_the_answer_to_the_import() -> None:
    assert imports.job_id(answer(202, job())) == "01J"


@pytest.mark.parametrize(
    ("relationships", "found"),
    [
        (
            {"lists": {"data": [{"type": "list", "id": "L1"}, {"type": "list", "id": "L2"}]}},
            ("L1", "L2"),
        ),
        ({"lists": {"data": [{"type": "list"}, None, {"id": 4}]}}, ()),
        ({"lists": {"data": []}}, ()),
        ({"lists": {"links": {}}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_job_names_the_lists_that_its_profiles_join(
    relationships: Any, found: tuple[str, ...] | None
) -> None:
    document = {"data": {"relationships": relationships}}
    assert imports.list_ids(answer(200, document)) == found


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("https://a.klaviyo.com/api/x/?page%5Bcursor%5D=abc%3D", "?page%5Bcursor%5D=abc%3D"),
        ("https://elsewhere.example/?page[cursor]=b&x=1", "?page%5Bcursor%5D=b&x=1"),
        ("https://a.klaviyo.com/api/x/", None),
        ("http://[", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_of_the_link_to_the_next_page_only_the_query_is_taken(link: Any, query: str | None) -> None:
    assert next_page(answer(200, {"links": {"next": link}})) == query
    assert next_page(answer(200, {"links": None})) is None


PROFILE = {
    "email": "a@shop.example",
    "external_id": "7",
    "phone_number": "+15005550006",
    "first_name": "Ada",
    "location": {"city": "Rome"},
    "properties": {"plan": "pro"},
}
UPSERT = UpsertProfile(
    "m2",
    Identity("a@shop.example", "7", "+15005550006"),
    {"first_name": "Ada", "location": {"city": "Rome"}},
    {"plan": "pro"},
    {"phone": "+15005550006"},
)


@pytest.mark.parametrize(
    ("payload", "upsert"),
    [
        pytest.param(PROFILE, UPSERT, id="only the attributes"),
        pytest.param({"type": "profile", "attributes": PROFILE}, UPSERT, id="the profile"),
        pytest.param(
            {"data": {"type": "profile", "attributes": PROFILE}}, UPSERT, id="the whole body"
        ),
        pytest.param(
            {
                "type": "profile",
                "attributes": {"_kx": "k", "properties": {"a": 1}},
                "meta": {"patch_properties": {"unset": ["b", "c"]}},
            },
            UpsertProfile("m2", Identity(kx="k"), {}, {"a": 1}, unset=("b", "c")),
            id="what it was to unset",
        ),
        pytest.param(
            {
                "type": "profile",
                "attributes": {"_kx": "k"},
                "meta": {
                    "patch_properties": {
                        "append": {"tags": "new"},
                        "unappend": {"plans": ["old"]},
                        "unset": "c",
                    }
                },
            },
            UpsertProfile(
                "m2",
                Identity(kx="k"),
                append={"tags": "new"},
                unappend={"plans": ["old"]},
                unset=("c",),
            ),
            id="what it was to append and to take away",
        ),
        pytest.param(
            {"email": "a@shop.example", "title": None, "location": {"city": None, "zip": "1"}},
            UpsertProfile("m2", Identity(email="a@shop.example"), {"location": {"zip": "1"}}),
            id="nulls, which we never send in a job, clear nothing",
        ),
        pytest.param({"email": ["x"]}, UpsertProfile("m2", Identity()), id="no address"),
        pytest.param(None, UpsertProfile("m2", Identity()), id="nothing"),
        pytest.param("text", UpsertProfile("m2", Identity()), id="not an object"),
    ],
)
def test_a_refused_profile_becomes_the_upsert_that_would_repeat_it(
    payload: Any, upsert: UpsertProfile
) -> None:
    error = {
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "No such number.",
        "source": {"pointer": "/data/attributes/profiles/data/2/attributes/phone_number"},
        "original_payload": payload,
    }
    page = answer(200, {"data": [{"type": "import-error", "attributes": error}]})
    refused = Refused(200, "invalid", "No such number.", error["source"]["pointer"])
    assert imports.failures(page, CHECK) == [imports.Failure("#2", upsert, (refused,))]


@pytest.mark.parametrize(
    ("pointer", "message_id"),
    [
        ("/data/attributes/profiles/data/0/attributes", "m0"),
        ("/data/attributes/profiles/data/1/attributes", None),
        ("/data/attributes/profiles/data/2", "m2"),
        ("/data/attributes/profiles/data/3/attributes", None),
        ("/data", None),
        (None, None),
    ],
)
def test_the_pointer_leads_to_the_message(pointer: str | None, message_id: str | None) -> None:
    page = answer(200, {"data": [{"attributes": {"source": {"pointer": pointer}}}]})
    [failure] = imports.failures(page, CHECK)
    assert (failure.upsert.message_id, failure.further) == (message_id, ())


@pytest.mark.parametrize(
    ("merged", "further"),
    [({"0": ["m3", None]}, ("m3", None)), ({"2": ["m3"]}, ()), ({"0": "m3"}, ()), ({}, ())],
)
def test_what_was_merged_leads_to_each_of_its_messages(
    merged: dict[str, Any], further: tuple[str | None, ...]
) -> None:
    check = CheckImport(None, "01J", ("m0", "m1"), merged)
    pointer = "/data/attributes/profiles/data/0/attributes"
    page = answer(200, {"data": [{"attributes": {"source": {"pointer": pointer}}}]})
    [failure] = imports.failures(page, check)
    assert (failure.upsert.message_id, failure.further) == ("m0", further)


@pytest.mark.parametrize(
    ("times", "expected"),
    [((None, "2026-03-01T10:00:00Z"), "2026-03-01T10:00:00Z"), ((None, None), None), ((), None)],
)
def test_what_was_refused_is_as_old_as_its_message(
    times: tuple[str | None, ...], expected: str | None
) -> None:
    """Otherwise the form in which it is sent again would undo what was said since."""
    check = CheckImport(None, "01J", ("m0", "m1"), times=times)
    pointer = "/data/attributes/profiles/data/1/attributes"
    page = answer(200, {"data": [{"attributes": {"source": {"pointer": pointer}}}]})
    [failure] = imports.failures(page, check)
    assert failure.upsert.time == expected


@pytest.mark.parametrize("data", [None, {}, "x", 4])
def test_a_page_without_errors_has_no_failures(data: Any) -> None:
    assert imports.failures(answer(200, {"data": data}), CHECK) == []
