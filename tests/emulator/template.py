"""The template, as much of it as the emulator takes; what differs is named, with the reason."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy import rollout
from local.aws_stand_in.template import FILE, load
from tests.template.template import EXPANDED

Resource = Mapping[str, Any]

UNKNOWN_TYPES = {
    "AWS::Logs::QueryDefinition",
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::Chatbot::MicrosoftTeamsChannelConfiguration",
}
"""CloudFormation of ministack 1.5.33: "Unrecognized resource types"."""


def _of_unknown_type(resource: Resource) -> bool:
    return resource["Type"] in UNKNOWN_TYPES


def _is_alarm_on_an_expression(resource: Resource) -> bool:
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]


LEFT_OUT: Mapping[str, Callable[[Resource], bool]] = {
    "the emulator does not know the type": _of_unknown_type,
    "the emulator's alarms read one metric, not an expression": _is_alarm_on_an_expression,
}


def write(file: Path, klaviyo_url: str, aws_url: str) -> Iterator[str]:
    """Write the template to the file; yields what differs from template.yaml, one line each."""
    document = load(FILE.read_text("utf-8"))
    resources: dict[str, Any] = document["Resources"]
    for reason, is_left_out in LEFT_OUT.items():
        names = [name for name, each in resources.items() if is_left_out(each)]
        for name in names:
            del resources[name]
        yield f"left out, since {reason}: {', '.join(names)}"
    document["Parameters"]["KlaviyoApiUrl"] |= {"Default": klaviyo_url, "AllowedPattern": ".*"}
    yield "changed: KlaviyoApiUrl takes http://, since Klaviyo is the stand-in"
    queue = resources["RetryFunction"]["Properties"]["Events"]["Queue"]["Properties"]
    queue["ScalingConfig"]["MaximumConcurrency"] = 2
    yield "changed: MaximumConcurrency is a number, since the emulator cannot compare a parameter"
    routes = _routes()
    resources |= routes
    keys = [each["Properties"]["RouteKey"] for name, each in routes.items() if name != INTEGRATION]
    yield f"added, since the emulator reads no OpenAPI body: {', '.join(keys)}"
    url = f"{aws_url}/_aws/execute-api/${{Api}}/$default/segment"
    document["Outputs"]["WebhookUrl"]["Value"] = {"Fn::Sub": url}
    yield "changed: WebhookUrl is the emulator's address of the API"
    rollout.write(document, file)


INTEGRATION = "EmulatedIntegration"


def _routes() -> dict[str, Any]:
    """The routes of the API's OpenAPI body as resources of their own."""
    body = EXPANDED["Resources"]["Api"]["Properties"]["Body"]
    integration = {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "Api"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": {"Fn::GetAtt": ["WebhookFunction", "Arn"]},
            "PayloadFormatVersion": "2.0",
        },
    }
    routes = {
        f"Emulated{method.capitalize()}": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": f"{method.upper()} {path}",
                "Target": {"Fn::Sub": f"integrations/${{{INTEGRATION}}}"},
            },
        }
        for path, methods in body["paths"].items()
        for method in methods
    }
    return {INTEGRATION: integration, **routes}
