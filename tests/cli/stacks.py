"""Stacks for `--stack` and runs for `--local`, made of a test's deployment."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.stack.local import LocalRun
from local.make_run.place import claimed
from tests.deployment import LEDGER_KEY, PRIVATE_KEY, SHARED_SECRET, Deployment, client

SECRET = {
    "klaviyo_private_key": PRIVATE_KEY,
    "segment_shared_secret": SHARED_SECRET,
    "ledger_key": LEDGER_KEY,
}


class MakeStack:
    """Makes a stack of the deployment's parts; its parameters are settings. Returns its name."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __call__(
        self,
        without: str = "",
        webhook_url: str = "https://api.example/segment",
        alarm_email: str = "",
        secret_arn: str = "",
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
            "CredentialsSecretArn": secret_arn or self._deployment.queues.secret_arn,
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
        formation = client("cloudformation")
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ],
        )
        return name


@contextmanager
def running(
    folder: Path,
    deployment: Deployment,
    port: int = 8080,
    secret: Mapping[str, str] = SECRET,
    **settings: str,
) -> Iterator[Path]:
    """As `make run` keeps its file while it lives."""
    names = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    with claimed(folder) as own:
        yield LocalRun(
            webhook_url=f"http://127.0.0.1:{port}/segment",
            klaviyo_url=deployment.variables["KLAVIYO_API_URL"],
            retry_queue_url=deployment.queues.retry_queue_url,
            dead_letter_queue_url=deployment.queues.dead_letter_queue_url,
            secret_arn=deployment.queues.secret_arn,
            ledger_table=deployment.variables.get("LEDGER_TABLE", "none"),
            aws={name: deployment.variables[name] for name in names},
            settings=settings,
            secret=secret,
        ).write(own)
