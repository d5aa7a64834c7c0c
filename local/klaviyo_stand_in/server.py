"""HTTP/1.1 with keep-alive for an account, on loopback, with a thread for each connection."""

import os
import socket
import struct
import sys
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Lock, Thread

from local.guard import NAMES, is_welcome
from local.klaviyo_stand_in.account import Account
from local.klaviyo_stand_in.protocol.exchange import Request, Response

HOST = "127.0.0.1"

MAX_LINE = 65_536
MAX_HEADERS = 100
MAX_LENGTH = 64_000_000
"""The most bytes of a body that are read, so that a larger one can get a 413."""

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n"

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _BadRequest(Exception):  # noqa: N818
    """The bytes are not an HTTP/1.1 request that this server can read."""


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, account: Account, port: int, names: Collection[str]) -> None:
        super().__init__((HOST, port), _Handler)
        self.account = account
        self.names = names
        self.closing = Event()
        self.connections: set[socket.socket] = set()
        self.lock = Lock()

    def handle_error(self, _request: object, _address: object) -> None:
        """Show where the stand-in failed, without the exception's text, which could quote the
        request."""
        kind, _, trace = sys.exc_info()
        where = "".join(traceback.format_tb(trace))
        print(f"{where}{kind and kind.__name__}", file=sys.stderr)

    def close(self) -> None:
        """Stop, close all connections and wait for their threads."""
        self.closing.set()
        self.shutdown()
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections.add(self.connection)

    def finish(self) -> None:
        with self.server.lock:
            self.server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            while not self.server.closing.is_set():
                request = self._read()
                if request is None or not self._respond(request):
                    return
        except _BadRequest:
            self._write(Response(400), keep_alive=False)
        except OSError:
            return

    def _read(self) -> Request | None:
        line = self.rfile.readline(MAX_LINE)
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or parts[2] != "HTTP/1.1":
            raise _BadRequest
        headers = self._read_headers()
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit() or int(length) > MAX_LENGTH:
            raise _BadRequest
        if headers.get("expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None
        return Request.of(parts[0], parts[1], headers, body)

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self.rfile.readline(MAX_LINE)
            if line in (b"\r\n", b"\n"):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise _BadRequest
            headers[name.lower()] = value.strip()
        raise _BadRequest

    def _respond(self, request: Request) -> bool:
        sent = (request.headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
        if not is_welcome(*sent, names=self.server.names):
            self._write(Response(403), keep_alive=False)
            return False
        reply = self.server.account.exchange(request)
        if reply.delay:
            self.server.closing.wait(reply.delay)
        if reply.response is None:
            self._reset()
            return False
        keep_alive = request.headers.get("connection", "").lower() != "close"
        self._write(reply.response, keep_alive, reply.drip, reply.interim)
        return keep_alive

    def _write(
        self, response: Response, keep_alive: bool, drip: float = 0.0, interim: int = 0
    ) -> None:
        """Send head and body together, so that no delayed acknowledgement comes between them; or
        byte by byte, if the answer drips."""
        lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
        lines.extend(f"{name}: {value}" for name, value in response.headers.items())
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(response.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        answer = "\r\n".join((*lines, "", "")).encode("latin-1") + response.body
        answer = INTERIM * interim + answer
        if not drip:
            self.connection.sendall(answer)
            return
        for byte in answer:
            if self.server.closing.wait(drip):
                return
            self.connection.sendall(bytes((byte,)))

    def _reset(self) -> None:
        """Close with a TCP reset, as a failing load balancer does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        with self.server.lock:
            self.server.connections.discard(self.connection)
            os.close(self.connection.detach())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


@contextmanager
def serve(account: Account, port: int = 0, names: Collection[str] = NAMES) -> Iterator[str]:
    """Serve the account on loopback within this context; yields the URL without a path.

    Port 0 takes any free one. It answers only to these `names` of this machine, and to no web page.
    """
    server = _Server(account, port, names)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.close()
        thread.join()
