"""A way to DynamoDB that fails: an HTTP proxy that throttles, or from which no answer comes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from local.background import serving

THROTTLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
    "message": "Throughput exceeds the current capacity of your table or index.",
}
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A function that was killed says no goodbye."""


class TableWeather:
    """Passes on to `url` what is asked of DynamoDB.

    While `throttles` is set, every request is refused as DynamoDB does it; while `is_down` is, the
    connection is closed without an answer.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._port = 0
        self.throttles = threading.Event()
        self.is_down = threading.Event()
        self.throttled = 0
        self.unanswered = 0

    @property
    def failed(self) -> int:
        """The requests that were not passed on."""
        return self.throttled + self.unanswered

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @contextmanager
    def serve(self) -> Iterator["TableWeather"]:
        server = _Server(("127.0.0.1", 0), self._handler())
        self._port = server.server_port
        with serving(server):
            yield self

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        weather = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            behind: HTTPConnection | None = None

            def do_POST(self) -> None:
                wanted = int(self.headers["Content-Length"])
                body = self.rfile.read(wanted)
                # Whoever has sent half a request is no more: nobody should wait for the other half.
                if len(body) < wanted or weather.is_down.is_set():
                    weather.unanswered += 1
                    self.close_connection = True
                elif weather.throttles.is_set():
                    weather.throttled += 1
                    self._answer(400, json.dumps(THROTTLED).encode())
                else:
                    self._answer(*self._ask(body))

            def _ask(self, body: bytes) -> tuple[int, bytes]:
                """The answer of who is behind; one more attempt on a new connection."""
                for _ in range(2):
                    self.behind = self.behind or HTTPConnection(*weather._target, timeout=30)
                    with suppress(HTTPException, OSError):
                        self.behind.request("POST", self.path, body, dict(self.headers))
                        answer = self.behind.getresponse()
                        return answer.status, answer.read()
                    self.behind.close()
                    self.behind = None
                return 500, b"{}"

            def _answer(self, status: int, body: bytes) -> None:
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/x-amz-json-1.0")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def finish(self) -> None:
                if self.behind is not None:
                    self.behind.close()
                super().finish()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler
