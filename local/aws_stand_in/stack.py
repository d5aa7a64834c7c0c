"""A CloudFormation stack whose outputs and parameters name what already runs.

So the command line finds the destination by `--stack`, as it does in AWS. It holds the resources
that the command line asks for by their logical ids, and of the template's others only the names.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import boto3

from local.aws_stand_in.server import Queues
from local.guard import Application


def create(
    name: str,
    queues: Queues,
    webhook_url: str,
    parameters: Mapping[str, str],
    *,
    without: str = "",
    alarm_email: str = "",
) -> None:
    """Create the stack; `without` leaves an output out, `alarm_email` subscribes to the alarms."""
    places = {
        "CredentialsSecretArn": queues.secret_arn,
        "DeadLetterQueueUrl": queues.dead_letter_queue_url,
    }
    outputs: dict[str, Any] = {"WebhookUrl": webhook_url, **places}
    outputs.pop(without, None)
    topic: dict[str, Any] = {"Type": "AWS::SNS::Topic"}
    if alarm_email:
        subscription = {"Protocol": "email", "Endpoint": alarm_email}
        topic["Properties"] = {"Subscription": [subscription]}
    template = {
        "Parameters": {each: {"Type": "String"} for each in parameters},
        "Resources": {"AlarmTopic": topic},
        "Outputs": {each: {"Value": value} for each, value in outputs.items()},
    }
    formation = boto3.client("cloudformation")
    try:
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
        )
    finally:
        formation.close()


class LateStack:
    """Makes a stack before the first request to CloudFormation, once it is known how to.

    Moto takes seconds to load CloudFormation, and few who run the destination ask for the stack.
    """

    def __init__(self) -> None:
        self.make: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def around(self, moto: Application) -> Application:
        """The application that looks at each request first."""

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if SCOPE in environ.get("HTTP_AUTHORIZATION", ""):
                with self._lock:
                    make, self.make = self.make, None
                if make is not None:
                    make()
            return moto(environ, start_response)

        return answer


SCOPE = "/cloudformation/aws4_request"
"""How a signed request names the service that it is for:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
