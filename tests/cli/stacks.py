"""Stacks for `--stack`, whose outputs name a test's deployment."""

import uuid

from local.aws_stand_in import stack
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
        stack.create(
            name,
            self._deployment.queues,
            webhook_url,
            {
                "KlaviyoApiUrl": variables["KLAVIYO_API_URL"],
                "ThrottlingRate": "200",
                **parameters,
            },
            without=without,
            alarm_email=alarm_email,
        )
        return name
