"""What all verbs have in common: help, exit statuses, errors, colours, speed."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, CommandLine, command
from cli.troubles import Status
from klaviyo_mapping.segment.message import FORWARDABLE
from local.aws_stand_in.function import ROOT
from tests.cli.calling import SECRET, call, environment, on_a_terminal, start
from tests.handler.calls import track

VERIFY = ("verify", "events/identify.json")
ESCAPE = "\x1b["
PAGE = ROOT / "docs" / "command-line.md"


@pytest.mark.parametrize(
    "verb", [*COMMANDS, *(f"dlq {verb}" for verb in ("list", "show", "export", "redrive", "purge"))]
)
def test_every_verb_has_help_with_examples(verb: str) -> None:
    result = call(*verb.split(), "--help")
    assert result.exit_code == 0
    assert f"Examples:\n    klaviyo-destination {verb}" in result.stdout


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_list_of_verbs_says_what_each_verb_does(verb: str) -> None:
    found = command.get_command(click.Context(command), verb)
    assert found is not None
    assert found.name == verb
    assert f"  {verb:<8}  {COMMANDS[verb][:40]}" in call("--help").stdout


@pytest.mark.parametrize("verb", COMMANDS)
def test_its_page_has_an_example_of_every_verb(verb: str) -> None:
    assert f"\nklaviyo-destination {verb} " in PAGE.read_text()


def test_its_page_explains_every_exit_status() -> None:
    text = PAGE.read_text()
    assert [f"| {status.value} | " in text for status in Status] == [True] * len(Status)


def test_help_says_what_the_exit_statuses_mean() -> None:
    text = call("--help").stdout
    for status in Status:
        assert f"\n    {status.value:<5}" in text


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("no-such-verb",), 2, "No such command 'no-such-verb'"),
        (("preview",), 2, "Missing argument 'FILE|-...'"),
        (("preview", "/nowhere.json"), 2, "error: /nowhere.json: no such file or folder"),
        (
            ("preview", "--default-country", "Germany", "events/track.json"),
            2,
            "error: DEFAULT_COUNTRY: expected a two-letter country code",
        ),
        (
            ("send", "events/track.json"),
            2,
            "error: name the webhook: --stack NAME, --local or --url",
        ),
        (("send", "--url", "http://127.0.0.1:1/x"), 2, "error: name files, or --test-event"),
        (
            ("send", "--url", "http://127.0.0.1:1/x", "events/track.json"),
            3,
            "error: no connection to http://127.0.0.1:1/x",
        ),
        (("dlq", "list"), 2, "error: name the dead-letter queue: --stack NAME, --local or"),
        (("backfill", "-"), 2, "error: standard input cannot be read twice"),
        (
            ("backfill", "--only", "alias", "events"),
            2,
            f"alias: expected some of identify, track, {', '.join(FORWARDABLE)}",
        ),
        (("backfill", "--since", "yesterday", "events"), 2, "expected a date or time such as"),
    ],
)
def test_error_is_one_line_with_the_remedy(
    arguments: tuple[str, ...], status: int, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEAD_LETTER_QUEUE_URL", raising=False)
    result = call(*arguments, SEGMENT_SHARED_SECRET=SECRET)
    assert result.exit_code == status
    assert error in result.stderr
    assert "Traceback" not in result.output


def test_fault_of_our_own_tells_its_place_and_nothing_of_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("ada@acme-store.example")

    monkeypatch.setattr(CommandLine, "get_command", fail)
    result = call("preview", "events/track.json")
    assert result.exit_code == Status.FAULT
    assert "a fault of the command itself: KeyError at test_main.py:" in result.stderr
    assert "acme" not in result.output


def test_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "messages.jsonl").write_text("{}")
    state = tmp_path / "no" / "such" / "folder" / "state"
    result = call("backfill", "--state", state, tmp_path, KLAVIYO_PRIVATE_KEY="pk_test")
    assert result.exit_code == 3
    assert f"{state}: cannot be written (No such file or directory)" in result.stderr


def test_secret_is_never_asked_for_where_there_is_no_terminal() -> None:
    result = call(*VERIFY, SEGMENT_SHARED_SECRET="")
    assert result.exit_code == Status.USAGE
    assert "SEGMENT_SHARED_SECRET is not set, and there is no terminal" in result.stderr


def test_colours_are_for_terminals_alone() -> None:
    assert ESCAPE in on_a_terminal(*VERIFY)[1]
    assert ESCAPE not in call(*VERIFY, SEGMENT_SHARED_SECRET=SECRET).output


def test_no_colour_is_shown_where_none_is_wanted() -> None:
    assert "\x1b[32m" in on_a_terminal(*VERIFY)[1]
    assert "\x1b[32m" not in on_a_terminal(*VERIFY, NO_COLOR="1")[1]


def test_secret_is_asked_for_on_a_terminal_and_not_shown() -> None:
    status, shown = on_a_terminal(*VERIFY, typed=f"{SECRET}\n", SEGMENT_SHARED_SECRET="")
    assert (status, "Segment shared secret:" in shown, SECRET in shown) == (0, True, False)
    assert "It matches." in shown


def test_reader_that_leaves_is_no_fault() -> None:
    process = start("preview", "--json", "events/order-completed.json")
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate()
    assert error == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_is_there(shell: str) -> None:
    result = call(_KLAVIYO_DESTINATION_COMPLETE=f"{shell}_source")
    assert result.exit_code == 0
    assert "_KLAVIYO_DESTINATION_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (("--help",), ("boto3", "requests", "moto", "fastjsonschema")),
        (("preview", "events/track.json"), ("boto3", "moto")),
        (("verify", "events/identify.json"), ("boto3", "requests", "moto")),
    ],
)
def test_start_imports_nothing_that_is_not_needed(
    arguments: tuple[str, ...], heavy: tuple[str, ...]
) -> None:
    script = f"""
import sys
from cli.main import command
command({list(arguments)!r}, standalone_mode=False)
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment({"SEGMENT_SHARED_SECRET": SECRET}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_text_cannot_command_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps(track(event="a\x1b[2Jb\u202ec")))
    shown = call("preview", "--no-bodies", file).stdout
    assert "a\\u001b[2Jb\\u202ec" in shown
    assert "\x1b" not in shown
