"""`dlq`: reasons counted, entries shown, moved back and deleted, over moto's SQS."""

import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.next_command import next_command
from handler.queue.envelope import Entry, pack
from operations import to_json
from tests.cli.calling import answer, call, lines
from tests.cli.stacks import MakeStack
from tests.deployment import PRIVATE_KEY, Deployment
from tests.handler.calls import batch, track
from tests.klaviyo_client.fakes import event, upsert

REFUSED = {
    "code": "refused",
    "status": 400,
    "klaviyo_code": "invalid",
    "detail": "'p1@shop.example' is not valid.",
    "pointer": "/data/attributes/email",
}
EXHAUSTED = {"code": "retries_exhausted", "last": "unavailable", "status": 503}
INVALID = {"code": "invalid_message", "field": "userId", "detail": "must be string"}
MALFORMED = track(9, userId=[])

ENTRIES = (
    Entry(operation=event(1), reason=REFUSED),
    Entry(operation=event(2), reason=EXHAUSTED),
    Entry(operation=upsert(3), reason=EXHAUSTED),
    Entry(message=MALFORMED, reason=INVALID),
)


@pytest.fixture
def queue(deployment: Deployment) -> tuple[str, str]:
    """The option that names a dead-letter queue with the entries above in two SQS messages."""
    for entries in (ENTRIES[:3], ENTRIES[3:]):
        put(deployment, *entries)
    return "--queue-url", deployment.queues.dead_letter_queue_url


def put(deployment: Deployment, *entries: Entry) -> None:
    for body in pack(entries):
        deployment.sqs.send_message(
            QueueUrl=deployment.queues.dead_letter_queue_url, MessageBody=body
        )


def ids(entries: list[dict[str, Any]]) -> list[str]:
    """The entries' message ids, in order."""
    return sorted(
        entry["operation"]["message_id"] if "operation" in entry else entry["message"]["messageId"]
        for entry in entries
    )


ALL = ["m1", "m2", "m3", "track-9"]


def test_list_groups_by_reason_and_counts(queue: tuple[str, str]) -> None:
    status, document = answer("dlq", "list", *queue)
    found = [
        (each["count"], each["code"], each["status"], each["detail"], each["kinds"])
        for each in document["groups"]
    ]
    assert (status, document["sqs_messages"], document["entries"]) == (0, 2, 4)
    assert found == [
        (2, "retries_exhausted", 503, "unavailable", {"create_event": 1, "upsert_profile": 1}),
        (1, "refused", 400, "/data/attributes/email: '***' is not valid.", {"create_event": 1}),
        (1, "invalid_message", None, "userId: must be string", {"message": 1}),
    ]
    assert [each["message_ids"] for each in document["groups"]] == [
        ["m2", "m3"],
        ["m1"],
        ["track-9"],
    ]


def test_list_shows_nothing_personal_and_what_to_do(queue: tuple[str, str]) -> None:
    result = call("dlq", "list", *queue)
    assert "shop.example" not in result.output
    assert "4 entries in 2 SQS messages." in result.stdout
    assert "retries_exhausted: " in result.stdout


def test_list_says_when_sqs_deletes_the_oldest(queue: tuple[str, str]) -> None:
    _, document = answer("dlq", "list", *queue)
    oldest = min(datetime.fromisoformat(each["oldest"]) for each in document["groups"])
    deleted = datetime.fromisoformat(document["first_deleted_at"])
    assert deleted - oldest == timedelta(days=14)
    last = call("dlq", "list", *queue).stdout.splitlines()[-1]
    assert last == f"SQS deletes the oldest on {deleted:%Y-%m-%d at %H:%M} UTC."


@pytest.mark.parametrize("verb", ["list", "show"])
def test_reading_takes_nothing(verb: str, queue: tuple[str, str], deployment: Deployment) -> None:
    for _ in range(2):
        assert call("dlq", verb, *queue).exit_code == 0
        assert ids(deployment.dead()) == ALL
    seen = deployment.sqs.receive_message(QueueUrl=queue[1], MaxNumberOfMessages=10)
    assert len(seen["Messages"]) == 2


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), ALL),
        (("--reason", "retries_exhausted"), ["m2", "m3"]),
        (("--reason", "invalid"), ["m1"]),
        (("--reason", "refused", "--reason", "invalid_message"), ["m1", "track-9"]),
        (("--message-id", "m3"), ["m3"]),
        (("--reason", "refused", "--message-id", "m3"), []),
    ],
)
def test_show_selects_by_reason_and_message(
    options: tuple[str, ...], shown: list[str], queue: tuple[str, str]
) -> None:
    result = call("dlq", "show", "--json", *options, *queue)
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(document["message_id"] for document in documents) == shown


def test_show_shows_the_payload_whole(queue: tuple[str, str]) -> None:
    [document] = map(
        json.loads,
        call("dlq", "show", "--json", "--message-id", "m1", *queue).stdout.splitlines(),
    )
    assert document["operation"] == to_json(event(1))
    assert document["reason"] == REFUSED


def test_export_is_for_its_owner_alone_and_replaces_nothing(
    queue: tuple[str, str], tmp_path: Path, deployment: Deployment
) -> None:
    file = tmp_path / "letters.jsonl"
    assert call("dlq", "export", file, *queue).exit_code == 0
    assert ids([json.loads(line) for line in file.read_text().splitlines()]) == ALL
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ids(deployment.dead()) == ALL
    again = call("dlq", "export", file, *queue)
    assert (again.exit_code, "exists: name another file" in again.stderr) == (2, True)


def test_redrive_of_everything_is_sqs_own_move(
    queue: tuple[str, str], deployment: Deployment
) -> None:
    expected = (0, {"dry_run": False, "moved": 2, "unit": "sqs_messages"})
    assert answer("dlq", "redrive", *queue) == expected
    assert (deployment.dead(), ids(deployment.waiting())) == ([], ALL)


def test_redrive_of_some_leaves_the_others(queue: tuple[str, str], deployment: Deployment) -> None:
    status, document = answer("dlq", "redrive", "--reason", "retries_exhausted", *queue)
    assert (status, document) == (0, {"dry_run": False, "moved": 2, "unit": "entries"})
    assert ids(deployment.waiting()) == ["m2", "m3"]
    assert ids(deployment.dead()) == ["m1", "track-9"]


def test_what_was_redriven_is_delivered_by_the_retry_function(
    queue: tuple[str, str], deployment: Deployment
) -> None:
    call("dlq", "redrive", "--message-id", "m2", *queue)
    bodies = [
        message["Body"]
        for message in deployment.sqs.receive_message(
            QueueUrl=deployment.queues.retry_queue_url, MaxNumberOfMessages=10
        )["Messages"]
    ]
    deployment.retry(batch(*bodies))
    assert [record.unique_id for record in deployment.account.events] == ["u2"]


@pytest.mark.parametrize("verb", ["redrive", "purge"])
@pytest.mark.parametrize(
    ("options", "said"),
    [((), "2 SQS messages would be"), (("--reason", "refused"), "1 entry would be")],
)
def test_dry_run_changes_nothing(
    verb: str,
    options: tuple[str, ...],
    said: str,
    queue: tuple[str, str],
    deployment: Deployment,
) -> None:
    result = call("dlq", verb, "--dry-run", *options, *queue)
    assert result.exit_code == 0
    assert result.stdout.startswith(said)
    assert (ids(deployment.dead()), deployment.waiting()) == (ALL, [])


def test_purge_needs_a_yes(queue: tuple[str, str], deployment: Deployment) -> None:
    result = call("dlq", "purge", *queue)
    assert (result.exit_code, "give --yes" in result.stderr) == (2, True)
    assert ids(deployment.dead()) == ALL


def test_purge_of_some_leaves_the_others(queue: tuple[str, str], deployment: Deployment) -> None:
    status, document = answer("dlq", "purge", "--yes", "--message-id", "m1", *queue)
    assert (status, document) == (0, {"dry_run": False, "deleted": 1, "unit": "entries"})
    assert ids(deployment.dead()) == ["m2", "m3", "track-9"]


def test_purge_of_everything(queue: tuple[str, str], deployment: Deployment) -> None:
    assert call("dlq", "purge", "--yes", *queue).exit_code == 0
    assert deployment.dead() == []


def test_many_messages_are_all_seen(deployment: Deployment) -> None:
    for number in range(25):
        put(deployment, Entry(operation=event(number), reason=REFUSED))
    _, document = answer("dlq", "list", "--queue-url", deployment.queues.dead_letter_queue_url)
    assert (document["sqs_messages"], document["entries"]) == (25, 25)


def test_queue_that_is_none_is_told(aws_variables: dict[str, str]) -> None:
    url = f"{aws_variables['AWS_ENDPOINT_URL']}/123456789012/nowhere"
    result = call("dlq", "list", "--queue-url", url)
    assert result.exit_code == 3
    assert "there is no such queue here" in result.stderr


def test_empty_queue_is_said_to_be_empty(deployment: Deployment) -> None:
    result = call("dlq", "list", "--queue-url", deployment.queues.dead_letter_queue_url)
    assert lines(result) == ["The dead-letter queue is empty."]


@pytest.mark.parametrize("verb", ["show", "export", "redrive", "purge"])
def test_reason_that_nothing_has_is_a_mistake(
    verb: str, queue: tuple[str, str], tmp_path: Path
) -> None:
    file = [tmp_path / "letters"] if verb == "export" else []
    result = call("dlq", verb, *file, *queue, "--reason", "nosuch", "--reason", "refused")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --reason: nothing has the reason nosuch; the queue has invalid, invalid_message, "
        "refused, retries_exhausted\n",
    )


def test_reason_of_ours_that_nothing_has_is_none(queue: tuple[str, str]) -> None:
    result = call("dlq", "redrive", *queue, "--reason", "too_large")
    assert (result.exit_code, lines(result)) == (
        0,
        ["0 entries moved back to the retry queue."],
    )
    there = next_command("dlq list", None, *queue)
    assert result.stderr == f"no entry matches; {there} shows what there is\n"


def test_export_is_read_by_preview_and_backfill(deployment: Deployment, tmp_path: Path) -> None:
    timed = Entry(operation=event(1, time="2026-11-01T00:00:00+00:00"), reason=REFUSED)
    put(deployment, timed, *ENTRIES[2:])
    queue = "--queue-url", deployment.queues.dead_letter_queue_url
    file = tmp_path / "letters.jsonl"
    assert call("dlq", "export", *queue, file).exit_code == 0
    status, document = answer("preview", file)
    verdicts = {each["message_id"]: each["verdict"] for each in document["messages"]}
    assert (status, verdicts) == (
        1,
        {"m1": "mapped", "m3": "mapped", "track-9": "rejected"},
    )
    variables = {**dict(deployment.variables), "KLAVIYO_PRIVATE_KEY": PRIVATE_KEY}
    state = tmp_path / "letters.state"
    status, report = answer("backfill", "--state", state, file, **variables)
    assert (status, report["delivered"], report["rejected"]) == (
        1,
        {"create_event": 1, "upsert_profile": 1},
        {"invalid_message": 1},
    )
    assert deployment.account.events_recorded == 1


# The two queues are two


def spelt_otherwise(url: str) -> str:
    """The same queue at another address, as an interface endpoint of a VPC is one."""
    return url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("spell", [str, spelt_otherwise])
@pytest.mark.parametrize(
    "words",
    [
        ("redrive",),
        ("redrive", "--dry-run"),
        ("redrive", "--message-id", "m1"),
        ("edit", "--message-id", "m1"),
    ],
    ids=" ".join,
)
def test_nothing_moves_from_the_dead_letter_queue_to_itself(
    words: tuple[str, ...],
    spell: Callable[[str], str],
    queue: tuple[str, str],
    deployment: Deployment,
) -> None:
    """It would come back without an end."""
    result = call("dlq", *words, *queue, "--retry-queue-url", spell(queue[1]))
    assert (result.exit_code, "is the dead-letter queue itself" in result.stderr) == (2, True)
    assert ids(deployment.dead()) == ALL


@pytest.mark.parametrize("spell", [str, spelt_otherwise])
def test_what_waits_is_not_purged(
    spell: Callable[[str], str],
    queue: tuple[str, str],
    deployment: Deployment,
    make_stack: MakeStack,
) -> None:
    deployment.put(next(iter(pack([ENTRIES[0]]))))
    waiting = deployment.queues.retry_queue_url
    given = ("dlq", "purge", "--yes", "--queue-url", spell(waiting))
    for result in (call(*given, RETRY_QUEUE_URL=waiting), call(*given, "--stack", make_stack())):
        assert (result.exit_code, "is the retry queue" in result.stderr) == (2, True)
    assert len(deployment.waiting()) == 1
