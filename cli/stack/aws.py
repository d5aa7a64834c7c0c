"""AWS for the commands: clients, a stack's outputs and settings, and its secret.

boto3 reads region and credentials as the aws command does (AWS_PROFILE, AWS_REGION, …).
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cli.next_command import how_to_set
from cli.troubles import Misuse, OutOfReach, Trouble
from handler.aws.environment import Environment
from klaviyo_mapping.settings.declaration import declared
from klaviyo_mapping.settings.settings import Settings


def client(service: str) -> Any:
    """A boto3 client. Raises `Misuse` without a region."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import NoRegionError, ProfileNotFound

    if region := os.environ.get("AWS_REGION"):
        # The aws command reads it; boto3 reads only the other one.
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    config = Config(
        connect_timeout=5,
        retries={"total_max_attempts": 4, "mode": "standard"},
        s3={"addressing_style": "auto"},
    )
    try:
        return boto3.client(service, config=config)  # type: ignore[call-overload]
    except NoRegionError:
        raise Misuse("no AWS region is set: set AWS_REGION, or add one to ~/.aws/config") from None
    except ProfileNotFound as error:
        raise Misuse(f"{error}: set AWS_PROFILE to one of ~/.aws/config") from None


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Turns AWS's errors into `Trouble` about `what`: `OutOfReach` unless AWS knows of none."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise OutOfReach(
            "no AWS credentials were found: run `aws configure`, or set AWS_PROFILE"
        ) from None
    except ClientError as error:
        said = f"{what}: AWS answered {explained(error)}"
        raise (Trouble if _is_not_there(error) else OutOfReach)(said) from None
    except BotoCoreError as error:
        raise OutOfReach(f"{what}: AWS cannot be reached ({type(error).__name__})") from None


def explained(error: Any) -> str:
    """A `ClientError` in words: its code, and what helps against the usual ones."""
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    for part, remedy in REMEDIES.items():
        if part in code:
            return f"{code}: {remedy}"
    return code


def _is_not_there(error: Any) -> bool:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return any(part in code for part in NOT_THERE)


NOT_THERE = ("NonExistentQueue", "QueueDoesNotExist", "NoSuchBucket", "ResourceNotFound")

REMEDIES = {
    "AccessDenied": "give your own AWS user or role the right to do this",
    "UnauthorizedOperation": "give your own AWS user or role the right to do this",
    "ExpiredToken": "sign in to AWS again",
    "InvalidClientTokenId": "sign in to AWS again",
    "NonExistentQueue": "there is no such queue here; check the URL and the region",
    "QueueDoesNotExist": "there is no such queue here; check the URL and the region",
    "NoSuchBucket": "there is no such bucket",
    "ResourceNotFound": "there is none of this name here; is the region the right one?",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: what it says of itself."""

    name: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def is_deployed(self) -> bool:
        """Whether it is in AWS, with all that the template has."""
        return True

    def output(self, name: str) -> str:
        """One output. Raises `Trouble` when it is not there."""
        try:
            return self.outputs[name]
        except KeyError:
            raise Trouble(
                f"the stack {self.name} has no output {name}: is it this destination's? "
                "If so, deploy it again with the current template"
            ) from None

    def resource(self, logical_id: str) -> str | None:
        """The physical id of one of its resources, if it has it."""
        from botocore.exceptions import ClientError

        with reaching(f"the stack {self.name}"):
            try:
                found = client("cloudformation").describe_stack_resource(
                    StackName=self.name, LogicalResourceId=logical_id
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ValidationError":
                    raise
                return None
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def settings(self) -> dict[str, str]:
        """The settings as environment variables, from the stack's parameters.

        The rules' file is the one in this checkout.
        """
        given = {
            each.variable: self.parameters.get(each.parameter, "")
            for each in (*declared(Settings), *declared(Environment))
            if each.setting.origin == "parameter"
        }
        return {name: text for name, text in given.items() if text}

    def secret(self) -> dict[str, Any]:
        """The secret's fields; none while it was never set. Raises `Trouble`."""
        answer = secret_value(self.output("CredentialsSecretArn"))
        try:
            document = json.loads((answer or {}).get("SecretString") or "{}")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Trouble(f"the secret is not a JSON object: {how_to_set(self.name)}")
        return document


def stack(name: str) -> Stack:
    """What CloudFormation knows of a stack. Raises `Misuse` when there is none."""
    from botocore.exceptions import ClientError

    with reaching(f"the stack {name}"):
        try:
            (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ValidationError":
                raise
            raise Misuse(
                f"there is no stack {name} in this account and region: see `aws cloudformation "
                "list-stacks`, AWS_PROFILE and AWS_REGION"
            ) from None
    return Stack(
        name,
        found["StackStatus"],
        {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())},
        {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", ())},
    )


def secret_value(arn: str) -> Mapping[str, Any] | None:
    """Secrets Manager's answer; `None` for a secret that was never set. Raises `Trouble`."""
    from botocore.exceptions import ClientError

    with reaching("the secret"):
        try:
            found: Mapping[str, Any] = client("secretsmanager").get_secret_value(SecretId=arn)
        except ClientError as error:
            # It says the same of a secret that has no value yet, as a new stack's has none, and of
            # one that is not there; that one fails when it is written.
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            return None
    return found
