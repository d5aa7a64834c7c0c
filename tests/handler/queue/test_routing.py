"""Where an operation goes after a delivery."""

import pytest
from msgspec.structs import replace

from handler.queue.envelope import Entry
from handler.queue.routing import Routing, due, full_requests, route, stamped, wait_left
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from klaviyo_client.results import Delivery, Result
from operations import CheckImport, CreateEvent, Identity, Operation, Unsubscribe, UpsertProfile

NOW = 1_000_000.0
DAY = 86_400
IDENTITY = Identity(email="a@shop.example")
EVENT = CreateEvent("m-1", IDENTITY, "Item Added", "u-1")
UPSERT = UpsertProfile("m-2", IDENTITY)
REFUSED = Refused(400, "invalid", "Invalid input.", "/data/attributes/email")


def settled(entry: Entry, outcome: Outcome) -> Routing:
    assert entry.operation is not None
    delivery = Delivery((Result(entry.operation, outcome),))
    return route([entry], delivery, now=NOW, retry_seconds=DAY, chance=0.0)


def waiting(attempts: int, first: float, delay: int) -> Routing:
    entry = Entry(EVENT, attempts=attempts, first_failed_at=first, not_before=NOW + delay)
    return Routing({delay: [entry]}, [])


@pytest.mark.parametrize(
    ("entry", "outcome", "expected"),
    [
        pytest.param(Entry(EVENT), Delivered(), Routing({}, []), id="delivered: done"),
        pytest.param(
            Entry(EVENT),
            Retryable(RetryReason.UNAVAILABLE),
            waiting(1, NOW, 2),
            id="first failure: it waits, and the day begins",
        ),
        pytest.param(
            Entry(EVENT, attempts=3, first_failed_at=NOW - 60),
            Retryable(RetryReason.UNAVAILABLE),
            waiting(4, NOW - 60, 20),
            id="further failure: it waits longer",
        ),
        pytest.param(
            Entry(EVENT, attempts=3, first_failed_at=NOW - 60),
            Retryable(RetryReason.CIRCUIT_OPEN, 7.0, tried=False),
            waiting(3, NOW - 60, 7),
            id="never sent: no attempt is counted",
        ),
        pytest.param(
            Entry(EVENT),
            Retryable(RetryReason.THROTTLED, 30.0, 429),
            waiting(1, NOW, 30),
            id="throttled: as long as Klaviyo says",
        ),
        pytest.param(
            Entry(EVENT, attempts=90, first_failed_at=NOW - DAY),
            Retryable(RetryReason.TIMEOUT),
            Routing({}, [Entry(EVENT, reason={"code": "retries_exhausted", "last": "timeout"})]),
            id="failing for a day: dead",
        ),
        pytest.param(
            Entry(EVENT, attempts=90, first_failed_at=NOW - DAY),
            Retryable(RetryReason.UNAUTHORIZED, status=401),
            Routing(
                {},
                [
                    Entry(
                        EVENT,
                        reason={
                            "code": "retries_exhausted",
                            "last": "unauthorized",
                            "status": 401,
                        },
                    )
                ],
            ),
            id="failing for a day with an answer: dead, with its status",
        ),
        pytest.param(
            Entry(EVENT, attempts=2, first_failed_at=NOW - 60),
            REFUSED,
            Routing(
                {},
                [
                    Entry(
                        EVENT,
                        reason={
                            "code": "refused",
                            "status": 400,
                            "klaviyo_code": "invalid",
                            "detail": "Invalid input.",
                            "pointer": "/data/attributes/email",
                        },
                    )
                ],
            ),
            id="refused: dead at once, with Klaviyo's reason",
        ),
    ],
)
def test_each_outcome_has_one_place(entry: Entry, outcome: Outcome, expected: Routing) -> None:
    assert settled(entry, outcome) == expected


LEAVES = Unsubscribe("m-3", "a@shop.example", "L1")
LEAVES_ALL = Unsubscribe("m-3", "a@shop.example", None)


@pytest.mark.parametrize(
    ("operation", "may_be_sent", "asked", "expected"),
    [
        (LEAVES, True, 4.0, 1_800),
        (LEAVES, True, None, 1_800),
        (LEAVES, True, 2_000.0, 2_000),
        (LEAVES, False, 4.0, 4),
        (LEAVES_ALL, True, 4.0, 4),
        (EVENT, True, 4.0, 4),
    ],
)
def test_a_list_unsubscription_that_may_be_sent_waits_long_whatever_it_has_met(
    operation: Operation, may_be_sent: bool, asked: float | None, expected: int
) -> None:
    entry = Entry(operation, attempts=1, may_be_sent=may_be_sent)
    outcome = Retryable(RetryReason.OUT_OF_TIME, asked, tried=False)
    assert list(settled(entry, outcome).waiting) == [expected]


def test_what_failed_together_travels_together() -> None:
    failed = Retryable(RetryReason.UNAVAILABLE)
    delivery = Delivery((Result(UPSERT, failed), Result(EVENT, failed)))
    routing = route([Entry(UPSERT), Entry(EVENT)], delivery, now=NOW, retry_seconds=DAY, chance=0.9)
    assert [[entry.operation for entry in group] for group in routing.waiting.values()] == [
        [UPSERT, EVENT]
    ]


def test_an_import_job_is_looked_at_after_a_minute() -> None:
    check = CheckImport(None, "job-1", ("m-2",))
    delivery = Delivery((), follow_ups=(check,))
    assert route([], delivery, now=NOW, retry_seconds=DAY, chance=0.0) == Routing(
        {60: [Entry(check)]}, []
    )


def test_a_profile_that_an_import_job_refused_is_a_dead_letter() -> None:
    delivery = Delivery((), import_failures=(Result(UPSERT, REFUSED),))
    [entry] = route([], delivery, now=NOW, retry_seconds=DAY, chance=0.0).dead
    assert (entry.operation, (entry.reason or {})["code"]) == (UPSERT, "refused")


def test_an_event_without_a_time_gets_that_of_its_arrival_before_it_waits() -> None:
    timed = CreateEvent("m-3", IDENTITY, "Item Added", "u-3", time="2026-01-01T00:00:00Z")
    operations = [
        entry.operation for entry in stamped([Entry(EVENT), Entry(timed), Entry(UPSERT)], NOW)
    ]
    assert operations == [
        CreateEvent("m-1", IDENTITY, "Item Added", "u-1", time="1970-01-12T13:46:40Z"),
        timed,
        UPSERT,
    ]


@pytest.mark.parametrize(
    ("number", "now"), [(1, 1), (999, 999), (1000, 1000), (1001, 1000), (3500, 3000), (0, 0)]
)
def test_of_more_events_than_fill_a_bulk_job_the_last_few_wait_for_others(
    number: int, now: int
) -> None:
    events = [Entry(replace(EVENT, unique_id=f"u-{each}")) for each in range(number)]
    upserts = [Entry(UPSERT)] * 7
    assert full_requests([*upserts, *events]) == ([*upserts, *events[:now]], events[now:])


@pytest.mark.parametrize(
    ("not_before", "is_due", "left"),
    [(None, True, 1), (NOW - 5, True, 1), (NOW + 0.5, True, 1), (NOW + 1800.2, False, 1801)],
)
def test_an_entry_waits_for_its_time(not_before: float | None, is_due: bool, left: int) -> None:
    entry = Entry(EVENT, not_before=not_before)
    assert (due(entry, NOW), wait_left(entry, NOW)) == (is_due, left)
