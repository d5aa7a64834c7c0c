"""The retry function, whole: real handler, moto's server, the stand-in over HTTP."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from handler import assembly
from handler.queue.envelope import Entry, pack
from local.klaviyo_stand_in import Account, Weather
from operations import AddToList, CreateEvent, Identity, Subscribe, UpsertProfile, to_json
from tests.deployment import Deployment
from tests.handler.calls import batch, envelope, order, track

PERSON = "person1@acme-store.example"
IDENTITY = Identity(email=PERSON)
DONE: dict[str, Any] = {"batchItemFailures": []}
DAY = 86_400
TEN_O_CLOCK = datetime(2026, 11, 23, 10, 0, tzinfo=UTC).timestamp()


def event(number: int = 1) -> dict[str, Any]:
    return to_json(CreateEvent(f"m-{number}", IDENTITY, "Item Added", f"u-{number}"))


def upsert(message_id: str, time: str | None, **properties: Any) -> dict[str, Any]:
    return to_json(UpsertProfile(message_id, IDENTITY, {}, properties, time=time))


def recorded(account: Account) -> list[str]:
    return [event.unique_id for event in account.events]


def test_waiting_operations_are_delivered(deployment: Deployment) -> None:
    one = envelope({"operation": event(1), "attempts": 1}, {"operation": event(2)})
    two = envelope({"operation": upsert("m-3", None, plan="pro")})
    assert deployment.retry(batch(one, two)) == DONE
    assert sorted(recorded(deployment.account)) == ["u-1", "u-2"]
    profile = deployment.account.profiles.by_email(PERSON)
    assert profile is not None
    assert profile.properties == {"plan": "pro"}
    assert (deployment.waiting(), deployment.dead()) == ([], [])


def test_what_fails_again_waits_again_with_its_history(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(down=True))
    since = time.time() - 60
    entry = {"operation": event(), "attempts": 3, "first_failed_at": since}
    assert deployment.retry(batch(envelope(entry))) == DONE
    [waiting] = deployment.waiting()
    not_before = waiting.pop("not_before")
    assert waiting == {"operation": event(), "attempts": 4, "first_failed_at": since}
    assert 20 <= not_before - time.time() + 1 <= 42, "the fourth wait is of 20 to 40 seconds"
    assert deployment.dead() == []


def people(number: int) -> list[dict[str, Any]]:
    """Events of as many people; the one of number 7 is poison."""
    return [
        to_json(
            CreateEvent(
                f"m-{n}",
                Identity(email=f"p{n}@shop.example"),
                "Item Added",
                f"u-{n}",
                {"poison": n == 7},
            )
        )
        for n in range(number)
    ]


def test_what_has_failed_often_is_sent_in_smaller_parts(deployment: Deployment) -> None:
    """A firewall's 403 about one item must not hold back those beside it."""
    deployment.account.set_weather(Weather(refuse_items="403"))
    since = time.time() - 60
    entries = [
        {"operation": operation, "attempts": 3, "first_failed_at": since}
        for operation in people(100)
    ]
    assert deployment.retry(batch(envelope(*entries))) == DONE
    assert len(deployment.account.events) + len(deployment.waiting()) == 100
    assert len(deployment.account.events) > 40
    assert {entry["attempts"] for entry in deployment.waiting()} == {4}
    assert "u-7" in [entry["operation"]["unique_id"] for entry in deployment.waiting()]


@pytest.mark.parametrize("attempts", [3.5, 10**40, -2])
def test_a_count_that_was_edited_by_hand_does_no_harm(
    deployment: Deployment, attempts: float
) -> None:
    entries = [{"operation": operation, "attempts": attempts} for operation in people(30)]
    assert deployment.retry(batch(envelope(*entries))) == DONE
    assert (len(deployment.account.events), deployment.waiting()) == (30, [])


def test_what_klaviyo_takes_is_done_and_the_rest_goes_on(deployment: Deployment) -> None:
    deployment.account.set_weather(
        Weather(down=True, endpoints=frozenset({"create_or_update_profile"}))
    )
    text = envelope({"operation": event()}, {"operation": upsert("m-2", None)})
    assert deployment.retry(batch(text)) == DONE
    assert recorded(deployment.account) == ["u-1"]
    assert [entry["operation"] for entry in deployment.waiting()] == [upsert("m-2", None)]


def test_after_a_day_of_failures_an_operation_is_a_dead_letter(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(status=401))
    entry = {"operation": event(), "attempts": 90, "first_failed_at": time.time() - DAY - 1}
    assert deployment.retry(batch(envelope(entry))) == DONE
    assert deployment.waiting() == []
    assert deployment.dead() == [
        {
            "operation": event(),
            "reason": {"code": "retries_exhausted", "last": "unauthorized", "status": 401},
        }
    ]


def test_the_window_is_a_setting(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(down=True))
    function = assembly.retry({**deployment.variables, "RETRY_HOURS": "48"})
    entry = {"operation": event(), "first_failed_at": time.time() - DAY - 1}
    assert function.handle(batch(envelope(entry)), 60.0) == DONE
    assert (len(deployment.waiting()), deployment.dead()) == (1, [])


def test_a_redriven_dead_letter_is_tried_anew(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(down=True))
    letter = {"operation": event(), "reason": {"code": "retries_exhausted", "last": "timeout"}}
    assert deployment.retry(batch(envelope(letter))) == DONE
    [waiting] = deployment.waiting()
    assert (waiting["attempts"], time.time() - waiting["first_failed_at"] < 60) == (1, True)


def test_a_redriven_message_goes_through_the_mapping(deployment: Deployment) -> None:
    letter = {"message": track(7), "reason": {"code": "internal_error"}}
    assert deployment.retry(batch(envelope(letter))) == DONE
    assert recorded(deployment.account) == ["track-7"]


def test_a_redriven_message_that_is_still_malformed_comes_back(deployment: Deployment) -> None:
    message = track(7, userId={})
    reason = {
        "code": "invalid_message",
        "field": "userId",
        "detail": "must be string or number or null",
    }
    assert deployment.retry(batch(envelope({"message": message}))) == DONE
    assert deployment.dead() == [{"message": message, "reason": reason}]


def test_a_redriven_message_that_is_to_be_dropped_is_dropped(deployment: Deployment) -> None:
    assert deployment.retry(batch(envelope({"message": {"type": "page"}}))) == DONE
    assert (deployment.waiting(), deployment.dead(), deployment.account.requests) == ([], [], [])


def test_what_klaviyo_refuses_is_a_dead_letter_at_once(deployment: Deployment) -> None:
    deployment.account.set_weather(Weather(refuse_items="pointer"))
    text = envelope(
        {"operation": upsert("m-1", None, poison=True), "attempts": 1, "first_failed_at": 1.0},
        {"operation": event(2)},
    )
    assert deployment.retry(batch(text)) == DONE
    [letter] = deployment.dead()
    assert letter["operation"] == upsert("m-1", None, poison=True)
    assert (letter["reason"]["code"], letter["reason"]["status"]) == ("refused", 400)
    assert recorded(deployment.account) == ["u-2"]


def test_a_message_that_cannot_be_read_leaves_its_neighbours_unharmed(
    deployment: Deployment,
) -> None:
    assert deployment.retry(batch("{", envelope({"operation": event()}))) == DONE
    assert recorded(deployment.account) == ["u-1"]
    assert deployment.dead() == [
        {"unreadable": "{", "reason": {"code": "unreadable", "detail": "not JSON"}}
    ]


def test_what_would_not_fill_a_request_goes_back_untried(deployment: Deployment) -> None:
    entries = [{"operation": event(number), "attempts": 2} for number in range(1_200)]
    assert deployment.retry(batch(envelope(*entries))) == DONE
    assert len(recorded(deployment.account)) == 1_000
    waiting = deployment.waiting()
    for entry in waiting:
        assert entry.pop("not_before") <= time.time()
    assert waiting == entries[1_000:]


def test_an_entry_that_is_not_due_goes_back_untried(deployment: Deployment) -> None:
    entry = {"operation": event(), "attempts": 2, "not_before": time.time() + 1800}
    assert deployment.retry(batch(envelope(entry))) == DONE
    assert (deployment.waiting(), deployment.account.requests) == ([entry], [])


def test_upserts_of_one_person_apply_in_the_order_in_which_they_were_sent(
    deployment: Deployment,
) -> None:
    later = envelope({"operation": upsert("m-2", "2026-11-23T10:00:01Z", plan="pro", b=1)})
    earlier = envelope({"operation": upsert("m-1", "2026-11-23T10:00:00Z", plan="free", a=1)})
    assert deployment.retry(batch(later, earlier)) == DONE
    profile = deployment.account.profiles.by_email(PERSON)
    assert profile is not None
    assert profile.properties == {"plan": "pro", "a": 1, "b": 1}


def test_a_list_step_that_waited_alone_is_delivered(deployment: Deployment) -> None:
    step = to_json(AddToList("m-1", IDENTITY, "WmB7kT"))
    assert deployment.retry(batch(envelope({"operation": step}))) == DONE
    profile = deployment.account.profiles.by_email(PERSON)
    assert profile is not None
    assert set(deployment.account.lists["WmB7kT"].members) == {profile.id}


def test_an_import_job_is_followed_until_it_is_complete(deployment: Deployment) -> None:
    people = [Identity(email=f"person{number}@acme-store.example") for number in range(10)]
    upserts = [
        to_json(UpsertProfile(f"m-{number}", person, {}, {"poison": number == 3}))
        for number, person in enumerate(people)
    ]
    deployment.account.set_weather(Weather(refuse_items="import"))
    text = envelope(*({"operation": each} for each in upserts))
    assert deployment.retry(batch(text)) == DONE
    [check] = deployment.waiting()
    assert check["operation"]["kind"] == "check_import"
    assert deployment.dead() == []
    assert deployment.retry(batch(envelope(check))) == DONE
    [letter] = deployment.dead()
    assert letter["operation"]["identity"] == {"email": "person3@acme-store.example"}
    assert letter["operation"]["properties"] == {"poison": True}
    assert letter["reason"]["code"] == "refused"


@pytest.mark.parametrize(
    ("missing", "failed"), [("RETRY_QUEUE_URL", "1"), ("DEAD_LETTER_QUEUE_URL", "0")]
)
def test_what_cannot_be_stored_is_left_to_sqs_and_the_rest_is_done(
    deployment: Deployment, missing: str, failed: str
) -> None:
    deployment.account.set_weather(Weather(down=True))
    variables = {**deployment.variables, missing: deployment.variables[missing] + "-gone"}
    dead = {"operation": event(1), "first_failed_at": time.time() - DAY - 1}
    function = assembly.retry(variables)
    answer = function.handle(batch(envelope(dead), envelope({"operation": event(2)})), 60.0)
    assert answer == {"batchItemFailures": [{"itemIdentifier": failed}]}


def test_without_credentials_the_batch_is_left_to_sqs(deployment: Deployment) -> None:
    variables = {**deployment.variables, "CREDENTIALS_SECRET_ARN": "arn:aws:nothing"}
    answer = assembly.retry(variables).handle(batch(envelope({"operation": event()})), 60.0)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


@pytest.mark.parametrize("lambda_event", [{}, {"Records": []}, {"Records": None}])
def test_an_empty_batch_is_done(deployment: Deployment, lambda_event: dict[str, Any]) -> None:
    assert deployment.retry(lambda_event) == DONE


def put_aside(since: float, *messages: dict[str, Any]) -> str:
    """Messages that a webhook call had no time for."""
    return envelope(*({"message": each, "first_failed_at": since} for each in messages))


def test_messages_that_were_not_mapped_are_mapped_and_delivered(deployment: Deployment) -> None:
    now = time.time()
    waiting = put_aside(now, track(1), order(2, 3), {"type": "page"})
    assert deployment.retry(batch(waiting)) == {"batchItemFailures": []}
    assert sorted(event.metric for event in deployment.account.events) == [
        "Item Added",
        "Order Completed",
        *(3 * ["Ordered Product"]),
    ]
    assert deployment.waiting() == deployment.dead() == []


def test_a_message_without_a_time_counts_from_when_it_was_put_on_the_queue(
    deployment: Deployment,
) -> None:
    message = track(1)
    del message["timestamp"]
    deployment.retry(batch(put_aside(TEN_O_CLOCK, message)))
    [event] = deployment.account.events
    assert event.time == "2026-11-23T10:00:00+00:00"


def test_what_there_is_no_time_to_map_waits_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MAPPING_SHARE", 0.0)
    now = time.time()
    waiting = put_aside(now, track(1), track(2))
    assert deployment.retry(batch(waiting)) == {"batchItemFailures": []}
    assert deployment.account.events == []
    waiting_on = deployment.waiting()
    assert [entry["message"] for entry in waiting_on] == [track(1), track(2)]
    assert [entry["first_failed_at"] for entry in waiting_on] == [now, now]
    assert all(entry["not_before"] > now for entry in waiting_on)


def test_of_messages_in_one_text_those_that_there_is_no_time_for_wait_on(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MOST_MESSAGES", 1)
    deployment.retry(batch(not_looked_at(track(1), track(2), track(3), since=time.time())))
    assert [event.unique_id for event in deployment.account.events] == ["track-1"]
    assert [json.loads(entry["messages"]) for entry in deployment.waiting()] == [
        [track(2), track(3)]
    ]


def test_a_batch_maps_messages_while_there_is_room_for_their_operations(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MOST_OPERATIONS", 4)
    now = time.time()
    waiting = put_aside(now, order(1, 4), track(2))
    deployment.retry(batch(waiting))
    assert len(deployment.account.events) == 5
    assert [entry["message"] for entry in deployment.waiting()] == [track(2)]


def not_looked_at(*messages: Any, since: float) -> str:
    """An envelope of messages that the webhook had no time for."""
    (text,) = pack([Entry(messages=json.dumps(messages), first_failed_at=since, not_before=since)])
    return text


def test_messages_that_nobody_has_looked_at_are_each_mapped_refused_or_dropped(
    deployment: Deployment,
) -> None:
    now = time.time()
    dropped = {"type": "track", "event": "Nobody's", "messageId": "nobody"}
    body = not_looked_at(track(1), {"type": 5, "messageId": "bad"}, dropped, None, since=now)
    assert deployment.retry(batch(body)) == {"batchItemFailures": []}
    assert [event.unique_id for event in deployment.account.events] == ["track-1"]
    assert deployment.waiting() == []
    assert [(entry["message"], entry["reason"]["code"]) for entry in deployment.dead()] == [
        ({"type": 5, "messageId": "bad"}, "invalid_message"),
        (None, "invalid_message"),
    ]


def test_messages_that_nobody_had_time_for_are_dead_letters_one_by_one_in_the_end(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.deadline.MAPPING_SHARE", 0.0)
    body = not_looked_at(track(1), None, since=time.time() - 86_400)
    assert deployment.retry(batch(body)) == {"batchItemFailures": []}
    reason = {"code": "retries_exhausted", "last": "not_due"}
    assert deployment.dead() == [
        {"message": track(1), "reason": reason},
        {"message": None, "reason": reason},
    ]


def test_a_consent_that_klaviyo_has_taken_is_no_dead_letter_in_the_end(
    deployment: Deployment,
) -> None:
    now = time.time()
    sent = Subscribe("m", "jane@acme-store.example", None, is_consent=True, sent_at=now - 86_400)
    (body,) = pack([Entry(sent, first_failed_at=now - 86_400, not_before=now + 300)])
    assert deployment.retry(batch(body)) == {"batchItemFailures": []}
    assert (deployment.dead(), deployment.waiting()) == ([], [])
    assert deployment.account.counts.total() == 0


@pytest.mark.parametrize("text", ["", "[]", "5", "[{]"])
def test_a_text_without_messages_is_a_dead_letter(deployment: Deployment, text: str) -> None:
    (body,) = pack([Entry(messages=text, first_failed_at=time.time())])
    assert deployment.retry(batch(body)) == {"batchItemFailures": []}
    (entry,) = deployment.dead()
    assert (entry["messages"], entry["reason"]["code"]) == (text, "invalid_message")
