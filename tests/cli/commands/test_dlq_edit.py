"""`dlq edit`: an entry is corrected, checked, sent back, and the old one deleted last."""

import json
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.dead_letters.editing import as_text, edit, from_text
from cli.troubles import Misuse
from handler.queue.envelope import Entry, document_of
from tests.cli.calling import answer, call
from tests.cli.commands.test_dlq import ENTRIES, EXHAUSTED, INVALID, MALFORMED, put
from tests.cli.stacks import MakeStack
from tests.deployment import Deployment
from tests.handler.calls import batch, track
from tests.klaviyo_client.fakes import event

Editor = Callable[[str], str]


@pytest.fixture
def queue(deployment: Deployment) -> tuple[str, str]:
    """The option that names a dead-letter queue: four entries in two SQS messages."""
    for entries in (ENTRIES[:3], ENTRIES[3:]):
        put(deployment, *entries)
    return "--queue-url", deployment.queues.dead_letter_queue_url


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """Makes $EDITOR a sed script."""
    monkeypatch.delenv("VISUAL", raising=False)

    def make(script: str) -> str:
        program = tmp_path / "editor"
        # A moment passes, so that the file's time changes as it does when a person saves.
        program.write_text(f'#!/bin/sh\nsleep 0.05\nsed -i {shlex.quote(script)} "$1"\n')
        program.chmod(stat.S_IRWXU)
        monkeypatch.setenv("EDITOR", str(program))
        return str(program)

    return make


def documents(deployment: Deployment) -> tuple[list[Any], list[Any]]:
    """What is dead, and what waits, in order."""
    dead, waiting = deployment.dead(), deployment.waiting()
    return sorted(dead, key=json.dumps), sorted(waiting, key=json.dumps)


def test_corrected_message_goes_back_and_is_delivered(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor('s/"userId": \\[\\]/"userId": "user-9"/')
    status, document = answer("dlq", "edit", *queue, "--message-id", "track-9")
    assert (status, document) == (0, {"edited": 1, "unchanged": 0})
    corrected = {"message": {**MALFORMED, "userId": "user-9"}, "reason": INVALID}
    dead, waiting = documents(deployment)
    assert waiting == [corrected]
    assert dead == sorted(map(document_of, ENTRIES[:3]), key=json.dumps)
    [body] = deployment.sqs.receive_message(QueueUrl=deployment.queues.retry_queue_url)["Messages"]
    assert deployment.retry(batch(body["Body"])) == {"batchItemFailures": []}
    assert [each.unique_id for each in deployment.account.events] == ["track-9"]


def test_neighbours_of_an_edited_entry_stay(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor('s/"metric": "[^"]*"/"metric": "Renamed"/')
    result = call("dlq", "edit", *queue, "--reason", "retries_exhausted")
    assert result.exit_code == 0
    assert result.stdout == "1 entry edited and sent back to the retry queue; 1 unchanged.\n"
    dead, waiting = documents(deployment)
    assert [each["operation"]["metric"] for each in waiting] == ["Renamed"]
    others = [ENTRIES[0], ENTRIES[2], ENTRIES[3]]
    assert dead == sorted(map(document_of, others), key=json.dumps)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('s/"userId"/userId/', "not JSON"),
        ('s/"userId": \\[\\]/"userId": {}/', "message: userId: "),
        ('s/"message": {/"massage": {/', 'expected an object with "message" and nothing else'),
    ],
)
def test_what_cannot_go_back_is_said_and_the_entry_stays(
    script: str, said: str, queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor(script)
    result = call("dlq", "edit", *queue, "--message-id", "track-9")
    assert (result.exit_code, said in result.stderr) == (2, True)
    dead, waiting = documents(deployment)
    assert (dead, waiting) == (sorted(map(document_of, ENTRIES), key=json.dumps), [])


def test_closed_without_a_change_it_stays(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor("s/^nothing$//")
    assert answer("dlq", "edit", *queue, "--message-id", "m1")[1] == {"edited": 0, "unchanged": 1}
    assert len(deployment.dead()) == 4


@pytest.mark.parametrize("selection", [(), ("--message-id", "nobody")])
def test_it_wants_to_know_which(selection: tuple[str, ...], queue: tuple[str, str]) -> None:
    assert call("dlq", "edit", *queue, *selection).exit_code == 2


OPERATION = Entry(operation=event(2), reason=EXHAUSTED)


def test_text_says_why_the_entry_is_dead() -> None:
    head, _, *rest = as_text(OPERATION).splitlines()
    assert head == f"# {json.dumps(EXHAUSTED)}"
    assert json.loads("\n".join(rest)) == {"operation": document_of(OPERATION)["operation"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrc": "Seen"}, "operation: there is no field metrc"),
        ({"metric": 5}, "operation: metric: "),
        ({"kind": "nothing"}, "operation: "),
    ],
)
def test_operation_is_checked(changes: dict[str, Any], said: str) -> None:
    document = {"operation": {**document_of(OPERATION)["operation"], **changes}}
    with pytest.raises(Misuse, match=said):
        from_text(json.dumps(document), OPERATION)


def test_one_may_go_on_editing() -> None:
    drafts = iter(["{", json.dumps({"message": track(9, userId="user-9")})])
    problems: list[str] = []

    def again(problem: str) -> bool:
        problems.append(problem)
        return True

    before = Entry(message=MALFORMED, reason=INVALID)
    edited = edit(before, lambda text: next(drafts), again)
    assert edited == Entry(message=track(9, userId="user-9"), reason=INVALID)
    assert len(problems) == 1


def test_what_cannot_be_read_is_not_edited() -> None:
    with pytest.raises(Misuse, match="it can be exported"):
        as_text(Entry(unreadable="{", reason={"code": "unreadable"}))


def test_editor_opens_only_when_it_is_known_where_to_send(
    queue: tuple[str, str], editor: Editor, make_stack: MakeStack, tmp_path: Path
) -> None:
    """What somebody has corrected would be lost."""
    opened = tmp_path / "opened"
    editor(f"w {opened}")
    name = make_stack(without="RetryQueueUrl")
    result = call("dlq", "edit", "--stack", name, "--message-id", "track-9")
    assert (result.exit_code, opened.exists()) == (3, False)
    assert "has no output RetryQueueUrl" in result.stderr
