"""The queues as the console sees them: looking changes nothing, redriving loses nothing."""

import base64
import json
import re
import time
import zlib
from dataclasses import replace
from typing import Any

import pytest

from handler.queue.envelope import Entry
from local.web_console.acting.redriving import Redriving, corrected, try_now
from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper, Dead, QueueContents, Waiting, by_reason
from local.web_console.watching.watch import Look, Watch
from tests.deployment import Deployment

EVENT = {
    "kind": "create_event",
    "message_id": "m-1",
    "identity": {"email": "maria@acme-store.example"},
    "metric": "Lid Lost",
    "unique_id": "m-1",
}
INVALID = {"code": "invalid_message", "field": "userId"}
NOT_JSON = {"code": "unreadable", "detail": "not JSON"}
UNKNOWN = {"code": "unreadable", "detail": "not an envelope that this release knows"}
REFUSED = {"code": "refused", "status": 400, "detail": "Invalid input."}


def envelope(*entries: Any) -> str:
    return json.dumps({"schema": 1, "entries": entries})


def packed(entry: Any) -> str:
    text = base64.b64encode(zlib.compress(json.dumps(entry).encode())).decode()
    return envelope({"packed": text})


def dead_letter(deployment: Deployment, *bodies: str) -> None:
    url = deployment.queues.dead_letter_queue_url
    for body in bodies:
        deployment.sqs.send_message(QueueUrl=url, MessageBody=body)


@pytest.fixture
def bookkeeper(deployment: Deployment) -> Bookkeeper:
    return Bookkeeper(deployment.queues)


def test_empty_queues_are_empty_books(bookkeeper: Bookkeeper) -> None:
    assert bookkeeper.look() == QueueContents([], [], 0)


def test_entry_that_waits_is_told_though_sqs_shows_it_to_nobody(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    entry = {"operation": EVENT, "attempts": 2, "first_failed_at": 10.0, "not_before": 9e9}
    deployment.sqs.send_message(
        QueueUrl=deployment.queues.retry_queue_url, MessageBody=envelope(entry), DelaySeconds=900
    )
    assert bookkeeper.look().waiting == [Waiting(("m-1",), "create_event", 2, 10.0, 9e9)]


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
            (None, "unreadable", NOT_JSON, "?"),
        ),
        (packed({"operation": EVENT, "reason": REFUSED}), ("m-1", "create_event", REFUSED, EVENT)),
        ("no JSON", (None, "unreadable", NOT_JSON, "no JSON")),
        ('{"entries": 7}', (None, "unreadable", UNKNOWN, '{"entries": 7}')),
    ],
    ids=["operation", "message", "unreadable", "packed", "no JSON", "no envelope"],
)
def test_dead_letter_is_told_with_its_reason(
    body: str,
    dead: tuple[str | None, str, dict[str, Any], Any],
    bookkeeper: Bookkeeper,
    deployment: Deployment,
) -> None:
    dead_letter(deployment, body)
    [found] = bookkeeper.look().dead
    assert (found.message_id, found.kind, found.reason, found.content()) == dead


def test_looking_hides_nothing(bookkeeper: Bookkeeper, deployment: Deployment) -> None:
    dead_letter(deployment, envelope({"operation": EVENT, "reason": REFUSED}))
    assert bookkeeper.look() == bookkeeper.look()
    received = deployment.sqs.receive_message(QueueUrl=deployment.queues.dead_letter_queue_url)
    assert len(received["Messages"]) == 1


def test_check_of_an_import_is_about_each_of_its_messages(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    check = {
        "kind": "check_import",
        "message_id": None,
        "job_id": "j-1",
        "message_ids": ["m-1", None, "m-2"],
        "merged": {"2": ["m-3"]},
    }
    deployment.put(envelope({"operation": check, "not_before": 9e9}))
    expected = Waiting(("m-1", "m-2", "m-3"), "check_import", 0, 0.0, 9e9)
    [found] = bookkeeper.look().waiting
    assert replace(found, since=0.0) == expected


def dead_letters(number: int) -> list[dict[str, Any]]:
    return [
        {"operation": {**EVENT, "message_id": str(n)}, "reason": REFUSED} for n in range(number)
    ]


def test_redrive_moves_every_dead_letter_as_it_is(deployment: Deployment) -> None:
    entries = dead_letters(25)
    dead_letter(deployment, *(envelope(entry) for entry in entries[:23]), envelope(*entries[23:]))
    assert Redriving(deployment.queues).all() == 24
    assert deployment.waiting() == entries
    assert deployment.dead() == []


def test_redrive_of_an_empty_queue_moves_nothing(deployment: Deployment) -> None:
    assert Redriving(deployment.queues).all() == 0


def test_some_are_redriven_and_their_neighbours_stay(
    bookkeeper: Bookkeeper, deployment: Deployment
) -> None:
    entries = dead_letters(4)
    dead_letter(deployment, envelope(*entries[:3]), envelope(entries[3]))
    keys = [letter.key for letter in bookkeeper.look().dead if letter.message_id in ("1", "3")]
    assert Redriving(deployment.queues).some(keys) == 2
    assert deployment.waiting() == [entries[1], entries[3]]
    assert deployment.dead() == [entries[0], entries[2]]


@pytest.mark.parametrize(
    ("entry", "text", "redriven"),
    [
        (
            {"operation": EVENT, "reason": REFUSED},
            json.dumps({**EVENT, "metric": "Lid Found"}),
            {"operation": {**EVENT, "metric": "Lid Found"}, "reason": REFUSED},
        ),
        (
            {"message": {"messageId": "m-2", "userId": []}, "reason": INVALID},
            '{"messageId": "m-2", "type": "page", "userId": "u"}',
            {
                "message": {"messageId": "m-2", "type": "page", "userId": "u"},
                "reason": INVALID,
            },
        ),
    ],
    ids=["operation", "message"],
)
def test_dead_letter_is_corrected_and_redriven(
    entry: dict[str, Any],
    text: str,
    redriven: dict[str, Any],
    bookkeeper: Bookkeeper,
    deployment: Deployment,
) -> None:
    dead_letter(deployment, envelope(entry))
    [letter] = bookkeeper.look().dead
    assert Redriving(deployment.queues).instead(letter.key, corrected(letter.entry, text)) == 1
    assert (deployment.waiting(), deployment.dead()) == ([redriven], [])


@pytest.mark.parametrize(
    ("entry", "text", "error"),
    [
        (
            {"operation": EVENT},
            "{",
            "This is no JSON: Expecting property name enclosed in double quotes"
            " (line 1, column 2).",
        ),
        ({"operation": EVENT}, "[]", "operation: expected an object"),
        (
            {"operation": EVENT},
            '{"kind": "create_event"}',
            "operation: Object missing required field `identity`",
        ),
        ({"message": {}}, '{"type": "page", "userId": []}', "userId: must be string or number"),
        ({"unreadable": "?"}, "{}", "What cannot be read cannot be corrected here."),
    ],
)
def test_wrong_correction_is_told_and_changes_nothing(
    entry: dict[str, Any],
    text: str,
    error: str,
    bookkeeper: Bookkeeper,
    deployment: Deployment,
) -> None:
    dead_letter(deployment, envelope({**entry, "reason": REFUSED}))
    [letter] = bookkeeper.look().dead
    with pytest.raises(ValueError, match=f"^{re.escape(error)}"):
        corrected(letter.entry, text)
    assert len(deployment.dead()) == 1


def test_what_waits_is_tried_at_once(bookkeeper: Bookkeeper, deployment: Deployment) -> None:
    entry = {"operation": EVENT, "attempts": 2, "first_failed_at": 10.0}
    body = envelope({**entry, "not_before": time.time() + 900})
    url = deployment.queues.retry_queue_url
    deployment.sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=900)
    assert bookkeeper.look().waiting[0].next_at > time.time() + 800
    assert try_now(deployment.queues) == 1
    assert bookkeeper.look().waiting[0].next_at <= time.time()
    [received] = deployment.sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(received["Body"])["entries"] == [entry]
    assert try_now(deployment.queues) == 0


def test_reasons_are_counted() -> None:
    letters = [
        Dead(None, "message", {"code": code}, 0.0, code, Entry()) for code in ("a", "b", "a")
    ]
    assert by_reason(letters) == {"a": 2, "b": 1}


def test_watch_remembers_how_things_stood(bookkeeper: Bookkeeper, deployment: Deployment) -> None:
    dead_letter(deployment, envelope({"operation": EVENT, "reason": REFUSED}))
    with Watch(Journal(), bookkeeper, clock=lambda: 7.0) as watch:
        end = time.monotonic() + 60
        while not watch.looks and time.monotonic() < end:
            time.sleep(0.05)
    assert watch.looks[0] == Look(at=7.0, delivered=0, queued=0, waiting=0, dead=1)
