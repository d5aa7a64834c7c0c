"""A way to AWS that answers `SendMessage` itself, as a proxy or an unwell SQS does."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

SEND = "AmazonSQS.SendMessage"

Reply = tuple[int, bytes]


class Answering:
    """Passes requests on to `url`.

    `answer` is given the number of a `SendMessage`, from 1, and says what is answered in SQS's
    place; `None` passes it on. Where `loses` says so, SQS stores and the connection is cut.
    """

    def __init__(self, url: str) -> None:
        self.answer: Callable[[int], Reply | None] = lambda _: None
        self.loses: Callable[[], bool] = lambda: False
        self.number = 0
        self._target = urlsplit(url)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, handler: BaseHTTPRequestHandler) -> Reply | None:
        """The answer to a request; `None` cuts the connection."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        is_send = handler.headers.get("X-Amz-Target") == SEND
        if is_send:
            with self._lock:
                self.number += 1
                reply = self.answer(self.number)
            if reply is not None:
                return reply
        connection = HTTPConnection(self._target.hostname or "", self._target.port)
        connection.request("POST", handler.path, body, dict(handler.headers.items()))
        answer = connection.getresponse()
        passed = answer.status, answer.read()
        connection.close()
        return None if is_send and self.loses() else passed

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                reply = way.reply(self)
                if reply is None:
                    self.close_connection = True
                    return
                status, body = reply
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is written."""

        return Handler
