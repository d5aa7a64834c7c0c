"""SendMessage is believed only where SQS says what it stored, and what failed is not copied."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from handler.queue.envelope import Entry, pack
from handler.queue.queues import Queue, QueueUnavailable
from local.klaviyo_stand_in import Weather
from operations import CreateEvent, Identity, to_json
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, track
from tests.proxy import Answering
from tests.virtual import Clock, RetrySide

HTML = b"<html><body>Sign in</body></html>"
WRONG = json.dumps({"MessageId": "x", "MD5OfMessageBody": "0" * 32}).encode()


def event(number: int, size: int = 0) -> CreateEvent:
    identity = Identity(email=f"p{number}@shop.example")
    return CreateEvent(f"m-{number}", identity, "Item Added", f"u-{number}", {"x": "y" * size})


@pytest.fixture
def sqs(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """A way to SQS that answers in its place, as it is asked to."""
    with Answering(aws_url) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", way.url)
        yield way


@pytest.mark.parametrize("body", [HTML, b"{}", b"", b'{"MessageId": "x"}', WRONG])
def test_an_answer_that_names_nothing_stored_means_that_nothing_is(
    deployment: Deployment, sqs: Answering, body: bytes
) -> None:
    sqs.answer = lambda _: (200, body)
    with pytest.raises(QueueUnavailable) as raised:
        Queue(deployment.queues.retry_queue_url).send([Entry(operation=event(1))])
    assert raised.value.unsent == [Entry(operation=event(1))]
    deployment.account.set_weather(Weather(down=True))
    assert deployment.webhook(call(track(1)))[0] == 503


def test_what_sqs_turns_down_once_is_sent_once_more(deployment: Deployment, sqs: Answering) -> None:
    sqs.answer = lambda number: (400, turned_down()) if number % 3 == 0 else None
    entries = [Entry(operation=event(number, 300_000)) for number in range(7)]
    receipt = Queue(deployment.queues.retry_queue_url).send(entries)
    assert receipt.messages == len(list(pack(entries)))
    assert len(deployment.waiting()) == 7


def test_of_a_call_that_comes_again_nothing_further_is_stored(
    deployment: Deployment, sqs: Answering
) -> None:
    sqs.answer = lambda _: (403, turned_down())
    entries = [Entry(operation=event(number, 300_000)) for number in range(7)]
    with pytest.raises(QueueUnavailable) as raised:
        Queue(deployment.queues.retry_queue_url).send(entries)
    assert len(raised.value.unsent) == 7
    assert sqs.number == 2, "one envelope, twice"


def test_an_sqs_message_is_shown_again_only_where_something_of_it_is_missing(
    deployment: Deployment, sqs: Answering
) -> None:
    deployment.account.set_weather(Weather(down=True))
    bodies = [envelope({"operation": to_json(event(number, 600_000))}) for number in range(3)]
    sqs.answer = lambda number: (403, turned_down()) if number in (1, 2) else None
    answer = deployment.retry(batch(*bodies))
    [failed] = answer["batchItemFailures"]
    waiting = {entry["operation"]["message_id"] for entry in deployment.waiting()}
    assert waiting == {"m-0", "m-1", "m-2"} - {f"m-{failed['itemIdentifier']}"}


def test_copies_in_a_batch_are_merged(deployment: Deployment) -> None:
    """SQS delivers at least once, and a stored message whose answer got lost is sent again."""
    deployment.account.set_weather(Weather(down=True))
    text = envelope({"operation": to_json(event(1))}, {"operation": to_json(event(2))})
    assert deployment.retry(batch(text, text, text)) == {"batchItemFailures": []}
    waiting = Counter(entry["operation"]["message_id"] for entry in deployment.waiting())
    assert waiting == {"m-1": 1, "m-2": 1}


def test_while_sqs_fails_often_an_operation_is_not_copied_again_each_time(
    deployment: Deployment, sqs: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of SendMessage fails, a tenth of the answers are lost, for half an hour."""
    clock = Clock(monkeypatch)
    side = RetrySide(deployment, clock, monkeypatch)
    side.function = replace(side.function, chance=lambda: 0.5)
    for number in range(4):
        deployment.put(envelope({"operation": to_json(event(number, 400_000))}))
    deployment.account.set_weather(Weather(down=True))
    dice = random.Random(1)
    sqs.answer = lambda _: (400, turned_down()) if dice.random() < 0.3 else None
    sqs.loses = lambda: dice.random() < 0.1
    side.run(1_800)
    waiting = Counter(entry["operation"]["message_id"] for entry in deployment.waiting())
    assert waiting.keys() == {f"m-{number}" for number in range(4)}
    assert max(waiting.values()) <= 2
    assert deployment.dead() == []


def turned_down() -> bytes:
    """An error that botocore itself does not retry."""
    return json.dumps({"__type": "com.amazonaws.sqs#KmsThrottled", "message": ""}).encode()
