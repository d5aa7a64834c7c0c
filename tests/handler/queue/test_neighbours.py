"""Whatever lies in a queue costs only itself."""

import base64
import json
import random
import time
import zlib
from dataclasses import replace
from typing import Any

import pytest

from handler import assembly
from handler.queue.envelope import MAX_PACKED_BYTES, Entry
from handler.queue.routing import refused_reason
from handler.queue.unpacking import NoRoomError, Room, unpack
from handler.report.answer import Fate, MessageFate, accepted
from handler.report.delivery import refusal_details
from klaviyo_client.api.outcomes import Refused
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery, Result
from local.klaviyo_stand_in import Weather
from operations import CreateEvent, Identity
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, track
from tests.handler.test_retry import DAY, DONE, event, recorded

GOOD = {"operation": event(1)}


def operation(**history: Any) -> str:
    """An entry, its numbers written as they are given."""
    text = json.dumps({"operation": event(2), **dict.fromkeys(history, "?")})
    for value in history.values():
        text = text.replace('"?"', value, 1)
    return text


def packed(text: str) -> dict[str, str]:
    return {"packed": base64.b64encode(zlib.compress(text.encode())).decode()}


@pytest.mark.parametrize(
    "text",
    [
        '{"schema": [], "entries": []}',
        '{"schema": {}, "entries": []}',
        '{"schema": true, "entries": 5}',
        '{"schema": 1, "entries": [[], null, 5]}',
        '{"schema": 1, "entries": [{"packed": "?"}, {"unreadable": "{"}, {"operation": []}]}',
        '{"a":' * 5_000,
    ],
)
def test_a_text_that_is_no_envelope_is_a_dead_letter_and_its_neighbour_is_delivered(
    deployment: Deployment, text: str
) -> None:
    assert deployment.retry(batch(text, envelope(GOOD))) == DONE
    assert recorded(deployment.account) == ["u-1"]
    assert {entry["reason"]["code"] for entry in deployment.dead()} == {"unreadable"}
    assert deployment.waiting() == []


@pytest.mark.parametrize("name", ["attempts", "first_failed_at", "not_before"])
@pytest.mark.parametrize("number", ["-5", "1e300", "1" + 400 * "0", "true", '"1"', "null"])
def test_a_history_that_nobody_can_have_written_counts_as_none(
    deployment: Deployment, name: str, number: str
) -> None:
    text = f'{{"schema": 1, "entries": [{operation(**{name: number})}]}}'
    assert deployment.retry(batch(text, envelope(GOOD))) == DONE
    assert set(recorded(deployment.account)) >= {"u-1"}
    assert deployment.waiting() == []


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5_000])
def test_a_number_that_is_not_finite_costs_its_entry_and_not_the_envelope(number: str) -> None:
    text = envelope({"message": 1}, {"message": "?"}, {"message": 2.5})
    first, bad, last = unpack(text.replace('"?"', number))
    assert (first, last) == (Entry(message=1), Entry(message=2.5))
    assert bad.reason == {
        "code": "unreadable",
        "detail": "entry: holds a number that is not finite",
    }
    assert number in (bad.unreadable or "")


def test_an_operation_that_the_client_cannot_carry_out_waits_and_its_neighbours_are_delivered(
    deployment: Deployment,
) -> None:
    class Failing(Klaviyo):
        def deliver(self, operations: Any, *rest: Any) -> Delivery:
            if any(each.unique_id == "u-3" for each in operations):
                raise ZeroDivisionError
            return super().deliver(operations, *rest)

    klaviyo = Failing(deployment.variables["KLAVIYO_API_URL"])
    function = replace(assembly.retry(deployment.variables), klaviyo=klaviyo)
    bodies = [envelope({"operation": event(number)}) for number in range(6)]
    assert function.handle(batch(*bodies), 60.0) == DONE
    assert sorted(recorded(deployment.account)) == ["u-0", "u-1", "u-2", "u-4", "u-5"]
    [waiting] = deployment.waiting()
    assert (waiting["operation"], waiting["attempts"]) == (event(3), 1)


def test_what_waits_longer_than_its_window_is_a_dead_letter_whatever_it_waits_for(
    deployment: Deployment,
) -> None:
    now = time.time()
    entry = {**GOOD, "first_failed_at": now - DAY - 1, "not_before": now + 3_600}
    assert deployment.retry(batch(envelope(entry))) == DONE
    assert deployment.waiting() == []
    assert deployment.dead() == [
        {**GOOD, "reason": {"code": "retries_exhausted", "last": "not_due"}}
    ]


# What was packed


def test_a_zip_bomb_is_a_dead_letter() -> None:
    bomb = packed(json.dumps({"message": "x" * (MAX_PACKED_BYTES + 1)}))
    [entry] = unpack(envelope(bomb))
    assert entry.reason == {"code": "unreadable", "detail": "packed: too large when unpacked"}


def test_one_batch_unpacks_no_more_than_its_room() -> None:
    text = envelope(packed(json.dumps({"message": "x" * (MAX_PACKED_BYTES * 2 // 3)})))
    room = Room()
    assert [type(entry.message) for entry in unpack(text, room)] == [str]
    with pytest.raises(NoRoomError):
        unpack(text, room)


def test_an_envelope_that_alone_is_larger_than_the_room_is_read_as_far_as_it_goes() -> None:
    large = packed(json.dumps({"message": "x" * (MAX_PACKED_BYTES * 2 // 3)}))
    first, second = unpack(envelope(large, large))
    assert isinstance(first.message, str)
    assert (second.reason or {})["detail"] == "packed: too large when unpacked"


def test_what_there_is_no_room_for_is_left_to_sqs(deployment: Deployment) -> None:
    half = packed(json.dumps({"message": "x" * (MAX_PACKED_BYTES * 2 // 3)}))
    answer = deployment.retry(batch(envelope(half), envelope(half), envelope(GOOD)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert recorded(deployment.account) == ["u-1"]


def test_what_is_unreadable_within_what_was_unreadable_stays_so() -> None:
    text = "{"
    for _ in range(3):
        text = envelope({"unreadable": text})
    [entry] = unpack(text)
    assert entry.unreadable == envelope({"unreadable": "{"})
    assert (entry.reason or {})["code"] == "unreadable"


# What is too large


def test_a_refusal_of_two_megabytes_makes_a_small_dead_letter_and_a_short_line() -> None:
    text = "x" * 2_000_000
    refused = Refused(400, text, text, text)
    assert len(json.dumps(refused_reason(refused))) < 20_000
    operation = CreateEvent("m-1", Identity(email="a@shop.example"), "Item Added", "u-1")
    assert len(json.dumps(refusal_details(Result(operation, refused)))) < 2_000


def test_an_answer_stays_within_what_lambda_takes() -> None:
    fates = [MessageFate("m", Fate.REJECTED, "refused", {"detail": "x" * 5_000})] * 4_000
    answer = accepted(fates)
    body = json.loads(answer["body"])
    assert len(json.dumps(answer)) < 6_000_000
    assert (body["received"], body["rejected"]) == (4_000, 4_000)
    assert len(body["messages"]) + body["messages_left_out"] == 4_000


def test_an_operation_that_no_queue_takes_costs_its_message_and_not_the_batch(
    deployment: Deployment,
) -> None:
    """Over a megabyte even when it is packed. Segment itself sends no message of over 32 KB."""
    noise = random.Random(1).randbytes(1_500_000).hex()
    deployment.account.set_weather(Weather(down=True))
    large = track(1, properties={"email": "person1@acme-store.example", "noise": noise})
    status, _ = deployment.webhook(call([track(2), large]))
    assert status == 200
    assert [entry["operation"]["message_id"] for entry in deployment.waiting()] == ["track-2"]
    assert deployment.dead() == [
        {"message": {"messageId": "track-1"}, "reason": {"code": "too_large"}}
    ]
