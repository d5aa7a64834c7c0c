"""The secret's text, from AWS Secrets Manager.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html

Every cold start waits for it. boto3 would take ten times as long to be loaded as the request takes,
so it is asked only where the role's keys are not in the environment (SnapStart hands them out by
another way).
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from handler.credentials import CredentialsUnavailable
from handler.signing import Keys, signed_headers
from klaviyo_client.certificates import trusted

SERVICE = "secretsmanager"
TARGET = "secretsmanager.GetSecretValue"

SECONDS = 1.5
"""For each of the attempts: Segment waits five in all."""

ATTEMPTS = 2


def fetch_secret(arn: str, seconds: float) -> str:
    """The text of the secret, within `seconds`. Raises `CredentialsUnavailable`, naming
    AWS's error code."""
    variables = os.environ
    parts = arn.split(":")
    region = parts[3] if len(parts) > 3 else variables.get("AWS_REGION", "")
    if "AWS_ACCESS_KEY_ID" not in variables or not region:
        text = _by_boto3(arn)
    else:
        text = _by_request(arn, region, variables, seconds)
    if not isinstance(text, str) or not text:
        raise CredentialsUnavailable("the secret holds no text")
    return text


def _by_request(arn: str, region: str, variables: Mapping[str, str], seconds: float) -> object:
    keys = Keys(
        variables["AWS_ACCESS_KEY_ID"],
        variables.get("AWS_SECRET_ACCESS_KEY", ""),
        variables.get("AWS_SESSION_TOKEN"),
    )
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    address = urlsplit(
        variables.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        or variables.get("AWS_ENDPOINT_URL")
        or f"https://{SERVICE}.{region}.{suffix}"
    )
    body = json.dumps({"SecretId": arn}).encode()
    for attempt in range(1, ATTEMPTS + 1):
        headers = signed_headers(
            address.netloc, TARGET, body, keys, SERVICE, region, datetime.now(UTC)
        )
        try:
            status, answer = _post(
                address.scheme, address.netloc, body, headers, seconds / ATTEMPTS
            )
        except (OSError, HTTPException) as error:
            if attempt == ATTEMPTS:
                name = type(error).__name__
                raise CredentialsUnavailable(f"the secret cannot be read: {name}") from None
            continue
        if status == 200:
            return answer.get("SecretString")
        if status < 500 or attempt == ATTEMPTS:
            break
    code = str(answer.get("__type") or f"status {status}").rpartition("#")[2]
    raise CredentialsUnavailable(f"the secret cannot be read: {code}")


def _post(
    scheme: str, netloc: str, body: bytes, headers: Mapping[str, str], seconds: float
) -> tuple[int, dict[str, object]]:
    connection = (
        HTTPSConnection(netloc, timeout=seconds, context=trusted())
        if scheme == "https"
        else HTTPConnection(netloc, timeout=seconds)
    )
    try:
        connection.request("POST", "/", body, dict(headers))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    return response.status, answer if isinstance(answer, dict) else {}


def _by_boto3(arn: str) -> object:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(
        connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": ATTEMPTS}
    )
    try:
        client = boto3.client("secretsmanager", config=config)
        return client.get_secret_value(SecretId=arn).get("SecretString")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise CredentialsUnavailable(f"the secret cannot be read: {code}") from None
    except BotoCoreError as error:
        raise CredentialsUnavailable(f"the secret cannot be read: {type(error).__name__}") from None
