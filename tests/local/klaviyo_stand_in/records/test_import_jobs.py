"""Bulk import jobs of Klaviyo's stand-in."""

from typing import Any

from local.klaviyo_stand_in import Account, Weather
from tests.local.klaviyo_stand_in.caller import (
    SteppedClock,
    account,
    get,
    import_job,
    post,
    problems,
    profile,
    profile_without_email,
    upserted,
)

Json = Any

JOBS = "/api/profile-bulk-import-jobs"


def begin(made: Account, *profiles: Json, lists: tuple[str, ...] = ()) -> str:
    """The id of a job that was accepted."""
    response = post(made, JOBS, import_job(*profiles, lists=lists))
    assert response.status == 202
    job_id: str = response.json()["data"]["id"]
    return job_id


def state(made: Account, job_id: str) -> Json:
    return get(made, f"{JOBS}/{job_id}").json()["data"]["attributes"]


def errors(made: Account, job_id: str) -> list[Json]:
    found = get(made, f"{JOBS}/{job_id}/import-errors?page%5Bsize%5D=100").json()["data"]
    return [each["attributes"] for each in found]


def test_a_job_is_queued_then_processing_then_complete() -> None:
    clock = SteppedClock()
    made = account(clock=clock, policy={"import_seconds": 10})
    job_id = begin(made, profile(), profile(email="bob@shop.io"))
    seen = [state(made, job_id)["status"]]
    for seconds in (4, 1, 4, 1):
        clock.step(seconds)
        seen.append(state(made, job_id)["status"])
    assert seen == ["queued", "queued", "processing", "processing", "complete"]


def test_a_new_job_is_answered_as_klaviyo_does() -> None:
    made = account(policy={"import_seconds": 10})
    response = post(made, JOBS, import_job(profile(), lists=("SINGLE",)))
    data = response.json()["data"]
    link = f"https://a.klaviyo.com/api/profile-bulk-import-jobs/{data['id']}/"
    assert (response.status, data) == (
        202,
        {
            "type": "profile-bulk-import-job",
            "id": data["id"],
            "attributes": {
                "status": "queued",
                "created_at": "2026-07-15T12:00:00+00:00",
                "total_count": 1,
                "completed_count": 0,
                "failed_count": 0,
                "completed_at": None,
                "expires_at": "2026-07-22T12:00:00+00:00",
                "started_at": None,
            },
            "relationships": {
                "lists": {"data": [{"type": "list", "id": "SINGLE"}]},
                "import-errors": {"links": {"related": f"{link}import-errors/"}},
            },
            "links": {"self": link},
        },
    )


def test_a_complete_job_has_its_counts_and_times() -> None:
    clock = SteppedClock()
    made = account(clock=clock, policy={"import_seconds": 10})
    job_id = begin(made, profile(), profile(email="bob@shop.io", phone_number="+15555555555"))
    clock.step(60)
    assert state(made, job_id) == {
        "status": "complete",
        "created_at": "2026-07-15T12:00:00+00:00",
        "total_count": 2,
        "completed_count": 1,
        "failed_count": 1,
        "completed_at": "2026-07-15T12:00:10+00:00",
        "expires_at": "2026-07-22T12:00:00+00:00",
        "started_at": "2026-07-15T12:00:05+00:00",
    }


def test_profiles_are_there_only_when_the_job_is_complete() -> None:
    clock = SteppedClock()
    made = account(clock=clock, policy={"import_seconds": 10})
    begin(made, profile())
    assert len(made.profiles) == 0
    clock.step(10)
    assert len(made.profiles) == 1


def test_a_job_updates_known_profiles_and_null_clears_nothing() -> None:
    made = account()
    upserted(made, email="ann@shop.io", first_name="Ann", title="Ms", location={"city": "Bonn"})
    begin(made, profile(first_name="Anna", title=None, location=None, properties={"plan": "pro"}))
    [ann] = made.profiles
    assert (ann.attributes, ann.location, ann.properties) == (
        {"first_name": "Anna", "title": "Ms"},
        {"city": "Bonn"},
        {"plan": "pro"},
    )


def test_the_profiles_join_the_lists_and_no_consent_is_recorded() -> None:
    made = account()
    begin(made, profile(), profile(email="bob@shop.io"), lists=("SINGLE", "DOUBLE"))
    ids = {each.id for each in made.profiles}
    assert {name: each.members for name, each in made.lists.items()} == {
        "SINGLE": ids,
        "DOUBLE": ids,
    }
    assert [each.consents for each in made.profiles] == [{}, {}]


def test_an_unknown_list_is_404_and_nothing_is_imported() -> None:
    made = account()
    response = post(made, JOBS, import_job(profile(), lists=("SINGLE", "NONE")))
    assert (response.status, problems(response), len(made.profiles)) == (
        404,
        [("A list with id NONE does not exist.", "/data/relationships/lists/data/1/id")],
        0,
    )


def test_what_a_job_refuses_is_in_its_errors_alone() -> None:
    made = account()
    upserted(made, email="eve@shop.io")
    upserted(made, external_id="7")
    made.set_weather(Weather(refuse_items="import", times=1))
    refused = [
        profile(email="ann@shop.io", phone_number="+15555555555"),
        {**profile(email="dan@shop.io"), "id": "01NONE"},
        profile(email="eve@shop.io", external_id="7"),
        profile(email="fay@shop.io", properties={"poison": True}),
    ]
    job_id = begin(made, profile(email="bob@shop.io"), *refused)
    place = "/data/attributes/profiles/data"
    assert errors(made, job_id) == [
        {
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "Invalid phone number format (Example of a valid format: +12345678901)",
            "source": {"pointer": f"{place}/1/attributes/phone_number"},
            "original_payload": refused[0],
        },
        {
            "code": "not_found",
            "title": "Not found.",
            "detail": "Profile not found.",
            "source": {"pointer": f"{place}/2/id"},
            "original_payload": refused[1],
        },
        {
            "code": "duplicate_profile",
            "title": "Conflict.",
            "detail": "A profile already exists with one of these identifiers.",
            "source": {"pointer": f"{place}/3/attributes"},
            "original_payload": refused[2],
        },
        {
            "code": "invalid",
            "title": "Invalid input.",
            "detail": "Invalid input.",
            "source": {"pointer": f"{place}/4/attributes"},
            "original_payload": refused[3],
        },
    ]
    assert {each.email for each in made.profiles} == {"bob@shop.io", "eve@shop.io", None}


def test_a_phone_number_in_another_region_is_an_error_of_the_job() -> None:
    made = account(policy={"sms_regions": frozenset({"DK"})})
    job_id = begin(made, profile(phone_number="+14155550100"))
    assert [error["detail"] for error in errors(made, job_id)] == [
        "Phone number is valid but is not in a supported region for this account."
    ]


def test_errors_come_in_pages_with_a_link_to_the_next() -> None:
    made = account()
    bad = [
        profile_without_email(external_id=str(number), phone_number="+15555555555")
        for number in range(45)
    ]
    job_id = begin(made, *bad)
    target, seen = f"{JOBS}/{job_id}/import-errors?page%5Bsize%5D=20", []
    while target:
        document = get(made, target).json()
        seen.append(
            [
                each["attributes"]["original_payload"]["attributes"]["external_id"]
                for each in document["data"]
            ]
        )
        target = (document["links"]["next"] or "").removeprefix("https://a.klaviyo.com")
    assert seen == [
        [str(number) for number in range(20)],
        [str(number) for number in range(20, 40)],
        [str(number) for number in range(40, 45)],
    ]


def test_errors_come_twenty_on_a_page_unless_asked_otherwise() -> None:
    made = account()
    bad = profile_without_email(external_id="7", phone_number="+15555555555")
    path = f"{JOBS}/{begin(made, *[bad] * 101)}/import-errors"
    sizes = [len(get(made, path + query).json()["data"]) for query in ("", "?page%5Bsize%5D=100")]
    assert sizes == [20, 100]
    assert get(made, f"{path}?page%5Bsize%5D=101").status == 400


def test_a_job_at_work_says_when_it_began() -> None:
    clock = SteppedClock()
    made = account(clock=clock, policy={"import_seconds": 10})
    job_id = begin(made, profile())
    clock.step(5)
    attributes = state(made, job_id)
    assert (attributes["started_at"], attributes["completed_count"]) == (
        "2026-07-15T12:00:05+00:00",
        0,
    )


def test_a_job_can_be_asked_for_with_its_lists() -> None:
    made = account()
    job_id = begin(made, profile(), lists=("SINGLE", "DOUBLE"))
    query = "?include=lists&fields%5Blist%5D=name"
    document = get(made, f"{JOBS}/{job_id}{query}").json()
    assert [(each["id"], each["attributes"]) for each in document["included"]] == [
        ("SINGLE", {"name": "Newsletter"}),
        ("DOUBLE", {"name": "Offers"}),
    ]


def test_what_a_job_has_not_cannot_be_included() -> None:
    made = account()
    response = get(made, f"{JOBS}/{begin(made, profile())}?include=profiles")
    [error] = response.json()["errors"]
    assert (response.status, error["source"]) == (400, {"parameter": "include"})


def test_an_unknown_job_is_404() -> None:
    made = account()
    assert get(made, f"{JOBS}/none").status == 404
    assert get(made, f"{JOBS}/none/import-errors").status == 404


def test_a_job_can_be_asked_about_for_a_week() -> None:
    clock = SteppedClock()
    made = account(clock=clock)
    job_id = begin(made, profile())
    clock.step(7 * 24 * 60 * 60)
    assert get(made, f"{JOBS}/{job_id}").status == 200
    clock.step(1)
    assert get(made, f"{JOBS}/{job_id}").status == 404
