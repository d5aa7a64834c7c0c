"""API Gateway's HTTP API on loopback: turns HTTP into payload 2.0 lambda events, and answers back.

Event and answer: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.aws_stand_in.function import EventTooLargeError, FunctionError
from local.background import serving

PATH = "/segment"
METHODS = ("POST", "PUT", "PATCH")
MAX_BODY_BYTES = 10 * 1024 * 1024

TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
"""With `text/*`, the types whose bodies API Gateway passes as text. Others are passed as base64."""

Invoke = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, for observers.

    `body` is the answer's body, `sent` the request's.
    """

    method: str
    path: str
    status: int
    body: str
    seconds: float
    sent: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, of the function or of API Gateway."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def lambda_event_of(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, source_ip: str
) -> dict[str, Any]:
    """The payload 2.0 event of a request. `target` is the path with its query, as requested."""
    parts = urlsplit(target)
    lowered: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        lowered[key] = f"{lowered[key]},{value}" if key in lowered else value
    host = lowered.get("host", "localhost")
    now = datetime.now(UTC)
    route = f"{method} {parts.path}"
    lambda_event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {
            **lowered,
            "x-forwarded-for": source_ip,
            "x-forwarded-port": host.partition(":")[2] or "80",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": method,
                "path": parts.path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": lowered.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": round(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if parts.query:
        lambda_event["queryStringParameters"] = _query(parts.query)
    if body:
        text = _text(body, lowered.get("content-type", ""))
        lambda_event["body"] = base64.b64encode(body).decode() if text is None else text
        lambda_event["isBase64Encoded"] = text is None
    return lambda_event


def answer_of(result: Any) -> Answer:
    """The HTTP answer for a handler's result.

    Without a `statusCode` the result is the body of a 200, as API Gateway infers.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(result).encode())
    body = (result.get("body") or "").encode()
    if result.get("isBase64Encoded"):
        body = base64.b64decode(body)
    return Answer(int(result["statusCode"]), result.get("headers") or {}, body)


def own_answer(status: int, text: str) -> Answer:
    """An answer of API Gateway itself, without the function."""
    body = json.dumps({"message": text}).encode()
    return Answer(status, {"Content-Type": "application/json"}, body)


@contextmanager
def serve(
    invoke: Invoke, port: int = 0, on_exchange: Callable[[Exchange], None] = lambda _: None
) -> Iterator[str]:
    """Serve `/segment` on loopback; yields the URL without a path. Port 0 takes any free one.

    `invoke` is called from several threads. Raises `OSError` for a port in use.
    """
    with serving(_Server(port, invoke, on_exchange)) as url:
        yield url


class _Server(ThreadingHTTPServer):
    def __init__(self, port: int, invoke: Invoke, on_exchange: Callable[[Exchange], None]) -> None:
        self.invoke = invoke
        self.on_exchange = on_exchange
        super().__init__(("127.0.0.1", port), _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: a client may hang up."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "http-api"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def _exchange(self) -> None:
        began = time.monotonic()
        sent, answer = self._answer()
        spent = time.monotonic() - began
        text = answer.body.decode(errors="replace")
        self.server.on_exchange(Exchange(self.command, self.path, answer.status, text, spent, sent))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _exchange  # noqa: N815

    def _answer(self) -> tuple[bytes, Answer]:
        """The part of the request's body that was read, and the answer."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return b"", own_answer(411, "Length Required")
        if not length.isascii() or not length.isdecimal():
            self.close_connection = True
            return b"", own_answer(400, "Bad Request")
        if int(length) > MAX_BODY_BYTES:
            self._discard(int(length))
            return b"", own_answer(413, "Request Entity Too Large")
        body = self.rfile.read(int(length))
        return body, self._answer_to(body)

    def _answer_to(self, body: bytes) -> Answer:
        if urlsplit(self.path).path != PATH or self.command not in METHODS:
            return own_answer(404, "Not Found")
        lambda_event = lambda_event_of(
            self.command, self.path, self.headers.items(), body, str(self.client_address[0])
        )
        try:
            return answer_of(self.server.invoke(lambda_event))
        except EventTooLargeError:
            return own_answer(413, "Request Entity Too Large")
        except FunctionError:
            return own_answer(500, "Internal Server Error")

    def _discard(self, length: int) -> None:
        """Read the rest of the body, so that the client is not cut off before the answer."""
        while length > 0 and (chunk := self.rfile.read(min(length, 65536))):
            length -= len(chunk)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: `on_exchange` reports the request."""


def _query(query: str) -> dict[str, str]:
    """Repeated parameters are joined with a comma."""
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(body: bytes, content_type: str) -> str | None:
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type.startswith("text/") and media_type not in TEXT_TYPES:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
