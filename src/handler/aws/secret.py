"""The secret's text, from AWS Secrets Manager. Every cold start waits for it.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

import json

from handler.aws.credentials import CredentialsUnavailable
from handler.aws.json_api import JsonApi, NotSetUpError, document_of, error_code
from klaviyo_client.sending.bounded_http import HttpAnswer, NoAnswerError

ATTEMPTS = 2

MOST_BYTES = 1_000_000
"""Of an answer. A secret has 64 KB at most."""


def fetch_secret(name: str, seconds: float) -> str:
    """The text of the secret of this name or ARN, within `seconds` in all.

    Raises `CredentialsUnavailable`, naming AWS's error code.
    """
    try:
        answer = _answer(name, seconds)
    except (NoAnswerError, NotSetUpError) as error:
        raise CredentialsUnavailable(f"the secret cannot be read: {error}") from None
    if answer.status != 200:
        raise CredentialsUnavailable(f"the secret cannot be read: {error_code(answer)}")
    text = document_of(answer).get("SecretString")
    if not isinstance(text, str) or not text:
        raise CredentialsUnavailable("the secret holds no text")
    return text


def _answer(name: str, seconds: float) -> HttpAnswer:
    parts = name.split(":")
    body = json.dumps({"SecretId": name}).encode()
    region = parts[3] if len(parts) > 3 else None
    for _ in range(1, ATTEMPTS):
        try:
            answer = _ask(body, region, seconds / ATTEMPTS)
        except NoAnswerError:
            continue
        if answer.status < 500:
            return answer
    return _ask(body, region, seconds / ATTEMPTS)


def _ask(body: bytes, region: str | None, seconds: float) -> HttpAnswer:
    with JsonApi("secretsmanager", "secretsmanager", region=region) as api:
        return api.send("GetSecretValue", body, seconds, MOST_BYTES)
