"""`pause` and `resume`: one parameter of the stack changes, and nothing else of it."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from cli.stack import aws
from tests.cli.calling import call
from tests.deployment import Deployment

TEMPLATE: Mapping[str, Any] = {
    "Parameters": {
        "Pause": {"Type": "String", "Default": "off"},
        "ListId": {"Type": "String", "Default": ""},
    },
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": []}},
    },
}


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[str]:
    yield from made(TEMPLATE, ListId="Y6nRLr")


@pytest.fixture
def old_stack(deployment: Deployment) -> Iterator[str]:
    """Deployed before there was a pause."""
    yield from made({**TEMPLATE, "Parameters": {"ListId": {"Type": "String"}}}, ListId="Y6nRLr")


def made(template: Mapping[str, Any], **parameters: str) -> Iterator[str]:
    formation = boto3.client("cloudformation")
    name = f"stack-{uuid.uuid4().hex[:8]}"
    formation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    yield name
    formation.delete_stack(StackName=name)
    formation.close()


def said(*arguments: object) -> tuple[int, str]:
    """The exit status, and what it wrote until the first full stop."""
    result = call(*arguments)
    return result.exit_code, result.stdout.split(".")[0]


def test_pause_and_resume_change_the_parameter_and_keep_the_others(stack: str) -> None:
    assert said("pause", "--stack", stack) == (0, f"{stack} is paused")
    assert aws.stack(stack).parameters == {"Pause": "on", "ListId": "Y6nRLr"}
    assert said("resume", "--stack", stack) == (0, f"{stack} delivers again")
    assert aws.stack(stack).parameters == {"Pause": "off", "ListId": "Y6nRLr"}


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_it_begins_only_where_there_is_something_to_do(verb: str, stack: str) -> None:
    said = {"pause": "Pausing", "resume": "Resuming"}[verb]
    result = call(verb, "--stack", "nowhere")
    assert (result.exit_code, result.stderr.startswith("error: there is no stack nowhere")) == (
        2,
        True,
    )
    call("pause" if verb == "resume" else "resume", "--stack", stack)
    assert call(verb, "--stack", stack).stderr == f"{said} {stack}; about a minute …\n"
    assert call(verb, "--stack", stack).stderr == ""


def test_what_is_so_already_is_not_done_again(stack: str) -> None:
    assert said("resume", "--stack", stack) == (0, f"{stack} was not paused")
    call("pause", "--stack", stack)
    assert said("pause", "--stack", stack) == (0, f"{stack} was paused already")


def test_a_stack_that_is_older_than_the_pause_has_to_be_deployed_first(old_stack: str) -> None:
    result = call("pause", "--stack", old_stack)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == (
        f"error: the stack {old_stack} cannot be paused: deploy it with the current template"
    )


def test_there_is_nothing_to_pause_without_a_stack() -> None:
    result = call("pause")
    assert result.exit_code == 2
    assert "Missing option '--stack'" in result.stderr
