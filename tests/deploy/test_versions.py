"""Old versions of a function are deleted, and none that is called."""

import io
import json
import uuid
import zipfile

import pytest

from cli.troubles import Trouble
from deploy.versions import delete_uncalled
from tests.deployment import client


def code(text: str) -> bytes:
    """A function's zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("code.py", text)
    return content.getvalue()


@pytest.fixture
def function(aws_variables: dict[str, str]) -> str:
    """A function with the versions 1 to 4."""
    name, functions = f"function-{uuid.uuid4().hex}", client("lambda")
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({}))
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="code.handler",
        Code={"ZipFile": code("0")},
    )
    for number in range(1, 5):
        functions.update_function_code(FunctionName=name, ZipFile=code(str(number)))
        functions.publish_version(FunctionName=name)
    return name


def versions(function: str) -> list[str]:
    found = client("lambda").list_versions_by_function(FunctionName=function)["Versions"]
    return sorted(each["Version"] for each in found)


def test_what_an_alias_points_to_stays(function: str) -> None:
    """During a gradual deployment that is two versions:
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    client("lambda").create_alias(
        FunctionName=function,
        Name="live",
        FunctionVersion="4",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    assert delete_uncalled(function) == ["1", "3"]
    assert versions(function) == ["$LATEST", "2", "4"]
    assert delete_uncalled(function) == []


def test_without_a_function_it_is_said(aws_variables: dict[str, str]) -> None:
    with pytest.raises(Trouble, match="the function's versions: AWS answered ResourceNotFound"):
        delete_uncalled("nobody")
