"""Every command that a command tells somebody to run next runs as it is printed."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from cli.main import COMMANDS
from cli.next_command import aimed, how_to_set, next_command
from cli.stack.aws import Stack
from handler.report.message_ids import shown_id
from local.aws_stand_in.function import ROOT
from local.klaviyo_stand_in import Weather
from preview import ADVICE
from tests.cli.calling import call
from tests.cli.stacks import running
from tests.deployment import Deployment
from tests.handler.calls import call as signed
from tests.handler.calls import identify

PERSONAL = "ada@acme-store.example"
"""A message id that logs, answers and the ledger name by its hash."""


@pytest.fixture(params=["--local", "--stack here"])
def aim(
    request: pytest.FixtureRequest,
    deployment: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger_has_time: None,
) -> Iterator[list[str]]:
    """What aims a command at a deployment with a ledger, two dead letters and many problems."""
    deployment = deployment.with_ledger()
    deployment.account.set_weather(Weather(refuse_items="pointer"))
    for message_id in ("identify-1", PERSONAL):
        traits = {"email": "ada@acme-store.example", "poison": True}
        deployment.webhook(signed([identify(messageId=message_id, traits=traits)]))
    deployment.account.set_weather()
    outputs = {
        "WebhookUrl": "https://api.example/segment",
        "CredentialsSecretArn": deployment.queues.secret_arn,
        "RetryQueueUrl": deployment.queues.retry_queue_url,
        "DeadLetterQueueUrl": deployment.queues.dead_letter_queue_url,
        "LedgerTableName": deployment.variables["LEDGER_TABLE"],
    }
    given = {"KlaviyoApiUrl": deployment.variables["KLAVIYO_API_URL"]}
    monkeypatch.setattr(
        "cli.stack.aws.stack", lambda name: Stack(name, "CREATE_COMPLETE", outputs, given)
    )
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path / "a run"))
    with running(tmp_path / "a run", deployment):
        yield request.param.split()


HASH = str(shown_id(PERSONAL))

CALLS: tuple[tuple[str, str, list[list[str]]], ...] = (
    ("doctor", "", [["dlq list"]]),
    ("trace identify-1", "", [["dlq show", "--message-id", "identify-1"]]),
    (f"trace {PERSONAL}", "", [["dlq show", "--message-id", HASH]]),
    ("trace --email", PERSONAL, [["trace", "--", HASH]]),
    ("dlq redrive --message-id none", "", [["dlq list"]]),
    ("dlq edit --message-id none", "", [["dlq list"]]),
    ("dlq purge --message-id none", "", [["dlq list"]]),
)


@pytest.mark.parametrize(("words", "typed", "expected"), CALLS, ids=[each[0] for each in CALLS])
def test_what_is_printed_runs(
    words: str, typed: str, expected: list[list[str]], aim: list[str]
) -> None:
    found = printed(call(*words.split(), *aim, stdin=typed).output)
    stack_name = "--local" if aim == ["--local"] else "here"
    assert found == [next_command(verb, stack_name, *rest) for verb, *rest in expected]
    for each in found:
        result = run(each)
        assert (result.exit_code, bool(result.stdout)) == (0, True)


def printed(output: str) -> list[str]:
    """The commands in backticks."""
    return re.findall(r"`[^`]*klaviyo-destination [^`]*`", output)


def run(command: str) -> Result:
    """Run it as a shell would."""
    words = shlex.split(command.strip("`"))
    name = words.index("klaviyo-destination")
    return call(*words[name + 1 :], **dict(word.split("=", 1) for word in words[:name]))


# No other way to print one


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of a module that it may print, each with its line: no docstring and no help."""
    quiet = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EPILOG")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value


def test_no_command_is_written_by_hand() -> None:
    """Else it would lack the stack, or `--local`."""
    by_hand = re.compile(rf"`(klaviyo-destination |({'|'.join(COMMANDS)})\b)")
    modules = [path for path in sorted((ROOT / "cli").rglob("*.py")) if path.stem != "next_command"]
    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules
        for number, text in texts(ast.parse(path.read_text()))
        if by_hand.search(text)
    ] == []


# How they are written


@pytest.mark.parametrize(
    ("stack_name", "variables", "expected"),
    [
        (None, {}, "`klaviyo-destination dlq show --message-id 'a b'`"),
        ("shop", {}, "`klaviyo-destination dlq show --stack shop --message-id 'a b'`"),
        ("--local", {}, "`klaviyo-destination dlq show --local --message-id 'a b'`"),
        (
            "--local",
            {"PORT": "9090", "RUN_FOLDER": "/a run"},
            "`RUN_FOLDER='/a run' PORT=9090 klaviyo-destination dlq show --local"
            " --message-id 'a b'`",
        ),
    ],
)
def test_command_is_written_for_a_shell(
    stack_name: str | None,
    variables: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PORT", "RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert next_command("dlq show", stack_name, "--message-id", "a b") == expected


@pytest.mark.parametrize(
    ("called", "path", "expected"),
    [
        ("bin/klaviyo-destination", "bin", "`klaviyo-destination doctor`"),
        ("bin/klaviyo-destination", "elsewhere", "`bin/klaviyo-destination doctor`"),
        ("cli/__main__.py", "elsewhere", "`klaviyo-destination doctor`"),
    ],
)
def test_command_is_named_as_it_was_called(
    called: str, path: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "klaviyo-destination"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [called, "doctor"])
    monkeypatch.setenv("PATH", str(tmp_path / path))
    assert next_command("doctor", None) == expected


@pytest.mark.parametrize(
    ("code", "stack_name", "expected"),
    [
        ("paused", "shop", "`klaviyo-destination resume --stack shop`"),
        ("paused", None, "`klaviyo-destination resume --stack NAME`"),
        (
            "invalid_message",
            "shop",
            "`klaviyo-destination dlq edit --stack shop --reason invalid_message`",
        ),
        (
            "invalid_message",
            "--local",
            "`klaviyo-destination dlq edit --local --reason invalid_message`",
        ),
    ],
)
def test_remedy_of_the_functions_names_the_stack(
    code: str, stack_name: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    assert printed(aimed(ADVICE[code].remedy, stack_name)) == [expected]


def test_every_command_of_the_functions_remedies_can_be_aimed() -> None:
    found = [each for advice in ADVICE.values() for each in re.findall(r"`[^`]+`", advice.remedy)]
    assert [each for each in found if aimed(each, "shop") == each and " " in each] == []


def test_secret_is_set_where_it_is_read() -> None:
    assert how_to_set("shop") == "run `klaviyo-destination secret set --stack shop`"
    for stack_name in (None, "--local"):
        assert "KLAVIYO_PRIVATE_KEY" in how_to_set(stack_name)
