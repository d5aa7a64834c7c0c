"""Gradual deployment and SnapStart: what SAM makes of the template that asks for them."""

import copy
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from deploy import rollout
from local.aws_stand_in.template import source
from tests.template.stack import Stack


def expanded(**parameters: str) -> dict[str, dict[str, Any]]:
    """The resources that CloudFormation makes for a stack with these parameters."""
    document = copy.deepcopy(rollout.template(parameters))
    document["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    resources: dict[str, dict[str, Any]] = translator.translate(document, dict(parameters))[
        "Resources"
    ]
    return resources


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in resources.values() if each["Type"] == kind]


CANARY = "Canary10Percent5Minutes"


@pytest.mark.parametrize(
    ("effective", "expected"),
    [
        ({}, False),
        ({"ListId": "Y6nRLr"}, False),
        ({"Rollout": "AllAtOnce", "SnapStart": "off"}, False),
        ({"Rollout": CANARY}, True),
        ({"SnapStart": "on"}, True),
    ],
)
def test_there_is_an_alias_only_where_one_is_needed(
    effective: dict[str, str], expected: bool
) -> None:
    assert rollout.is_wanted(effective) is expected
    assert "AutoPublishAlias" not in str(source())


def test_api_calls_the_alias() -> None:
    resources = expanded(SnapStart="on")
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    assert alias["Properties"]["Name"] == "live"
    for operation in resources["Api"]["Properties"]["Body"]["paths"]["/segment"].values():
        uri = operation["x-amazon-apigateway-integration"]["uri"]
        assert "${WebhookFunctionAliaslive}" in str(uri)


def test_an_alarm_during_a_gradual_deployment_brings_the_version_before_back() -> None:
    """https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups-configure-advanced-options.html"""
    resources = expanded(Rollout=CANARY)
    (group,) = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    alarms = group["Properties"]["AlarmConfiguration"]
    assert alarms["Alarms"] == [{"Name": {"Ref": name}} for name in rollout.ALARMS]
    assert alarms["Enabled"] is True
    rollback = group["Properties"]["AutoRollbackConfiguration"]
    assert "DEPLOYMENT_STOP_ON_ALARM" in rollback["Events"]
    assert CANARY in str(group["Properties"]["DeploymentConfigName"])
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]


@pytest.mark.parametrize("parameters", [{"SnapStart": "on"}, {"Rollout": CANARY, "Pause": "on"}])
def test_the_alias_moves_at_once_without_a_rollout_and_during_a_pause(
    parameters: dict[str, str],
) -> None:
    resources = expanded(**parameters)
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    assert "UpdatePolicy" not in alias
    assert not of_type(resources, "AWS::CodeDeploy::DeploymentGroup")


def description(**parameters: str) -> str:
    (version,) = of_type(expanded(**parameters), "AWS::Lambda::Version")
    text: str = version["Properties"]["Description"]["Fn::Sub"]
    return text.replace("${Pause}", parameters.get("Pause", "off"))


def configuration(**parameters: str) -> dict[str, Any]:
    """What a version of the webhook function keeps, as CloudFormation fills it in."""
    found = Stack(**parameters).properties("WebhookFunction")
    return {name: value for name, value in found.items() if name not in rollout.NOT_OF_A_VERSION}


def another(parameter: str) -> str:
    """A value that is not the default."""
    facts = source()["Parameters"][parameter]
    default = str(facts["Default"])
    if "AllowedValues" in facts:
        return next(each for each in map(str, facts["AllowedValues"]) if each != default)
    return str(int(default) + 1) if facts["Type"] == "Number" else "another"


DEFAULT = description(SnapStart="on")


@pytest.mark.parametrize("parameter", source()["Parameters"])
def test_a_version_is_published_for_a_parameter_that_the_function_has_and_for_no_other(
    parameter: str,
) -> None:
    """A version is replaced when its description changes, and Lambda publishes none of a function
    that has not changed:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html"""
    changed = {parameter: another(parameter)}
    is_another_function = configuration(**changed) != configuration()
    assert (description(SnapStart="on", **changed) != DEFAULT) is is_another_function


def test_a_default_that_is_written_out_publishes_no_version() -> None:
    defaults = {name: str(each["Default"]) for name, each in source()["Parameters"].items()}
    assert description(SnapStart="on", **defaults) == DEFAULT


@pytest.mark.parametrize(
    ("parameters", "is_another"),
    [
        ({"Rollout": CANARY}, False),
        ({"Rollout": "AllAtOnce"}, False),
        ({"SnapStart": "off"}, True),
    ],
)
def test_snap_start_is_of_a_version_and_the_way_to_it_is_not(
    parameters: dict[str, str], is_another: bool
) -> None:
    described = rollout.digest({"SnapStart": "on", **parameters})
    assert (described != rollout.digest({"SnapStart": "on"})) is is_another


def test_a_description_is_no_longer_than_lambda_takes() -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html"""
    assert len(DEFAULT) <= 256


def test_snap_start_is_of_the_webhook_function_only() -> None:
    """The retry function has no alias, and nobody waits for its start."""
    resources = expanded(SnapStart="on")
    assert "SnapStart" not in resources["RetryFunction"]["Properties"]
    found = resources["WebhookFunction"]["Properties"]["SnapStart"]
    assert rollout.template({})["Mappings"]["SnapStarts"]["on"] == {"ApplyOn": "PublishedVersions"}
    assert found["ApplyOn"]["Fn::FindInMap"][0] == "SnapStarts"
