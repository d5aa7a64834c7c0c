"""The secret's text, from AWS Secrets Manager.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html

Every cold start waits for it. boto3 takes ten times as long to load as the request takes, so the
request is signed and sent here, on every path. The role's keys are in the environment, except under
SnapStart: there a local endpoint hands them out, as it does in containers.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from handler.aws.credentials import CredentialsUnavailable
from handler.aws.sigv4 import Keys, signed_headers
from klaviyo_client.sending.bounded_http import BoundedHttp, HttpAnswer, NoAnswerError

SERVICE = "secretsmanager"
TARGET = "secretsmanager.GetSecretValue"

ATTEMPTS = 2

MOST_BYTES = 1_000_000
"""Of an answer. A secret has 64 KB at most."""


def fetch_secret(name: str, seconds: float) -> str:
    """The text of the secret of this name or ARN, within `seconds` in all.

    Raises `CredentialsUnavailable`, naming AWS's error code.
    """
    variables = os.environ
    parts = name.split(":")
    region = parts[3] if len(parts) > 3 else _region(variables)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    url = (
        variables.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        or variables.get("AWS_ENDPOINT_URL")
        or f"https://{SERVICE}.{region}.{suffix}"
    )
    body = json.dumps({"SecretId": name}).encode()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = _ask(url, body, region, variables, seconds / ATTEMPTS)
        except NoAnswerError as error:
            if attempt == ATTEMPTS:
                raise CredentialsUnavailable(f"the secret cannot be read: {error}") from None
            continue
        if answer.status < 500:
            break
    document = _document(answer)
    if answer.status != 200:
        code = str(document.get("__type") or f"status {answer.status}").rpartition("#")[2]
        raise CredentialsUnavailable(f"the secret cannot be read: {code}")
    text = document.get("SecretString")
    if not isinstance(text, str) or not text:
        raise CredentialsUnavailable("the secret holds no text")
    return text


def _region(variables: Mapping[str, str]) -> str:
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if not region:
        raise CredentialsUnavailable("the secret cannot be read: AWS_REGION is not set")
    return region


def _ask(
    url: str, body: bytes, region: str, variables: Mapping[str, str], seconds: float
) -> HttpAnswer:
    keys = _keys(variables, seconds / 2)
    host = urlsplit(url).netloc
    headers = signed_headers(host, TARGET, body, keys, SERVICE, region, datetime.now(UTC))
    with BoundedHttp(url, 1) as http:
        return http.send("POST", "/", body, headers, seconds, MOST_BYTES)


def _keys(variables: Mapping[str, str], seconds: float) -> Keys:
    if "AWS_ACCESS_KEY_ID" in variables:
        return Keys(
            variables["AWS_ACCESS_KEY_ID"],
            variables.get("AWS_SECRET_ACCESS_KEY", ""),
            variables.get("AWS_SESSION_TOKEN"),
        )
    url = variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise CredentialsUnavailable("the secret cannot be read: the role has no keys here")
    token = variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    with BoundedHttp(url, 1, direct=True) as http:
        given = _document(http.send("GET", "", b"", {"Authorization": token}, seconds, MOST_BYTES))
    key, secret = given.get("AccessKeyId"), given.get("SecretAccessKey")
    if not isinstance(key, str) or not isinstance(secret, str):
        raise CredentialsUnavailable("the secret cannot be read: the role's keys cannot be read")
    session = given.get("Token")
    return Keys(key, secret, session if isinstance(session, str) else None)


def _document(answer: HttpAnswer) -> dict[str, object]:
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
