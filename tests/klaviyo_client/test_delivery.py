"""What becomes of each operation, whatever Klaviyo answers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import (
    UNTRIED,
    Delivered,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
)
from klaviyo_client.results import Delivery, Result
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from tests.klaviyo_client.fakes import (
    BULK_EVENTS,
    EVENTS,
    IMPORT,
    PROFILES,
    SUBSCRIBE,
    UPSERT,
    UPSERT_WITH_CONSENTS,
    Clock,
    Sent,
    answer,
    deliver,
    error,
    event,
    klaviyo_accepts,
    profile_id,
    refusal,
    scripted,
    upsert,
)

Script = Callable[[Sent], Answer | Retryable]

DOWN = answer(503)
UNAVAILABLE = Retryable(RetryReason.UNAVAILABLE, None, 503)
WAITS = Retryable(RetryReason.WAITS_FOR_PROFILE, None, 503)
INVALID = Refused(400, "invalid", "Invalid input.")
LIST_MISSING = error("/data/relationships/lists/data/0/id", "A list with id L1 does not exist.")


def outcomes(delivery: Delivery) -> list[Outcome]:
    return [result.outcome for result in delivery.results]


def delivered(n: int) -> Delivered:
    """Of a single upsert, whose answer names the profile."""
    return Delivered(f"ID-p{n}@shop.example")


def at(path: str, reply: Answer | Retryable) -> Script:
    """This answer at one path, and consent everywhere else."""
    return lambda request: reply if request.path == path else klaviyo_accepts(request)


# Every operation


def test_nothing_to_do_costs_nothing() -> None:
    klaviyo, _ = scripted(klaviyo_accepts)
    assert deliver(klaviyo) == Delivery(())


def test_results_stand_in_the_order_of_the_operations() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    operations: list[Operation] = [
        event(0),
        Subscribe("m1", "p1@shop.example", "L1"),
        upsert(1),
        AddToList("m2", Identity(email="p2@shop.example"), "L1"),
        CreateEvent("m3", Identity(external_id="7"), "Viewed", "u"),
    ]
    delivery = deliver(klaviyo, *operations)
    joined = AddToList("m2", Identity(email="p2@shop.example"), "L1", "ID-p2@shop.example")
    assert delivery == Delivery(
        results=(
            Result(operations[0], Delivered()),
            Result(operations[1], Delivered()),
            Result(operations[2], delivered(1)),
            Result(joined, Delivered()),
            Result(operations[4], Delivered()),
        ),
        requests=6,
    )
    assert Counter(transport.paths) == {
        UPSERT: 1,
        UPSERT_WITH_CONSENTS: 1,
        EVENTS: 2,
        SUBSCRIBE: 1,
        "/api/lists/L1/relationships/profiles": 1,
    }


@pytest.mark.parametrize(
    "consent",
    [
        Subscribe("m1", "p1@shop.example", "L1", sent_at=1764000000.0),
        Unsubscribe("m1", "p1@shop.example", None, sent_at=1764000000.0),
    ],
)
def test_a_consent_that_was_sent_and_awaits_its_record_is_done_where_there_are_no_records(
    consent: Operation,
) -> None:
    klaviyo, _ = scripted(klaviyo_accepts)
    results = (Result(consent, Delivered()), Result(event(0), Delivered()))
    assert deliver(klaviyo, consent, event(0)) == Delivery(results, requests=1)


def test_upserts_come_before_everything_else() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    deliver(klaviyo, event(0), Subscribe("m", "p0@shop.example", "L1"), upsert(0))
    assert transport.paths[0] == UPSERT_WITH_CONSENTS


PLANNED = [upsert(n) for n in range(7)]


@pytest.mark.parametrize(
    "delivered",
    [
        PLANNED,
        PLANNED[:6],
        [*PLANNED[:6], upsert(9)],
        [*PLANNED[:6], replace(PLANNED[6], properties={"plan": "new"})],
        [*PLANNED, event()],
        [],
    ],
)
def test_what_was_planned_ahead_is_sent_only_if_it_is_what_is_delivered(
    delivered: list[Operation],
) -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    usual, expected = scripted(klaviyo_accepts)
    klaviyo.plan(PLANNED)
    for _ in range(2):  # a plan is for one delivery
        assert deliver(klaviyo, *delivered).results == deliver(usual, *delivered).results
    assert transport.sent == expected.sent


def test_without_time_nothing_is_sent_and_everything_is_untried() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    delivery = deliver(klaviyo, event(0), upsert(0), seconds=0.0)
    assert outcomes(delivery) == [UNTRIED, UNTRIED]
    assert transport.sent == []


def upserts_by_the_second(clock: Clock) -> Script:
    """Takes 75 upserts a second, and says how many more."""
    seconds: Counter[int] = Counter()

    def script(request: Sent) -> Answer:
        if request.path != UPSERT:
            return klaviyo_accepts(request)
        seconds[int(clock.now)] += 1
        assert seconds[int(clock.now)] <= 75
        found = {"data": {"type": "profile", "id": profile_id(request)}}
        return answer(201, found, RateLimit_Remaining=str(75 - seconds[int(clock.now)]))

    return script


def clearing(number: int) -> list[UpsertProfile]:
    """Upserts that have to go singly."""
    return [upsert(n, attributes={"title": None}) for n in range(number)]


def test_upserts_that_have_no_room_leave_half_of_the_time_to_the_rest() -> None:
    clock = Clock()
    klaviyo, _ = scripted(upserts_by_the_second(clock), clock=clock, sleep=clock.sleep)
    found = outcomes(deliver(klaviyo, *clearing(500), event(0), seconds=5.0))
    assert found.pop() == Delivered()
    number = len(found) - found.count(UNTRIED)
    assert found == [*(delivered(n) for n in range(number)), *[UNTRIED] * (500 - number)]
    assert 150 <= number <= 225


def test_upserts_alone_have_all_the_time() -> None:
    clock = Clock()
    klaviyo, _ = scripted(upserts_by_the_second(clock), clock=clock, sleep=clock.sleep)
    found = outcomes(deliver(klaviyo, *clearing(500), seconds=10.0))
    assert found == [delivered(n) for n in range(500)]


def test_after_the_deadline_nothing_more_is_written() -> None:
    """What cannot be written would be noticed."""
    clock = Clock()

    def script(request: Sent) -> Answer:
        clock.sleep(60.0)
        return klaviyo_accepts(request)

    klaviyo, _ = scripted(script, clock=clock)
    broken = event(1, properties={"x": object()})
    assert outcomes(deliver(klaviyo, upsert(0), broken, seconds=60.0)) == [delivered(0), UNTRIED]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (DOWN, UNAVAILABLE),
        (answer(503, Retry_After="9"), Retryable(RetryReason.UNAVAILABLE, 9.0, 503)),
        (answer(429, Retry_After="9"), Retryable(RetryReason.THROTTLED, 9.0, 429)),
        (answer(401), Retryable(RetryReason.UNAUTHORIZED, None, 401)),
        (answer(403), Retryable(RetryReason.FORBIDDEN, None, 403)),
        (Retryable(RetryReason.TIMEOUT), Retryable(RetryReason.TIMEOUT)),
        (answer(410), Retryable(RetryReason.UNEXPECTED_ANSWER, None, 410)),
        (answer(415), Retryable(RetryReason.UNEXPECTED_ANSWER, None, 415)),
    ],
)
@pytest.mark.parametrize("number", [1, 30])
def test_what_is_about_the_request_is_about_each_of_its_operations(
    reply: Answer | Retryable, outcome: Outcome, number: int
) -> None:
    klaviyo, transport = scripted(lambda request: reply)
    delivery = deliver(klaviyo, *(event(n) for n in range(number)))
    assert outcomes(delivery) == [outcome] * number
    assert len(transport.sent) == 1


def test_an_operation_that_is_no_json_costs_no_other() -> None:
    klaviyo, _ = scripted(klaviyo_accepts)
    broken = event(1, properties={"x": object()})
    odd = upsert(2, properties="text")
    delivery = deliver(klaviyo, event(0), broken, odd, *(upsert(n) for n in range(3, 10)))
    unwritable = Refused(0, "not_serialisable", "the operation cannot be written as JSON")
    assert outcomes(delivery) == [Delivered(), unwritable, unwritable, *[Delivered()] * 7]


# What depends on a profile


def test_a_subscription_waits_for_its_profile_and_events_go_on() -> None:
    klaviyo, transport = scripted(at(UPSERT_WITH_CONSENTS, DOWN))
    delivery = deliver(
        klaviyo,
        upsert(0, identity=Identity("P0@shop.example", "7")),
        Subscribe("m0", "p0@shop.example", "L1"),
        Subscribe("m1", "p1@shop.example", "L1"),
        event(0),
    )
    assert outcomes(delivery) == [UNAVAILABLE, WAITS, Delivered(), Delivered()]
    assert [path for path in transport.paths if not path.startswith(PROFILES)] == [
        UPSERT_WITH_CONSENTS,
        EVENTS,
        SUBSCRIBE,
    ]


def test_a_list_step_waits_for_its_profile() -> None:
    klaviyo, _ = scripted(at(UPSERT, answer(429, Retry_After="9")))
    delivery = deliver(klaviyo, upsert(0), AddToList("m0", upsert(0).identity, "L1"))
    assert outcomes(delivery) == [
        Retryable(RetryReason.THROTTLED, 9.0, 429),
        Retryable(RetryReason.WAITS_FOR_PROFILE, 9.0, 429),
    ]


def test_a_list_step_that_fails_comes_again_alone_with_the_profile_id() -> None:
    klaviyo, _ = scripted(at("/api/lists/L1/relationships/profiles", DOWN))
    delivery = deliver(klaviyo, upsert(0), AddToList("m0", upsert(0).identity, "L1"))
    assert delivery.results == (
        Result(upsert(0), delivered(0)),
        Result(AddToList("m0", upsert(0).identity, "L1", "ID-p0@shop.example"), UNAVAILABLE),
    )


def test_a_subscription_goes_on_when_its_profile_was_refused() -> None:
    klaviyo, _ = scripted(at(UPSERT_WITH_CONSENTS, refusal(400, error())))
    delivery = deliver(klaviyo, upsert(0), Subscribe("m0", "p0@shop.example", "L1"))
    assert outcomes(delivery) == [INVALID, Delivered()]


def test_a_list_step_goes_on_when_its_profile_was_refused() -> None:
    def script(request: Sent) -> Answer:
        if request.path == UPSERT and "title" in request.body["data"]["attributes"]:
            return refusal(400, error())
        return klaviyo_accepts(request)

    klaviyo, _ = scripted(script)
    poison = upsert(0, attributes={"title": "x"})
    delivery = deliver(klaviyo, poison, AddToList("m0", poison.identity, "L1"))
    assert outcomes(delivery) == [INVALID, Delivered()]


def test_an_upsert_whose_answer_names_no_profile_comes_again_with_its_list_step() -> None:
    klaviyo, _ = scripted(at(UPSERT, answer(200, {})))
    delivery = deliver(klaviyo, upsert(0), AddToList("m0", upsert(0).identity, "L1"))
    assert outcomes(delivery) == [
        Retryable(RetryReason.UNEXPECTED_ANSWER, None, 200),
        Retryable(RetryReason.WAITS_FOR_PROFILE, None, 200),
    ]


# Order


def test_a_later_contradicting_upsert_follows_the_earlier_one() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    first = upsert(0, identity=Identity("old@shop.example", "7"))
    second = upsert(1, identity=Identity("new@shop.example", "7"))
    deliver(klaviyo, first, second)
    assert [request.body["data"]["attributes"]["email"] for request in transport.sent] == [
        "old@shop.example",
        "new@shop.example",
    ]


def test_an_upsert_that_must_come_again_holds_back_later_ones_of_its_person() -> None:
    def script(request: Sent) -> Answer:
        attributes = request.body["data"]["attributes"]
        return DOWN if attributes["email"] == "1@x.io" else klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    delivery = deliver(
        klaviyo,
        upsert(identity=Identity("1@x.io", "7")),
        upsert(identity=Identity("2@x.io", "7")),
        upsert(identity=Identity("2@x.io", "8")),
        AddToList("m", Identity("2@x.io", "9"), "L1"),
        upsert(identity=Identity("other@x.io", "10")),
        Subscribe("m", "2@x.io", "L1"),
    )
    assert outcomes(delivery) == [
        UNAVAILABLE,
        WAITS,
        WAITS,
        WAITS,
        Delivered("ID-other@x.io"),
        WAITS,
    ]
    assert len(transport.sent) == 2


def test_an_upsert_that_was_refused_holds_back_nothing() -> None:
    def script(request: Sent) -> Answer:
        attributes = request.body["data"]["attributes"]
        return (
            refusal(400, error()) if attributes["email"] == "1@x.io" else klaviyo_accepts(request)
        )

    klaviyo, _ = scripted(script)
    delivery = deliver(
        klaviyo,
        upsert(identity=Identity("1@x.io", "7")),
        upsert(identity=Identity("2@x.io", "7")),
    )
    assert outcomes(delivery) == [INVALID, Delivered("ID-2@x.io")]


def refuses_poison(request: Sent) -> Answer:
    """Single upserts with a property `poison` are refused."""
    properties = request.body["data"]["attributes"].get("properties", {})
    return refusal(400, error()) if "poison" in properties else klaviyo_accepts(request)


def test_merged_upserts_are_taken_apart_in_order_when_they_are_refused() -> None:
    klaviyo, transport = scripted(refuses_poison)
    properties = [{"a": 1}, {"b": 1}, {"poison": 1}, {"d": 1}]
    delivery = deliver(klaviyo, *(upsert(0, properties=each) for each in properties))
    assert outcomes(delivery) == [delivered(0), delivered(0), INVALID, delivered(0)]
    assert [request.body["data"]["attributes"]["properties"] for request in transport.sent] == [
        {"a": 1, "b": 1, "poison": 1, "d": 1},
        {"a": 1, "b": 1},
        {"poison": 1, "d": 1},
        {"poison": 1},
        {"d": 1},
    ]


def test_parts_of_a_merged_upsert_do_not_overtake_one_that_must_come_again() -> None:
    replies = iter([refusal(400, error()), DOWN])
    klaviyo, transport = scripted(lambda request: next(replies))
    identity = upsert(0).identity
    delivery = deliver(klaviyo, upsert(0), upsert(0), AddToList("m", identity, "L1"))
    assert outcomes(delivery) == [UNAVAILABLE, WAITS, WAITS]
    assert len(transport.sent) == 2


def test_in_bulk_a_merged_upsert_that_is_refused_is_taken_apart_too() -> None:
    def script(request: Sent) -> Answer:
        if request.path != IMPORT:
            return refuses_poison(request)
        for number, profile in enumerate(request.profiles):
            if "poison" in profile.get("properties", {}):
                return refusal(400, error(f"/data/attributes/profiles/data/{number}/attributes"))
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    delivery = deliver(
        klaviyo,
        *(upsert(n) for n in range(6)),
        upsert(0, properties={"poison": 1}),
        upsert(1, properties={"b": 1}),
    )
    assert outcomes(delivery)[0] == delivered(0)
    assert outcomes(delivery)[6] == INVALID
    assert outcomes(delivery)[1:6] == [Delivered()] * 5
    assert Counter(transport.paths) == {IMPORT: 2, UPSERT: 2}


# Repeats


def test_a_repeated_event_is_sent_once_and_both_are_delivered() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    delivery = deliver(klaviyo, event(0), event(0, message_id="again"))
    assert outcomes(delivery) == [Delivered(), Delivered()]
    assert len(transport.sent) == 1


def test_of_repeats_that_say_different_things_a_refused_one_gives_way_to_the_next() -> None:
    klaviyo, transport = scripted(refuses_poison)
    delivery = deliver(
        klaviyo,
        event(0, properties={"poison": 1}),
        event(0, properties={"poison": 1}, message_id="again"),
        event(0, properties={"good": 1}),
    )
    assert outcomes(delivery) == [INVALID, INVALID, Delivered()]
    assert len(transport.sent) == 2


# A bulk request that is refused


def poisoned(number: int, *poison: int) -> list[Operation]:
    return [event(n, properties={"poison": True} if n in poison else {}) for n in range(number)]


def is_poison(entry: Any) -> bool:
    return "poison" in entry["attributes"]["events"]["data"][0]["attributes"]["properties"]


def refuses(name_all: bool, named: bool = True) -> Script:
    """Refuses bulk events with poison, and names all of it, the first of it, or none."""

    def script(request: Sent) -> Answer:
        entries = request.body["data"]["attributes"]["events-bulk-create"]["data"]
        errors = [
            error(f"/data/attributes/events-bulk-create/data/{n}/attributes" if named else None)
            for n, entry in enumerate(entries)
            if is_poison(entry)
        ]
        if not errors:
            return answer(202)
        return refusal(400, *(errors if name_all else errors[:1]))

    return script


def pointed(number: int) -> Refused:
    pointer = f"/data/attributes/events-bulk-create/data/{number}/attributes"
    return Refused(400, "invalid", "Invalid input.", pointer)


def test_items_that_are_named_are_refused_and_the_others_sent_again_once() -> None:
    klaviyo, transport = scripted(refuses(name_all=True))
    delivery = deliver(klaviyo, *poisoned(100, 3, 99))
    found = outcomes(delivery)
    assert (found.pop(99), found.pop(3)) == (pointed(99), pointed(3))
    assert found == [Delivered()] * 98
    assert transport.paths == [BULK_EVENTS] * 2


def test_items_that_are_named_one_at_a_time_take_a_request_each() -> None:
    klaviyo, transport = scripted(refuses(name_all=False))
    delivery = deliver(klaviyo, *poisoned(100, 3, 50, 99))
    assert Counter(map(type, outcomes(delivery))) == {Delivered: 97, Refused: 3}
    assert len(transport.sent) == 4


@pytest.mark.parametrize(
    ("poison", "most"),
    [
        pytest.param((0,), 21, id="the first"),
        pytest.param((777,), 21, id="one"),
        pytest.param((999,), 21, id="the last"),
        pytest.param((0, 999), 39, id="one in each half"),
        pytest.param((100, 101, 102), 27, id="three neighbours"),
        pytest.param(tuple(range(0, 1000, 100)), 151, id="ten, spread"),
    ],
)
def test_without_names_halving_finds_the_culprits_in_few_requests(
    poison: tuple[int, ...], most: int
) -> None:
    klaviyo, transport = scripted(refuses(name_all=True, named=False))
    delivery = deliver(klaviyo, *poisoned(1000, *poison))
    refused = [n for n, found in enumerate(outcomes(delivery)) if found == INVALID]
    assert refused == list(poison)
    assert outcomes(delivery).count(Delivered()) == 1000 - len(poison)
    assert len(transport.sent) <= most


@pytest.mark.parametrize(
    "pointer",
    [
        "/data/attributes/events-bulk-create/data/5000/attributes",
        "/data/attributes/events-bulk-create/data/-1/attributes",
        "/data/attributes/events-bulk-create/data/x",
    ],
)
def test_a_pointer_that_leads_nowhere_is_no_pointer(pointer: str) -> None:
    def script(request: Sent) -> Answer:
        entries = request.body["data"]["attributes"]["events-bulk-create"]["data"]
        return refusal(400, error(pointer)) if any(map(is_poison, entries)) else answer(202)

    klaviyo, _ = scripted(script)
    found = outcomes(deliver(klaviyo, *poisoned(40, 7)))
    assert found.pop(7) == Refused(400, "invalid", "Invalid input.", pointer)
    assert found == [Delivered()] * 39


def test_too_large_a_body_is_halved() -> None:
    def script(request: Sent) -> Answer:
        return answer(413 if len(request.unique_ids) > 10 else 202)

    klaviyo, transport = scripted(script)
    assert outcomes(deliver(klaviyo, *poisoned(40))) == [Delivered()] * 40
    assert len(transport.sent) == 7


def test_a_wrong_parameter_is_no_items_fault() -> None:
    wrong = {"code": "invalid", "detail": "No.", "source": {"parameter": "id"}}
    klaviyo, transport = scripted(lambda request: refusal(400, wrong))
    assert outcomes(deliver(klaviyo, *poisoned(40))) == [Refused(400, "invalid", "No.")] * 40
    assert len(transport.sent) == 1


# Another form


def refuses_phones(request: Sent) -> Answer:
    if request.path == IMPORT:
        for number, profile in enumerate(request.profiles):
            if "phone_number" in profile:
                pointer = f"/data/attributes/profiles/data/{number}/attributes/phone_number"
                return refusal(400, error(pointer))
    elif "+1" in str(request.body):
        return refusal(400, error("/data/attributes/phone_number"))
    return klaviyo_accepts(request)


def with_phone(n: int) -> UpsertProfile:
    identity = Identity(f"p{n}@shop.example", None, f"+1500555000{n}")
    return upsert(n, identity=identity, phone_as_sent={"Phone": "555 0006"})


def without_phone(n: int) -> UpsertProfile:
    return upsert(n, properties={"Phone": "555 0006"})


def test_a_refused_phone_number_becomes_a_custom_property() -> None:
    klaviyo, transport = scripted(refuses_phones)
    delivery = deliver(klaviyo, with_phone(0))
    assert delivery.results == (Result(without_phone(0), delivered(0)),)
    assert transport.sent[1].body["data"]["attributes"] == {
        "email": "p0@shop.example",
        "properties": {"Phone": "555 0006"},
    }


def test_in_bulk_too_and_it_stays_in_the_bulk_request() -> None:
    klaviyo, transport = scripted(refuses_phones)
    delivery = deliver(klaviyo, with_phone(0), *(upsert(n) for n in range(1, 6)), with_phone(6))
    assert outcomes(delivery) == [Delivered()] * 7
    assert delivery.results[6].operation == without_phone(6)
    assert transport.paths == [IMPORT] * 3
    assert [profile["email"] for profile in transport.sent[2].profiles] == [
        f"p{n}@shop.example" for n in range(7)
    ]


def test_an_event_leaves_a_refused_phone_number_out() -> None:
    klaviyo, _ = scripted(refuses_phones)
    delivery = deliver(klaviyo, event(0, identity=with_phone(0).identity))
    assert delivery.results == (Result(event(0), Delivered()),)


def conflicts(request: Sent) -> Answer:
    """Everybody's e-mail address and external id belong to two profiles."""
    both = {"email", "external_id"}
    conflict = error("/data/attributes", "A profile already exists.", "duplicate_profile")
    attributes = request.body["data"]["attributes"]
    if request.path == IMPORT:
        return refusal(409, conflict) if both <= set(request.profiles[0]) else answer(202)
    return refusal(409, conflict) if both <= set(attributes) else klaviyo_accepts(request)


def test_identifiers_of_two_profiles_are_sent_again_as_the_e_mail_alone() -> None:
    klaviyo, transport = scripted(conflicts)
    delivery = deliver(klaviyo, upsert(0, identity=Identity("p0@shop.example", "7")))
    assert delivery.results == (Result(upsert(0), delivered(0)),)
    assert len(transport.sent) == 2


# Lists


def test_a_list_that_is_missing_does_not_cost_the_profiles() -> None:
    def script(request: Sent) -> Answer:
        lists = request.body["data"].get("relationships", {}).get("lists", {}).get("data", [])
        missing = [n for n, each in enumerate(lists) if each["id"] == "L1"]
        if missing:
            return refusal(404, error(f"/data/relationships/lists/data/{missing[0]}/id"))
        return klaviyo_accepts(request)

    klaviyo, transport = scripted(script)
    people = [upsert(n) for n in range(6)]
    joins = [AddToList(f"m{n}", people[n].identity, "L1") for n in range(6)]
    others = [AddToList(f"m{n}", people[n].identity, "L2") for n in range(6)]
    delivery = deliver(klaviyo, *people, *joins, *others)
    refused = Refused(404, "invalid", "Invalid input.", "/data/relationships/lists/data/0/id")
    assert outcomes(delivery) == [*[Delivered()] * 6, *[refused] * 6, *[Delivered()] * 6]
    assert transport.sent[-1].body["data"]["relationships"] == {
        "lists": {"data": [{"type": "list", "id": "L2"}]}
    }


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            refusal(404, error("/data/", "A list with id L1 does not exist.", "not_found")),
            id="Klaviyo's words",
        ),
        pytest.param(refusal(404, error("/data/", "")), id="no words"),
    ],
)
def test_a_missing_list_refuses_the_list_steps_alone(reply: Answer) -> None:
    klaviyo, _ = scripted(at("/api/lists/L1/relationships/profiles", reply))
    delivery = deliver(
        klaviyo,
        *(upsert(n) for n in range(3)),
        *(AddToList(f"m{n}", upsert(n).identity, "L1") for n in range(3)),
    )
    found = outcomes(delivery)
    assert found[:3] == [delivered(n) for n in range(3)]
    assert [type(outcome) for outcome in found[3:]] == [Refused] * 3


def test_a_missing_list_refuses_its_subscriptions() -> None:
    reply = refusal(404, error("/data/relationships/list/data/id", "No such list.", "not_found"))
    klaviyo, transport = scripted(at(SUBSCRIBE, reply))
    steps = [Subscribe(f"m{n}", f"p{n}@shop.example", "L1") for n in range(4)]
    refused = Refused(404, "not_found", "No such list.", "/data/relationships/list/data/id")
    assert outcomes(deliver(klaviyo, *steps)) == [refused] * 4
    assert len(transport.sent) == 2  # the look-up of their consents, and the job


def test_a_member_that_is_missing_is_looked_for_anew_once() -> None:
    def script(request: Sent) -> Answer:
        if request.path == UPSERT:
            return klaviyo_accepts(request)
        for n, member in enumerate(request.body["data"]):
            if member["id"] == "P3":
                detail = "A profile with id P3 does not exist."
                return refusal(404, error(f"/data/{n}/id", detail, "not_found"))
        return answer(204)

    klaviyo, transport = scripted(script)
    steps = [AddToList(f"m{n}", Identity(f"p{n}@x.io"), "L1", f"P{n}") for n in range(6)]
    delivery = deliver(klaviyo, *steps)
    assert outcomes(delivery) == [Delivered()] * 6
    assert delivery.results[3].operation == AddToList("m3", Identity("p3@x.io"), "L1", "ID-p3@x.io")
    assert [len(request.body["data"]) for request in transport.sent if request.path != UPSERT] == [
        6,
        5,
        1,
    ]


def test_a_member_that_stays_missing_costs_no_other() -> None:
    def script(request: Sent) -> Answer:
        if request.path == UPSERT:
            return answer(200, {"data": {"type": "profile", "id": "P3"}})
        for n, member in enumerate(request.body["data"]):
            if member["id"] == "P3":
                return refusal(404, error(f"/data/{n}/id", "No such profile.", "not_found"))
        return answer(204)

    klaviyo, _ = scripted(script)
    steps = [AddToList(f"m{n}", Identity(f"p{n}@x.io"), "L1", f"P{n}") for n in range(6)]
    found = outcomes(deliver(klaviyo, *steps))
    assert type(found.pop(3)) is Refused
    assert found == [Delivered()] * 5


def test_one_bad_address_does_not_cost_the_other_subscriptions() -> None:
    def script(request: Sent) -> Answer:
        if request.path.startswith(PROFILES):
            return klaviyo_accepts(request)
        for n, profile in enumerate(request.profiles):
            if profile["email"] == "bad":
                return refusal(400, error(f"/data/attributes/profiles/data/{n}/attributes/email"))
        return answer(202)

    klaviyo, _ = scripted(script)
    steps = [Subscribe("m", email, "L1") for email in ("a@x.io", "bad", "b@x.io")]
    found = outcomes(deliver(klaviyo, *steps))
    assert found[0] == found[2] == Delivered()
    assert type(found[1]) is Refused


# Import jobs


def test_an_import_is_followed_by_one_check_that_knows_its_messages() -> None:
    klaviyo, transport = scripted(klaviyo_accepts)
    operations: list[Operation] = [upsert(n) for n in range(6)]
    operations.append(upsert(0, message_id="again"))
    delivery = deliver(klaviyo, *operations)
    message_ids = ("m0", "m1", "m2", "m3", "m4", "m5")
    assert delivery.follow_ups == (CheckImport(None, "JOB", message_ids, {"0": ["again"]}),)
    assert len(transport.sent) == 1


def test_the_check_of_an_import_knows_when_its_profiles_were_said() -> None:
    klaviyo, _ = scripted(klaviyo_accepts)
    times = [f"2026-03-01T10:00:0{n}Z" for n in range(6)]
    operations: list[Operation] = [replace(upsert(n), time=times[n]) for n in range(6)]
    operations[5] = replace(upsert(5), time=None)
    operations.append(replace(upsert(0), time="2026-03-01T10:00:00.5Z"))
    [check] = deliver(klaviyo, *operations).follow_ups
    assert isinstance(check, CheckImport)
    assert check.times == ("2026-03-01T10:00:00.5Z", *times[1:5], None)


CHECK = CheckImport(None, "JOB", ("m0", "m1"))
JOB_PATH = "/api/profile-bulk-import-jobs/JOB"
ERRORS_PATH = "/api/profile-bulk-import-jobs/JOB/import-errors"


def job(status: str, failed: int = 0, *list_ids: str) -> Answer:
    lists = {"data": [{"type": "list", "id": list_id} for list_id in list_ids]}
    return answer(
        200,
        {
            "data": {
                "type": "profile-bulk-import-job",
                "id": "JOB",
                "attributes": {"status": status, "failed_count": failed},
                "relationships": {"lists": lists},
            }
        },
    )


def errors_page(*entries: Any, following: str | None = None) -> Answer:
    data = [
        {"type": "import-error", "id": f"E{n}", "attributes": entry}
        for n, entry in enumerate(entries)
    ]
    return answer(200, {"data": data, "links": {"next": following}})


def import_error(n: int, field: str, **attributes: Any) -> dict[str, Any]:
    return {
        "code": "invalid",
        "detail": "Invalid.",
        "source": {"pointer": f"/data/attributes/profiles/data/{n}/attributes/{field}"},
        "original_payload": {"type": "profile", "attributes": attributes},
    }


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (job("processing"), Retryable(RetryReason.IMPORT_PENDING, 60.0, 200)),
        (job("complete"), Delivered()),
        (
            job("cancelled"),
            Refused(200, "import_cancelled", "Klaviyo cancelled the import job"),
        ),
        (refusal(404, error()), Refused(404, "invalid", "Invalid input.")),
        (DOWN, UNAVAILABLE),
    ],
)
def test_a_check_ends_with_its_job(reply: Answer, outcome: Outcome) -> None:
    klaviyo, transport = scripted(lambda request: reply)
    delivery = deliver(klaviyo, CHECK)
    assert delivery == Delivery((Result(CHECK, outcome),), requests=1)
    assert transport.sent == [Sent("GET", JOB_PATH, None)]


def test_every_page_of_errors_is_read_and_each_refused_profile_is_named() -> None:
    pages = {
        JOB_PATH: job("complete", 2),
        f"{ERRORS_PATH}?page%5Bsize%5D=100": errors_page(
            import_error(1, "title", email="p1@shop.example"),
            following=f"https://a.klaviyo.com{ERRORS_PATH}?page%5Bcursor%5D=2",
        ),
        f"{ERRORS_PATH}?page%5Bcursor%5D=2": errors_page(
            import_error(0, "title", email="p0@shop.example")
        ),
    }
    klaviyo, transport = scripted(lambda request: pages[request.path])
    delivery = deliver(klaviyo, CHECK)
    pointer = "/data/attributes/profiles/data/{}/attributes/title"
    assert delivery == Delivery(
        results=(Result(CHECK, Delivered()),),
        import_failures=(
            Result(upsert(1), Refused(200, "invalid", "Invalid.", pointer.format(1))),
            Result(upsert(0), Refused(200, "invalid", "Invalid.", pointer.format(0))),
        ),
        requests=3,
    )
    assert transport.paths == list(pages)


def test_what_a_job_refused_for_its_phone_number_comes_again_without_and_joins_its_lists() -> None:
    refused = import_error(0, "phone_number", email="p0@shop.example", phone_number="+15005550006")
    pages = {True: job("complete", 1, "L1", "L2"), False: errors_page(refused)}
    klaviyo, _ = scripted(lambda request: pages[request.path == JOB_PATH])
    delivery = deliver(klaviyo, CHECK)
    assert delivery.follow_ups == (
        upsert(0, properties={"phone": "+15005550006"}),
        AddToList("m0", upsert(0).identity, "L1"),
        AddToList("m0", upsert(0).identity, "L2"),
    )
    assert delivery.import_failures == ()


def test_a_job_that_does_not_name_its_lists_is_asked_for_them() -> None:
    attributes = {"status": "complete", "failed_count": 1}
    kind = "profile-bulk-import-job"
    silent = answer(200, {"data": {"type": kind, "id": "JOB", "attributes": attributes}})
    pages = {
        JOB_PATH: silent,
        f"{JOB_PATH}?include=lists": job("complete", 1, "L1"),
        f"{ERRORS_PATH}?page%5Bsize%5D=100": errors_page(
            import_error(0, "title", email="p0@shop.example")
        ),
    }
    klaviyo, transport = scripted(lambda request: pages[request.path])
    delivery = deliver(klaviyo, CHECK)
    assert transport.paths == list(pages)
    assert delivery.follow_ups == (AddToList("m0", upsert(0).identity, "L1"),)


def test_a_conflict_that_a_job_finds_comes_again_as_the_e_mail_alone() -> None:
    refused = {
        **import_error(0, "", email="p0@shop.example", external_id="7"),
        "code": "duplicate_profile",
    }
    pages = {True: job("complete", 1), False: errors_page(refused)}
    klaviyo, _ = scripted(lambda request: pages[request.path == JOB_PATH])
    assert deliver(klaviyo, CHECK).follow_ups == (upsert(0),)


def test_a_page_that_fails_leaves_everything_to_the_next_check() -> None:
    replies = iter(
        [
            job("complete", 2),
            errors_page(import_error(0, "title", email="a@x.io"), following="https://k/?page=2"),
            DOWN,
        ]
    )
    klaviyo, _ = scripted(lambda request: next(replies))
    assert deliver(klaviyo, CHECK) == Delivery((Result(CHECK, UNAVAILABLE),), requests=3)
