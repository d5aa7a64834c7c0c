"""The queues as the console sees them: looking changes nothing, and redriving loses nothing."""

import json
import time
from typing import Any

import pytest

from local.web_console.journal import Journal
from local.web_console.queues import Bookkeeper, Books, Dead, Waiting, by_reason
from local.web_console.watch import Look, Watch
from tests.deployment import Deployment

EVENT = {
    "kind": "create_event",
    "message_id": "m-1",
    "identity": {"email": "maria@acme-store.example"},
    "metric": "Lid Lost",
    "unique_id": "m-1",
}
REFUSED = {"code": "refused", "status": 400, "detail": "Invalid input."}


def envelope(*entries: Any) -> str:
    return json.dumps({"schema": 1, "entries": entries})


def bury(deployment: Deployment, *bodies: str) -> None:
    url = deployment.queues.dead_letter_queue_url
    for body in bodies:
        deployment.sqs.send_message(QueueUrl=url, MessageBody=body)


@pytest.fixture
def bookkeeper(deployment: Deployment) -> Bookkeeper:
    return Bookkeeper(deployment.queues, deployment.sqs)


def test_empty_queues_are_empty_books(bookkeeper: Bookkeeper) -> None:
    assert bookkeeper.look() == Books([], [], 0)


def test_entry_that_waits_is_told_though_sqs_shows_it_to_nobody(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    entry = {"operation": EVENT, "attempts": 2, "first_failed_at": 10.0, "not_before": 9e9}
    deployment.sqs.send_message(
        QueueUrl=deployment.queues.retry_queue_url, MessageBody=envelope(entry), DelaySeconds=900
    )
    assert bookkeeper.look().waiting == [Waiting("m-1", "create_event", 2, 10.0, 9e9)]


def test_next_try_is_when_sqs_shows_it_again(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    deployment.sqs.send_message(
        QueueUrl=deployment.queues.retry_queue_url,
        MessageBody=envelope({"operation": EVENT}),
        DelaySeconds=100,
    )
    [waiting] = bookkeeper.look().waiting
    assert waiting.next_at == pytest.approx(time.time() + 100, abs=20)


@pytest.mark.parametrize(
    ("body", "dead"),
    [
        (
            envelope({"operation": EVENT, "reason": REFUSED}),
            ("m-1", "create_event", REFUSED, EVENT),
        ),
        (
            envelope({"message": {"messageId": "m-2"}, "reason": {"code": "invalid_message"}}),
            ("m-2", "message", {"code": "invalid_message"}, {"messageId": "m-2"}),
        ),
        (
            envelope({"unreadable": "?", "reason": {"code": "unreadable"}}),
            (None, "unreadable", {"code": "unreadable"}, "?"),
        ),
        ("no JSON", (None, "unreadable", {"code": "unreadable"}, "no JSON")),
        ('{"entries": 7}', (None, "unreadable", {"code": "unreadable"}, '{"entries": 7}')),
    ],
    ids=["operation", "message", "unreadable", "no JSON", "no envelope"],
)
def test_dead_letter_is_told_with_its_reason(
    body: str,
    dead: tuple[str | None, str, dict[str, Any], Any],
    bookkeeper: Bookkeeper,
    deployment: Deployment,
) -> None:
    bury(deployment, body)
    [found] = bookkeeper.look().dead
    assert (found.message_id, found.kind, found.reason, found.content) == dead


def test_looking_hides_nothing(bookkeeper: Bookkeeper, deployment: Deployment) -> None:
    bury(deployment, envelope({"operation": EVENT, "reason": REFUSED}))
    assert bookkeeper.look() == bookkeeper.look()
    received = deployment.sqs.receive_message(QueueUrl=deployment.queues.dead_letter_queue_url)
    assert len(received["Messages"]) == 1


def test_redrive_moves_every_dead_letter_as_it_is(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    entries = [{"operation": {**EVENT, "message_id": str(n)}, "reason": REFUSED} for n in range(25)]
    bury(deployment, *(envelope(entry) for entry in entries[:23]), envelope(*entries[23:]))
    assert bookkeeper.redrive() == 25
    assert deployment.waiting() == entries
    assert deployment.dead() == []


def test_redrive_of_an_empty_queue_moves_nothing(bookkeeper: Bookkeeper) -> None:
    assert bookkeeper.redrive() == 0


def test_reasons_are_counted() -> None:
    letters = [Dead(None, "message", {"code": code}, 0.0, None) for code in ("a", "b", "a")]
    assert by_reason(letters) == {"a": 2, "b": 1}


def test_watch_remembers_how_things_stood(bookkeeper: Bookkeeper, deployment: Deployment) -> None:
    bury(deployment, envelope({"operation": EVENT, "reason": REFUSED}))
    with Watch(Journal(), bookkeeper, clock=lambda: 7.0) as watch:
        end = time.monotonic() + 10
        while not watch.looks and time.monotonic() < end:
            time.sleep(0.05)
    assert watch.looks[0] == Look(at=7.0, delivered=0, queued=0, waiting=0, dead=1)
