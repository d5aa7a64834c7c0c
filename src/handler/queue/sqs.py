"""boto3's client for SQS, each of whose requests ends in time.

boto3's own time-outs count from byte to byte, and it sleeps between its attempts. So it makes one
attempt, and the request that it has written and signed is sent by the same bounded HTTP client as
Klaviyo's are.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from klaviyo_client.sending.bounded_http import BoundedHttp, NoAnswerError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageResultTypeDef

MOST_BYTES = 1_000_000
"""Of an answer of SQS's to what was sent."""

CONNECTIONS = 4


class Sqs:
    """SQS, for one process. The client is made when it is first needed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: SQSClient | None = None
        self._hosts: dict[str, BoundedHttp] = {}
        self._call = threading.local()

    def send_message(
        self, url: str, body: str, delay: int, seconds: float
    ) -> "SendMessageResultTypeDef":
        """Put a message on the queue at `url`, in one attempt within `seconds`; SQS's answer.

        Raises botocore's `ClientError` when SQS refuses, `BotoCoreError` when it does not answer.
        """
        self._call.until = time.monotonic() + seconds
        with self._lock:
            if self._client is None:
                self._client = self._make()
        return self._client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)

    def _make(self) -> "SQSClient":
        import boto3
        from botocore.config import Config

        client = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
        # What a handler of this event returns is the answer, in place of botocore's own sending:
        # https://github.com/boto/botocore/blob/develop/botocore/endpoint.py (`_do_get_response`).
        client.meta.events.register("before-send.sqs", cast("Any", self._carry))
        return client

    def _carry(self, request: "AWSPreparedRequest", **_: object) -> "AWSResponse":
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import HTTPClientError

        address = urlsplit(request.url)
        host = f"{address.scheme}://{address.netloc}"
        with self._lock:
            http = self._hosts.get(host) or BoundedHttp(host, CONNECTIONS)
            self._hosts[host] = http
        path = f"{address.path}?{address.query}" if address.query else address.path
        body = request.body if isinstance(request.body, bytes) else b""
        headers = {name: _text(value) for name, value in request.headers.items()}
        del headers["Content-Length"]
        left = self._call.until - time.monotonic()
        try:
            answer = http.send(request.method, path, body, headers, left, MOST_BYTES)
        except NoAnswerError as error:
            raise HTTPClientError(error=error) from None
        return AWSResponse(
            request.url, answer.status, cast("Any", answer.headers), _Raw(answer.content)
        )


@dataclass(frozen=True, slots=True)
class _Raw:
    """A body as botocore reads it."""

    content: bytes

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.content


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
