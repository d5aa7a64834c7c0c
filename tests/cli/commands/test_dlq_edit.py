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
from tests.cli.calling import answer, call, on_a_terminal, start
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


# Each correction goes back as soon as it was saved

RENAME = 's/"metric": "[^"]*"/"metric": "Renamed"/'
"""Changes an event, and no profile."""

BOTH = ("--reason", "retries_exhausted", "--reason", "refused")
"""Two events and a profile."""


def after_the_first(editor: Editor, command: str) -> None:
    """An editor that renames the event of the first entry that it opens; then it does this."""
    program = Path(editor(RENAME))
    text = program.read_text()
    renamed = (
        'test -e "$0.once" || grep -q upsert_profile "$1" || { touch "$0.once"; exec "$0.1" "$1"; }'
    )
    program.with_name("editor.1").write_text(text)
    program.with_name("editor.1").chmod(stat.S_IRWXU)
    program.write_text(f'#!/bin/sh\n{renamed}\ntest -e "$0.once" || exit 0\n{command}\n')


def test_failing_editor_costs_no_correction_that_was_saved_before(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    """As vim's `:cq` does."""
    after_the_first(editor, "exit 1")
    result = call("dlq", "edit", *queue, *BOTH)
    assert result.exit_code == 3
    assert result.stderr.endswith(
        "Editing failed; the entry that was open stays as it is. 1 entry edited and sent back "
        "before that; the others stay as they are\n"
    )
    assert [each["operation"]["metric"] for each in deployment.waiting()] == ["Renamed"]
    assert len(deployment.dead()) == 3


def test_interruption_costs_no_correction_that_was_saved_before(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    after_the_first(editor, "kill -INT $PPID; exec sleep 1")
    process = start("dlq", "edit", *queue, *BOTH)
    _, said = process.communicate()
    assert process.returncode == 130
    assert [line for line in said.splitlines() if line] == [
        "1 entry edited and sent back before that; the others stay as they are.",
        "error: interrupted",
    ]
    assert [each["operation"]["metric"] for each in deployment.waiting()] == ["Renamed"]
    assert len(deployment.dead()) == 3


def test_interruption_of_the_first_says_that_nothing_went_back(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    Path(editor(RENAME)).write_text("#!/bin/sh\nkill -INT $PPID; exec sleep 1\n")
    process = start("dlq", "edit", *queue, *BOTH)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith("Nothing was sent back; the entries stay as they are.\n")
    assert len(deployment.dead()) == 4


def test_fault_of_a_later_entry_is_no_wrong_usage(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    after_the_first(editor, 'echo "{" > "$1"; touch -d tomorrow "$1"')
    result = call("dlq", "edit", *queue, *BOTH)
    assert (result.exit_code, "not JSON" in result.stderr) == (3, True)
    assert "1 entry edited and sent back before that" in result.stderr
    assert (len(deployment.waiting()), len(deployment.dead())) == (1, 3)


def test_copies_of_an_entry_are_edited_once(
    editor: Editor, deployment: Deployment, queue: tuple[str, str]
) -> None:
    put(deployment, ENTRIES[3])
    editor('s/"userId": \\[\\]/"userId": "user-9"/')
    _, document = answer("dlq", "edit", *queue, "--message-id", "track-9")
    assert document == {"edited": 1, "unchanged": 0}
    assert len(deployment.dead()) == 3


def test_entries_that_hold_no_message_are_left_out(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    put(deployment, Entry(unreadable="{", reason=INVALID))
    editor('s/"userId": \\[\\]/"userId": "user-9"/')
    result = call("dlq", "edit", *queue, "--reason", "invalid_message", "--reason", "unreadable")
    assert result.stdout.startswith("1 entry edited")
    assert "no message can be read: 1 entry." in result.stderr


# What would become of it

TYPO = 's/"userId": \\[\\]/"userId": "user-9"/; s/"type": "track"/"type": "trakc"/'
"""Makes a message that can be read, and that every setting drops."""

LOSS = "it would be dropped (unsupported_type): "


def test_correction_that_would_be_dropped_needs_a_yes(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor(TYPO)
    given = ("dlq", "edit", *queue, "--message-id", "track-9")
    result = call(*given)
    assert (result.exit_code, result.stderr.startswith(f"error: {LOSS}")) == (2, True)
    assert "--yes sends it back nevertheless" in result.stderr
    assert (len(deployment.dead()), deployment.waiting()) == (4, [])
    result = call(*given, "--yes")
    assert (result.exit_code, result.stderr.startswith(LOSS)) == (0, True)
    assert (len(deployment.dead()), len(deployment.waiting())) == (3, 1)


@pytest.mark.parametrize(
    ("typed", "waiting"), [(["leave\n"], 0), (["send\n"], 1), (["edit\n", "leave\n"], 0)]
)
def test_on_a_terminal_somebody_chooses(
    typed: list[str],
    waiting: int,
    queue: tuple[str, str],
    editor: Editor,
    deployment: Deployment,
) -> None:
    program = editor(TYPO)
    with Path(program).open("a") as file:  # each save is one, also where nothing changes
        file.write('touch -d "$(date +%s%N | sed s/.........$//) seconds" "$1" || touch "$1"\n')
    given = ("dlq", "edit", *queue, "--message-id", "track-9")
    status, shown = on_a_terminal(*given, typed=typed)
    assert (status, LOSS in shown, len(deployment.waiting())) == (0, True, waiting)
    assert f"{waiting} entr{'y' if waiting else 'ies'} edited and sent back" in shown


@pytest.mark.parametrize(("forward_types", "status"), [("", 2), ("page", 0)])
def test_settings_of_the_stack_count(
    forward_types: str, status: int, deployment: Deployment, editor: Editor, make_stack: MakeStack
) -> None:
    put(deployment, ENTRIES[3])
    editor('s/"userId": \\[\\]/"userId": "user-9"/; s/"type": "track"/"type": "page"/')
    name = make_stack(ForwardTypes=forward_types, EnforceEmail="false")
    result = call("dlq", "edit", "--stack", name, "--message-id", "track-9")
    assert (result.exit_code, len(deployment.dead())) == (status, 1 if status else 0)


def test_settings_that_cannot_be_read_stop_it_before_the_editor_opens(
    deployment: Deployment, editor: Editor, make_stack: MakeStack
) -> None:
    put(deployment, ENTRIES[3])
    editor('s/"userId": \\[\\]/"userId": "user-9"/')
    given = ("dlq", "edit", "--stack", make_stack(RulesFile="nowhere.toml"), "--message-id")
    result = call(*given, "track-9")
    assert (result.exit_code, "RULES_FILE: nowhere.toml" in result.stderr) == (2, True)
    assert call(*given, "track-9", "--yes").exit_code == 0


def test_changed_message_id_is_mentioned(
    queue: tuple[str, str], editor: Editor, deployment: Deployment
) -> None:
    editor('s/"userId": \\[\\]/"userId": "user-9"/; s/track-9/track-8/')
    result = call("dlq", "edit", *queue, "--message-id", "track-9")
    assert result.exit_code == 0
    assert "The message id changes from track-9 to track-8: " in result.stderr


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
