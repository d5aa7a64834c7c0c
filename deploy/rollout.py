"""Gradual deployment and SnapStart: what they add to the template, for a stack that asks for them.

Both need an alias, and an alias points to a published version, which keeps the settings with which
it was published. SAM publishes a version for new code, not for new parameters; but a version whose
description changes is published anew. So the description has a digest of the parameters that the
function has, which only `make deploy` can compute. Of other parameters, as of the alarms', it has
nothing: Lambda publishes no version of a function that has not changed, and CloudFormation would
take the deployment back. Without either of the two there is no alias, and any way to deploy will
do.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
https://github.com/aws/serverless-application-model/issues/2786
"""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
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

FUNCTION = "WebhookFunction"

ALARMS = ("ServerErrorsAlarm", "FunctionErrorsAlarm")
"""If one of them goes off meanwhile, CodeDeploy goes back to the version before."""

NOT_OF_A_VERSION = ("Events", "ReservedConcurrentExecutions", "Role")
"""What Lambda keeps beside the function, the same for all its versions."""

URLS = ("LicenseUrl", "ReadmeUrl")
"""Files that the template names, counted from its own place."""


def is_wanted(effective: Mapping[str, str]) -> bool:
    """Whether a stack with these parameters needs an alias."""
    return is_gradual(effective) or has_snapshots(effective)


def is_gradual(effective: Mapping[str, str]) -> bool:
    """Whether calls go over to a new version little by little."""
    return effective.get("Rollout", OFF) != OFF


def shifts_now(effective: Mapping[str, str]) -> bool:
    """Whether this deployment's calls do so: during a pause they go over at once."""
    return is_gradual(effective) and effective.get("Pause", "off") != "on"


def has_snapshots(effective: Mapping[str, str]) -> bool:
    """Whether each version is kept as a snapshot."""
    return effective.get("SnapStart", "off") == "on"


def template(effective: Mapping[str, str]) -> dict[str, Any]:
    """The template with an alias, for a stack with these parameters."""
    document: dict[str, Any] = copy.deepcopy(dict(source()))
    document["Parameters"] |= PARAMETERS
    document["Mappings"] |= {
        # A pause and the end of a gradual deployment do not wait for each other.
        "GradualUnlessPaused": {"off": {"Enabled": "true"}, "on": {"Enabled": "false"}},
        "SnapStarts": {"off": {"ApplyOn": "None"}, "on": {"ApplyOn": "PublishedVersions"}},
    }
    webhook = document["Resources"][FUNCTION]["Properties"]
    webhook["AutoPublishAlias"] = "live"
    webhook["VersionDescription"] = {"Fn::Sub": f"settings {digest(effective)} pause ${{Pause}}"}
    webhook["SnapStart"] = {
        "ApplyOn": {"Fn::FindInMap": ["SnapStarts", {"Ref": "SnapStart"}, "ApplyOn"]}
    }
    if is_gradual(effective):
        webhook["DeploymentPreference"] = {
            "Enabled": {"Fn::FindInMap": ["GradualUnlessPaused", {"Ref": "Pause"}, "Enabled"]},
            "Type": {"Ref": "Rollout"},
            "Alarms": [{"Ref": name} for name in ALARMS],
        }
    return document


def digest(effective: Mapping[str, str]) -> str:
    """Another text for another configuration of the webhook function.

    `Pause` has its own place in the description: `pause` changes it without `make deploy`.
    """
    declared = {**source()["Parameters"], **PARAMETERS}
    chosen = [
        (name, effective.get(name, str(declared[name]["Default"])))
        for name in sorted({*_named(_configuration()), "SnapStart"} & declared.keys() - {"Pause"})
    ]
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:16]


def _configuration() -> dict[str, Any]:
    """What a version of the webhook function keeps."""
    document = source()
    own = document["Resources"][FUNCTION]["Properties"]
    kept = {name: value for name, value in own.items() if name not in NOT_OF_A_VERSION}
    return {**document["Globals"]["Function"], **kept}


def _named(value: Any) -> Iterator[str]:
    """The parameters and resources on which a value of the template depends."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref":
                yield each
            elif key == "Fn::If":
                yield from _named([source()["Conditions"][each[0]], *each[1:]])
            else:
                yield from _named(each)


def write(document: Mapping[str, Any], file: Path) -> None:
    """A template that stands in another place than template.yaml."""
    application = document["Metadata"]["AWS::ServerlessRepo::Application"]
    for name in URLS:
        application[name] = str(FILE.parent / application[name])
    file.write_text(json.dumps(document), "utf-8")
