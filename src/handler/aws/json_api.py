"""One of AWS's services that takes JSON: signed requests, each bounded in time.

boto3 takes a quarter of a second to load and most of a millisecond to write a request; what is on
every path, or sends dozens of requests within a call, signs its own. The role's keys are in the
environment, except under SnapStart: there a local endpoint hands them out, as it does in
containers. https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from msgspec import DecodeError
from msgspec.json import decode

from handler.aws.sigv4 import Keys, signed_headers
from klaviyo_client.sending.bounded_http import BoundedHttp, HttpAnswer

MOST_BYTES = 1_000_000
"""Of the answer that hands out keys."""

KEEP_KEYS_SECONDS = 60.0
"""Of keys that were handed out. They are good for hours, and replaced well before their end."""


class NotSetUpError(Exception):
    """The region or the role's keys are missing; the text says which."""


SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
"""Domains of AWS's partitions, by how their regions begin; all others have amazonaws.com. A test
compares them with botocore's own table."""


def suffix_of(region: str) -> str:
    """The domain of AWS's services in a region, by its partition."""
    found = (suffix for prefix, suffix in SUFFIXES.items() if region.startswith(prefix))
    return next(found, "amazonaws.com")


class JsonApi:
    """The service at one endpoint. Safe to use from several threads.

    `target` is the first part of `X-Amz-Target`, `version` that of AWS's JSON protocol. The
    endpoint and the region are read from the environment, as boto3 reads them. Raises
    `NotSetUpError` without a region.
    """

    def __init__(
        self,
        service: str,
        target: str,
        *,
        version: str = "1.1",
        region: str | None = None,
        connections: int = 1,
    ) -> None:
        variables = os.environ
        self._service = service
        self._target = target
        self._version = version
        self._region = region or _region(variables)
        suffix = suffix_of(self._region)
        url = (
            variables.get(f"AWS_ENDPOINT_URL_{ENDPOINT_NAMES[service]}")
            or variables.get("AWS_ENDPOINT_URL")
            or f"https://{service}.{self._region}.{suffix}"
        )
        self._host = urlsplit(url).netloc
        self.http = BoundedHttp(url, connections)
        self._handed_out: Keys | None = None
        self._keys_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.__exit__(kind, error, trace)

    def send(self, operation: str, body: bytes, seconds: float, most_bytes: int) -> HttpAnswer:
        """The service's answer within `seconds`, of which `most_bytes` are read.

        Raises `NoAnswerError` and `NotSetUpError`.
        """
        until = time.monotonic() + seconds
        headers = self.headers(operation, body, self.keys(seconds / 2))
        return self.http.send("POST", "/", body, headers, until - time.monotonic(), most_bytes)

    def headers(self, operation: str, body: bytes, keys: Keys) -> dict[str, str]:
        """The headers of a request, signed."""
        return signed_headers(
            self._host,
            f"{self._target}.{operation}",
            body,
            keys,
            self._service,
            self._region,
            datetime.now(UTC),
            self._version,
        )

    def keys(self, seconds: float) -> Keys:
        """The role's keys, within `seconds` if they are handed out. Raises as `send`."""
        variables = os.environ
        if "AWS_ACCESS_KEY_ID" in variables:
            return Keys(
                variables["AWS_ACCESS_KEY_ID"],
                variables.get("AWS_SECRET_ACCESS_KEY", ""),
                variables.get("AWS_SESSION_TOKEN"),
            )
        if self._handed_out is None or time.monotonic() >= self._keys_until:
            self._handed_out = _handed_out(variables, seconds)
            self._keys_until = time.monotonic() + KEEP_KEYS_SECONDS
        return self._handed_out


ENDPOINT_NAMES = {"secretsmanager": "SECRETS_MANAGER", "dynamodb": "DYNAMODB"}
"""https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html"""


def document_of(answer: HttpAnswer) -> dict[str, object]:
    """The answer's JSON object; empty where it is none."""
    try:
        document = decode(answer.content)
    except (DecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def error_code(answer: HttpAnswer) -> str:
    """AWS's code of an error, without its name space."""
    code = document_of(answer).get("__type") or f"status {answer.status}"
    return str(code).rpartition("#")[2]


def _region(variables: Mapping[str, str]) -> str:
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if not region:
        raise NotSetUpError("AWS_REGION is not set")
    return region


def _handed_out(variables: Mapping[str, str], seconds: float) -> Keys:
    url = variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise NotSetUpError("the role has no keys here")
    token = variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    with BoundedHttp(url, 1, direct=True) as http:
        answer = http.send("GET", "", b"", {"Authorization": token}, seconds, MOST_BYTES)
    given = document_of(answer)
    key, secret = given.get("AccessKeyId"), given.get("SecretAccessKey")
    if not isinstance(key, str) or not isinstance(secret, str):
        raise NotSetUpError("the role's keys cannot be read")
    session = given.get("Token")
    return Keys(key, secret, session if isinstance(session, str) else None)
