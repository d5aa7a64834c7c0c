"""The template, expanded to plain CloudFormation by the translator that AWS itself runs."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.aws_stand_in.template import load

ROOT = Path(__file__).parent.parent.parent
BUCKET, KEY = "artifacts", "artifact.zip"

Resource = dict[str, Any]

SOURCE = load((ROOT / "template.yaml").read_text())
PARAMETERS: dict[str, dict[str, Any]] = SOURCE["Parameters"]


def expand(source: Mapping[str, Any] = SOURCE) -> dict[str, Any]:
    """What CloudFormation gets, the code in a bucket."""
    packaged = copy.deepcopy(dict(source))
    packaged["Globals"]["Function"]["CodeUri"] = f"s3://{BUCKET}/{KEY}"
    session = boto3.Session(region_name="us-east-1")
    expanded: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(
        packaged, {}
    )
    # AWS hands the document on as JSON, where aliases of YAML are copies.
    return dict(json.loads(json.dumps(expanded)))


EXPANDED = expand()
RESOURCES: dict[str, Resource] = EXPANDED["Resources"]


def properties(logical_id: str) -> dict[str, Any]:
    """The properties of a resource."""
    found: dict[str, Any] = RESOURCES[logical_id]["Properties"]
    return found


def of_type(kind: str) -> dict[str, Resource]:
    """The resources of a type, by logical id."""
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


def ref(name: str) -> dict[str, str]:
    """A reference."""
    return {"Ref": name}


def arn(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    """An attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}
