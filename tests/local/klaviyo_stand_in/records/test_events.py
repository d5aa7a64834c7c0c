"""Which events Klaviyo's stand-in records."""

from typing import Any

import pytest

from local.klaviyo_stand_in import EventRecord
from tests.local.klaviyo_stand_in.caller import (
    SteppedClock,
    account,
    entry,
    event,
    events_job,
    post,
    problems,
    profile,
    recorded,
)

Json = Any


def test_an_event_is_recorded_with_everything_it_came_with() -> None:
    made = account()
    document = event(
        properties={"Brand": "B"},
        time="2026-07-14T10:20:30.987+02:00",
        value=9.5,
        value_currency="USD",
        unique_id="m-1",
        backfill=True,
    )
    response = post(made, "/api/events", document)
    [ann] = made.profiles
    assert (response.status, response.body, ann.email) == (202, b"", "ann@shop.io")
    assert made.events == [
        EventRecord(
            profile_id=ann.id,
            metric="Viewed",
            unique_id="m-1",
            sent=1,
            time="2026-07-14T08:20:30+00:00",
            value=9.5,
            value_currency="USD",
            properties={"Brand": "B"},
            backfill=True,
        )
    ]


def test_an_accepted_event_carries_no_content_type() -> None:
    headers = post(account(), "/api/events", event()).headers
    assert "Content-Type" not in headers


def test_a_bulk_request_records_every_event_of_every_profile() -> None:
    made = account()
    document = events_job(
        entry(recorded(unique_id="1"), recorded(unique_id="2")),
        entry(recorded(unique_id="1"), person=profile(email="bob@shop.io"), backfill=True),
    )
    assert post(made, "/api/event-bulk-create-jobs", document).status == 202
    owners = {each.id: each.email for each in made.profiles}
    assert [(owners[each.profile_id], each.unique_id, each.backfill) for each in made.events] == [
        ("ann@shop.io", "1", False),
        ("ann@shop.io", "2", False),
        ("bob@shop.io", "1", True),
    ]


def metric(name: str) -> Json:
    return {"data": {"type": "metric", "attributes": {"name": name}}}


SECOND = {
    "the same": (event(unique_id="1", value=2), 1),
    "another unique_id": (event(unique_id="2"), 2),
    "another metric": (event(unique_id="1", metric=metric("Bought")), 2),
    "another profile": (event(profile(email="bob@shop.io"), unique_id="1"), 2),
}


@pytest.mark.parametrize(("second", "number"), SECOND.values(), ids=SECOND)
def test_only_the_first_of_a_profile_metric_and_unique_id_is_recorded(
    second: Json, number: int
) -> None:
    made = account()
    post(made, "/api/events", event(unique_id="1", value=1))
    assert post(made, "/api/events", second).status == 202
    assert (len(made.events), made.events_recorded, made.events_sent) == (number, number, 2)
    assert made.events[0].value == 1


def test_a_repeat_in_a_later_bulk_request_is_discarded_and_counted() -> None:
    made = account()
    for _ in range(3):
        post(made, "/api/event-bulk-create-jobs", events_job(entry(recorded(unique_id="1"))))
    assert [(each.unique_id, each.sent) for each in made.events] == [("1", 3)]


def test_without_a_unique_id_there_is_one_event_a_second() -> None:
    clock = SteppedClock()
    made = account(clock=clock)
    for seconds in (0, 0.5, 0.5):
        clock.step(seconds)
        post(made, "/api/events", event())
    assert [(each.time, each.sent) for each in made.events] == [
        ("2026-07-15T12:00:00+00:00", 2),
        ("2026-07-15T12:00:01+00:00", 1),
    ]


def test_an_event_updates_its_profile_and_null_clears_nothing() -> None:
    made = account()
    post(made, "/api/events", event(profile(first_name="Ann", title="Ms"), unique_id="1"))
    post(made, "/api/events", event(profile(first_name="Anna", title=None), unique_id="2"))
    assert [each.attributes for each in made.profiles] == [{"first_name": "Anna", "title": "Ms"}]


@pytest.mark.parametrize("endpoint", ["/api/events", "/api/event-bulk-create-jobs"])
def test_an_event_patches_properties_from_beside_the_profiles_attributes(endpoint: str) -> None:
    made = account()
    person = profile({"patch_properties": {"append": {"tags": "new"}}})
    is_bulk = endpoint != "/api/events"
    post(made, endpoint, events_job(entry(person=person)) if is_bulk else event(person))
    assert [each.properties for each in made.profiles] == [{"tags": ["new"]}]


def test_an_event_for_an_unknown_profile_id_is_404_where_it_stands() -> None:
    made = account()
    document = events_job(entry(), entry(person={**profile(), "id": "01NONE"}))
    response = post(made, "/api/event-bulk-create-jobs", document)
    assert (response.status, problems(response), made.events) == (
        404,
        [
            (
                "A profile with id 01NONE does not exist.",
                "/data/attributes/events-bulk-create/data/1/attributes/profile/data/id",
            )
        ],
        [],
    )


def test_a_single_event_for_an_unknown_profile_id_is_404() -> None:
    made = account()
    response = post(made, "/api/events", event({**profile(), "id": "01NONE"}))
    assert (response.status, problems(response), made.events) == (
        404,
        [("A profile with id 01NONE does not exist.", "/data/attributes/profile/data/id")],
        [],
    )


def test_example_addresses_can_be_accepted_and_dropped_as_klaviyo_does() -> None:
    made = account(policy={"drops_example_addresses": True})
    for address in ("ann@example.com", "bob@test.com", "eve@shop.io"):
        assert post(made, "/api/events", event(profile(email=address))).status == 202
    assert [each.email for each in made.profiles] == ["eve@shop.io"]
    assert made.events_recorded == 1


def test_keys_alone_can_be_kept_of_events() -> None:
    made = account(keep_events="ids")
    for _ in range(2):
        post(made, "/api/events", event(unique_id="1", properties={"a": 1}))
    [ann] = made.profiles
    assert made.events == [EventRecord(ann.id, "Viewed", "1", sent=2)]


def test_counts_alone_can_be_kept_of_events() -> None:
    made = account(keep_events="counts")
    for unique_id in ("1", "2", "1"):
        post(made, "/api/events", event(unique_id=unique_id))
    assert (made.events, made.events_sent, made.events_recorded) == ([], 3, 2)
