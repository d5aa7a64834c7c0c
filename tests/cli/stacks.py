"""Stacks for `--stack`, whose outputs name a test's deployment."""

import json
import uuid
from typing import Any

import boto3

from tests.deployment import Deployment


class MakeStack:
    """Makes a stack of the deployment's parts; its parameters are settings. Returns its name."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __call__(
        self,
        without: str = "",
        webhook_url: str = "https://api.example/segment",
        alarm_email: str = "",
        **parameters: str,
    ) -> str:
        name = f"stack-{uuid.uuid4().hex[:8]}"
        variables = self._deployment.variables
        given = {
            "KlaviyoApiUrl": variables["KLAVIYO_API_URL"],
            "ThrottlingRate": "200",
            **parameters,
        }
        outputs: dict[str, str] = {
            "WebhookUrl": webhook_url,
            "CredentialsSecretArn": self._deployment.queues.secret_arn,
            "RetryQueueUrl": self._deployment.queues.retry_queue_url,
            "DeadLetterQueueUrl": self._deployment.queues.dead_letter_queue_url,
        }
        outputs.pop(without, None)
        topic: dict[str, Any] = {"Type": "AWS::SNS::Topic"}
        if alarm_email:
            subscription = {"Protocol": "email", "Endpoint": alarm_email}
            topic["Properties"] = {"Subscription": [subscription]}
        template = {
            "Parameters": {each: {"Type": "String"} for each in given},
            "Resources": {"AlarmTopic": topic},
            "Outputs": {each: {"Value": value} for each, value in outputs.items()},
        }
        formation = boto3.client("cloudformation")
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ],
        )
        formation.close()
        return name
