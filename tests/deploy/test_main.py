"""`make deploy`: what is wrong is said before anything is built. `.ci/deploy` runs the rest."""

import json
from pathlib import Path

import pytest

from cli.stack.aws import Stack
from deploy import __main__ as deploy
from deploy import runbook
from deploy.rollout import ALARMS
from tests.deployment import client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, as far as parameters go, with a `sam` that nobody calls."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stacks").mkdir()
    sam = tmp_path / "sam"
    sam.write_text("#!/bin/sh\nexit 9\n")
    sam.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(deploy, "_deployed", lambda _: None)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert deploy.main(arguments) == 2
    return capsys.readouterr().err.strip()


@pytest.mark.parametrize("name", ["9lives", "a_b", "x" * 61])
def test_a_name_that_cloudformation_would_not_take(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert said(capsys, name) == (
        f"make deploy: STACK={name}: expected up to 60 letters, digits and hyphens, a letter first"
    )


@pytest.mark.parametrize("words", [("a", "b"), ()])
def test_a_name_that_make_hands_on_as_several_words_or_none(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert said(capsys, *words).startswith(f"make deploy: STACK={' '.join(words)}: expected up to")


def test_the_sam_cli_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert said(capsys, "shop").startswith(
        "make deploy: there is no command sam: https://docs.aws."
    )


def test_a_parameter_that_does_not_exist(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "stacks" / "shop.yaml").write_text("ListID: Y6nRLr\n")
    assert said(capsys, "shop") == (
        "make deploy: stacks/shop.yaml: there is no parameter ListID; is ListId meant?"
    )


def test_an_environment_that_lambda_would_not_take(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = json.dumps({f"audience_number_{n}": "Y6nRLr" for n in range(150)})
    (folder / "stacks" / "shop.yaml").write_text(f"AudienceLists: '{table}'\n")
    error = said(capsys, "shop")
    assert "Lambda takes 4096. AUDIENCE_LISTS has" in error
    assert error.endswith("shorten it (AudienceLists: auto needs no table)")


@pytest.mark.parametrize(
    ("is_new", "verbs"),
    [
        (True, ["secret set", "connect", "doctor", "rehearse"]),
        (False, ["doctor", "rehearse"]),
    ],
)
def test_addresses_are_whole_and_the_next_steps_are_the_readmes(
    is_new: bool, verbs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {"WebhookUrl": f"https://{'w' * 90}/", "DashboardUrl": f"https://{'d' * 90}/"}
    stack = Stack("shop", "CREATE_COMPLETE", outputs, {"AlarmEmail": "a@b.example"})
    deploy._say_what_is_next("shop", stack, is_new=is_new)
    said = capsys.readouterr().out.splitlines()
    assert said[2:5] == [
        f"Webhook:   {outputs['WebhookUrl']}",
        f"Dashboard: {outputs['DashboardUrl']}",
        "Next:",
    ]
    command = "  .venv/bin/klaviyo-destination "
    assert [line.removeprefix(command).partition(" --stack shop")[0] for line in said[5:]] == verbs


def test_what_the_stack_has_and_the_file_does_not_say_is_kept_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address is left out: what make writes may be a log that others read."""
    parameters = {"ListId": "OLD", "RetryHours": "24", "Pause": "on", "AlarmEmail": "a@b.example"}
    stack = Stack("shop", "UPDATE_COMPLETE", {}, parameters)
    monkeypatch.setattr(deploy, "_deployed", lambda _: stack)
    (folder / "stacks" / "shop.yaml").write_text("ListId: NEW\n")
    assert deploy.main(["shop"]) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "Parameters of stacks/shop.yaml: ListId=NEW",
        "Kept as the stack has them: Pause=on, AlarmEmail=…",
    ]
    assert captured.err.strip() == "make deploy: sam build failed, see above"


@pytest.mark.parametrize(
    ("kept", "page", "expected"),
    [
        ({}, "https://git.example/page", {"RunbookUrl": "https://git.example/page"}),
        ({"RunbookUrl": "https://wiki.example/"}, "https://git.example/page", {}),
        ({}, None, {}),
    ],
    ids=["found", "set before", "not found"],
)
def test_alarms_link_the_repositorys_page_unless_the_stack_has_an_address(
    kept: dict[str, str],
    page: str | None,
    expected: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runbook, "url", lambda _: page)
    assert deploy._runbook(kept) == expected


ON, OK = "ALARM", "OK"


@pytest.mark.parametrize(
    ("parameters", "states", "said_of"),
    [
        ("Rollout: Canary10Percent5Minutes", (OK, OK), None),
        ("Rollout: Canary10Percent5Minutes", (ON, OK), "shop-server-errors"),
        (
            "Rollout: Linear10PercentEvery1Minute",
            (ON, ON),
            "shop-function-errors, shop-server-errors",
        ),
        ("Rollout: AllAtOnce", (ON, ON), None),
        ("Rollout: Canary10Percent5Minutes\nPause: on", (ON, ON), None),
    ],
)
def test_a_gradual_deployment_waits_for_its_alarms(
    folder: Path,
    aws_variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    parameters: str,
    states: tuple[str, str],
    said_of: str | None,
) -> None:
    """CodeDeploy would take it back: https://github.com/aws/serverless-application-model/issues/716"""
    cloudwatch = client("cloudwatch")
    alarms = dict(zip(ALARMS, ("shop-server-errors", "shop-function-errors"), strict=True))
    for name, state in zip(alarms.values(), states, strict=True):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="m",
            Namespace="n",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
    stack = Stack("shop", "UPDATE_COMPLETE", {}, {})
    monkeypatch.setattr(deploy, "_deployed", lambda _: stack)
    monkeypatch.setattr(Stack, "resource", lambda _, logical_id: alarms[logical_id])
    (folder / "stacks" / "shop.yaml").write_text(f"{parameters}\n")
    expected = (
        "sam build failed, see above"
        if said_of is None
        else f"an alarm is on ({said_of}), so CodeDeploy would take a gradual deployment back. "
        "Wait until it is off, or deploy at once: write Rollout: AllAtOnce into stacks/shop.yaml"
    )
    assert said(capsys, "shop") == f"make deploy: {expected}"
