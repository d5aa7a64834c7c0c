"""The template's parameters: bounded, described, and taking what the settings take."""

import re
import tomllib

import pytest

from klaviyo_mapping.settings.settings import Settings
from tests.template.stack import PSEUDO, Stack
from tests.template.template import PARAMETERS, ROOT, SOURCE, ref

VARIABLES = SOURCE["Globals"]["Function"]["Environment"]["Variables"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_is_described_typed_bounded_and_in_a_group(name: str) -> None:
    parameter = PARAMETERS[name]
    interface = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [each for group in interface["ParameterGroups"] for each in group["Parameters"]]
    assert parameter["Type"] in ("String", "Number")
    assert parameter["Description"].endswith(".")
    assert "Default" in parameter
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
    assert grouped.count(name) == 1
    assert name in interface["ParameterLabels"]


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("AudienceLists", ["", "auto", "AUTO", "{}", '{"vips": "Y6nRLr"}'], ["vips", "[]", "off"]),
        ("SubscribeEvent", ["User Subscribed", "x", "x" * 127], ["", " x", "x" * 128]),
        ("UnsubscribeEvent", ["User Unsubscribed", "x", "x" * 127], ["", "x ", "x" * 128]),
        ("KeepUserId", ["", "user_id", "Segment User-Id"], ["$id", "a/b", "x" * 65]),
        ("ForwardTypes", ["", "page", "group,page, screen"], ["alias", "page,", ",", "page;group"]),
        ("ConsentSource", ["Segment", "x", "Web shop", "x" * 100], ["", " x", "x" * 101]),
    ],
)
def test_parameters_pattern_takes_what_the_setting_takes(
    name: str, taken: list[str], refused: list[str]
) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    (variable,) = [key for key, value in VARIABLES.items() if value == ref(name)]
    for text in taken:
        assert re.search(pattern, text)
        Settings.from_environment({variable: text})
    for text in refused:
        assert not re.search(pattern, text)


def test_parameter_of_the_rules_file_takes_what_the_build_takes_along() -> None:
    pattern = PARAMETERS["RulesFile"]["AllowedPattern"]
    assert all(re.search(pattern, text) for text in ("", "rules.toml", "rules.prod-1.toml"))
    assert not any(re.search(pattern, text) for text in ("a/x.toml", "../x.toml", "rules.json"))
    assert "RULES := $(wildcard *.toml)" in (ROOT / "src" / "Makefile").read_text()


# What else the template says of itself


def test_version_of_the_application_repository_is_the_projects() -> None:
    """https://docs.aws.amazon.com/serverlessrepo/latest/devguide/serverlessrepo-publishing-applications.html"""
    application = SOURCE["Metadata"]["AWS::ServerlessRepo::Application"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert application["SemanticVersion"] == project["version"]
    assert (application["Name"], application["SpdxLicenseId"]) == (
        project["name"],
        project["license"],
    )
    for file in (application["LicenseUrl"], application["ReadmeUrl"]):
        assert (ROOT / file).is_file()


CONSOLES = [
    ("aws", "eu-central-1", "eu-central-1.console.aws.amazon.com"),
    ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
    ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
]
"""https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html; for the European Sovereign
Cloud, the tests of the aws command: https://github.com/aws/aws-cli"""


@pytest.mark.parametrize(("partition", "region", "host"), CONSOLES)
def test_dashboards_address_is_that_of_the_partitions_console(
    partition: str, region: str, host: str
) -> None:
    stack = Stack({**PSEUDO, "AWS::Partition": partition, "AWS::Region": region})
    assert stack.outputs["DashboardUrl"].startswith(f"https://{host}/cloudwatch/home?")


def test_no_output_is_a_command() -> None:
    """SAM's table breaks lines within words, so nobody could copy it."""
    for value in Stack().outputs.values():
        assert isinstance(value, dict) or re.fullmatch(r"https://\S+", value)
