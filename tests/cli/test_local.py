"""`--local`: every command aimed at `make run`, by the file that it keeps in its folder."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.stack.local import FILE
from handler.queue.envelope import Entry, pack
from tests.cli.calling import answer, call, lines
from tests.cli.stacks import running
from tests.deployment import SHARED_SECRET, Deployment
from tests.handler.calls import call as signed
from tests.handler.calls import track
from tests.klaviyo_client.fakes import event

NAMES = ("KLAVIYO_PRIVATE_KEY", "SEGMENT_SHARED_SECRET", "PORT", "RUN_FOLDER")


@pytest.fixture(autouse=True)
def away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder without a run, and without a word of one in the environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path / ".run"))
    return tmp_path / ".run"


def test_every_command_finds_what_it_needs(away_from_home: Path, deployment: Deployment) -> None:
    letter = Entry(operation=event(), reason={"code": "refused"})
    for body in pack([letter]):
        deployment.sqs.send_message(
            QueueUrl=deployment.queues.dead_letter_queue_url, MessageBody=body
        )
    with running(away_from_home, deployment, ENFORCE_EMAIL="false"):
        status, examined = answer("doctor", "--local")
        found = {check["name"]: check["found"] for check in examined["checks"]}
        assert (status, found["settings"], found["retry queue"]) == (
            0,
            f"ENFORCE_EMAIL=false, KLAVIYO_API_URL={deployment.variables['KLAVIYO_API_URL']}",
            "0 SQS messages waiting",
        )
        assert answer("dlq", "list", "--local")[1]["entries"] == 1
        without_email = '{"type": "identify", "userId": "one"}'
        preview = answer("preview", "--local", "-", stdin=without_email)[1]
        assert preview["messages"][0]["verdict"] == "mapped"
        captured = json.dumps(signed([track()]))
        assert call("verify", "--local", "-", stdin=captured).exit_code == 0


def test_backfill_goes_to_the_stand_in(
    away_from_home: Path, deployment: Deployment, tmp_path: Path
) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text(
        '{"type":"track","messageId":"m","userId":"u","event":"Seen",'
        '"timestamp":"2026-01-02T03:04:05Z","properties":{"email":"a@acme-store.example"}}\n'
    )
    with running(away_from_home, deployment):
        state = tmp_path / "one.state"
        status, report = answer("backfill", "--local", "--state", state, archive)
    assert (status, report["delivered"]) == (0, {"create_event": 1})
    assert deployment.account.events_recorded == 1


def test_of_several_runs_the_port_says_which(away_from_home: Path, deployment: Deployment) -> None:
    with ExitStack() as runs:
        for port in (8080, 9090):
            runs.enter_context(running(away_from_home, deployment, port))
        result = call("dlq", "list", "--local")
        assert (result.exit_code, result.stderr) == (
            2,
            "error: --local: to choose the run, put PORT=8080 or PORT=9090 in front of the "
            "command\n",
        )
        assert lines(call("dlq", "list", "--local", PORT="9090")) == [
            "The dead-letter queue is empty."
        ]


def test_run_that_was_killed_is_none(away_from_home: Path, deployment: Deployment) -> None:
    with running(away_from_home, deployment) as file:
        pass
    assert file.name == FILE
    assert file.exists()
    result = call("dlq", "list", "--local")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --local: nothing is running on this machine; start it with `make run`\n",
    )


def test_secret_of_ones_own_is_only_in_the_environment(
    away_from_home: Path, deployment: Deployment
) -> None:
    captured = json.dumps(signed([track()]))
    with running(away_from_home, deployment, secret={}):
        without = call("verify", "--local", "-", stdin=captured)
        within = call("verify", "--local", "-", stdin=captured, SEGMENT_SHARED_SECRET=SHARED_SECRET)
    assert (without.exit_code, within.exit_code) == (3, 0)
    assert "segment_shared_secret" in without.stderr


def test_stack_and_local_contradict_each_other() -> None:
    result = call("dlq", "list", "--local", "--stack", "other")
    assert (result.exit_code, result.stderr) == (2, "error: --stack or --local, not both\n")


def test_connect_is_not_about_a_run(away_from_home: Path, deployment: Deployment) -> None:
    with running(away_from_home, deployment):
        result = call("connect", "--local", "--source", "my-shop")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: Segment reaches only what is deployed: --stack NAME\n",
    )
