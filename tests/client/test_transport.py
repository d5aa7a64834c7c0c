"""One HTTP request, over a real socket."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from klaviyo_client.answers import Answer
from klaviyo_client.outcomes import Retryable, RetryReason
from klaviyo_client.revision import REVISION
from klaviyo_client.transport import HttpTransport

Connection = Callable[[socket.socket], None]
"""What a server does with one connection; then it is closed."""

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nRetry-After: 3\r\n\r\n"
CUT = Retryable(RetryReason.CONNECTION_FAILED)


@contextmanager
def server(*connections: Connection) -> Iterator[str]:
    """Serves one connection after the other, then no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)

        def serve() -> None:
            for connection in connections:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                with accepted:
                    connection(accepted)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(65_536)
    return received


def accepts(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(ACCEPTED)


def cuts(connection: socket.socket) -> None:
    read_request(connection)


def send(url: str, seconds: float = 2.0, key: str = "pk_test") -> Answer | Retryable:
    return HttpTransport(url, 2).send("POST", "/api/events", b"{}", key, seconds)


def test_a_request_names_the_key_the_revision_and_its_media_type() -> None:
    received: list[bytes] = []

    def connection(accepted: socket.socket) -> None:
        received.append(read_request(accepted))
        accepted.sendall(ACCEPTED)

    with server(connection) as url:
        assert send(f"{url}/") == Answer(202, {}, retry_after=3.0)
    head, _, body = received[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/events HTTP/1.1"
    assert body == b"{}"
    assert {
        "Authorization: Klaviyo-API-Key pk_test",
        f"revision: {REVISION}",
        "Content-Type: application/vnd.api+json",
        "Accept: application/vnd.api+json",
        "User-Agent: klaviyo-destination",
    } <= set(lines)


def test_a_connection_is_used_again() -> None:
    def twice(connection: socket.socket) -> None:
        accepts(connection)
        accepts(connection)

    with server(twice) as url:
        transport = HttpTransport(url, 2)
        for _ in range(2):
            answer = transport.send("POST", "/api/events", b"{}", "pk_test", 2.0)
            assert isinstance(answer, Answer)


def test_a_connection_that_is_cut_is_tried_once_more() -> None:
    with server(cuts, accepts) as url:
        assert send(url) == Answer(202, {}, retry_after=3.0)
    with server(cuts, cuts) as url:
        assert send(url) == CUT


def test_a_redirect_is_an_answer_and_the_key_stays_here() -> None:
    def redirects(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(
            b"HTTP/1.1 307 Go\r\nLocation: http://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"
        )

    with server(redirects) as url:
        assert send(url) == Answer(307, {})


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}") == CUT


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing comes"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", id="half an answer comes"),
    ],
)
def test_silence_ends_in_time_and_is_not_tried_again(sent: bytes) -> None:
    done = threading.Event()

    def hangs(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(sent)
        done.wait(5)

    with server(hangs) as url:
        began = time.monotonic()
        outcome = send(url, seconds=0.2)
        assert time.monotonic() - began < 0.4
        done.set()
    assert outcome in (Retryable(RetryReason.TIMEOUT), CUT)


@pytest.mark.parametrize("key", ["pk_\n", "pk_…", "pk_\ud800"])
def test_a_key_that_no_header_can_hold_is_a_wrong_key(key: str) -> None:
    assert send("http://127.0.0.1:9", key=key) == Retryable(RetryReason.UNAUTHORIZED)


@pytest.mark.parametrize(
    "sent", [b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 xyz\r\n\r\n", b"HTTP/1.1 200 OK\r\n\xff\r\n\r\n"]
)
def test_what_is_no_http_is_a_failed_connection_or_an_answer(sent: bytes) -> None:
    def nonsense(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(sent)

    with server(nonsense, nonsense) as url:
        assert send(url) in (CUT, Answer(200, {}))
