"""Gradual deployment and SnapStart: what they add to the template, for a stack that asks for them.

Both need an alias, and an alias points to a published version, which keeps the settings with which
it was published. SAM publishes a version for new code, not for new parameters; but a version whose
description changes is published anew. So the description has a digest of the parameters, which
only `make deploy` can compute. Without either of the two there is no alias, and any way to deploy
will do.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.aws_stand_in.template import FILE, source

OFF = "AllAtOnce"

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "Rollout": {
        "Type": "String",
        # CodeDeploy has slower ones. These end within the time that `pause` and `resume` wait.
        "AllowedValues": [
            OFF,
            "Canary10Percent5Minutes",
            "Canary10Percent10Minutes",
            "Canary10Percent15Minutes",
            "Linear10PercentEvery1Minute",
        ],
        "Default": OFF,
        "Description": "How the webhook function's calls go over to a new version.",
    },
    "SnapStart": {
        "Type": "String",
        "AllowedValues": ["off", "on"],
        "Default": "off",
        "Description": "Start the webhook function from a snapshot of the version.",
    },
}

ALARMS = ("ServerErrorsAlarm", "FunctionErrorsAlarm")
"""If one of them goes off meanwhile, CodeDeploy goes back to the version before."""

URLS = ("LicenseUrl", "ReadmeUrl")
"""Files that the template names, counted from its own place."""


def is_wanted(effective: Mapping[str, str]) -> bool:
    """Whether a stack with these parameters needs an alias."""
    return any(
        effective.get(name, facts["Default"]) != facts["Default"]
        for name, facts in PARAMETERS.items()
    )


def template(effective: Mapping[str, str]) -> dict[str, Any]:
    """The template with an alias, for a stack with these parameters."""
    document: dict[str, Any] = copy.deepcopy(dict(source()))
    document["Parameters"] |= PARAMETERS
    document["Mappings"] |= {
        # A pause and the end of a gradual deployment do not wait for each other.
        "GradualUnlessPaused": {"off": {"Enabled": "true"}, "on": {"Enabled": "false"}},
        "SnapStarts": {"off": {"ApplyOn": "None"}, "on": {"ApplyOn": "PublishedVersions"}},
    }
    webhook = document["Resources"]["WebhookFunction"]["Properties"]
    webhook["AutoPublishAlias"] = "live"
    webhook["VersionDescription"] = {"Fn::Sub": f"settings {digest(effective)} pause ${{Pause}}"}
    webhook["SnapStart"] = {
        "ApplyOn": {"Fn::FindInMap": ["SnapStarts", {"Ref": "SnapStart"}, "ApplyOn"]}
    }
    if effective.get("Rollout", OFF) != OFF:
        webhook["DeploymentPreference"] = {
            "Enabled": {"Fn::FindInMap": ["GradualUnlessPaused", {"Ref": "Pause"}, "Enabled"]},
            "Type": {"Ref": "Rollout"},
            "Alarms": [{"Ref": name} for name in ALARMS],
        }
    return document


def digest(effective: Mapping[str, str]) -> str:
    """Another text for other parameters; `Pause` has its own place in the description."""
    chosen = sorted((name, text) for name, text in effective.items() if name != "Pause")
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:16]


def write(document: Mapping[str, Any], file: Path) -> None:
    """A template that stands in another place than template.yaml."""
    application = document["Metadata"]["AWS::ServerlessRepo::Application"]
    for name in URLS:
        application[name] = str(FILE.parent / application[name])
    file.write_text(json.dumps(document), "utf-8")
