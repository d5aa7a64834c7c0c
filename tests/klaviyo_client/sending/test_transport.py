"""One HTTP request, over a real socket."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.api.revision import REVISION
from klaviyo_client.sending.transport import HttpTransport

Connection = Callable[[socket.socket], None]
"""What a server does with one connection; then it is closed."""

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nRetry-After: 3\r\n\r\n"
CUT = Retryable(RetryReason.CONNECTION_FAILED)
BOMB = gzip.compress(b" " * 10_000_000) * 10
"""100 MB, in ten parts: each worker of pytest makes it, and one part takes ten times as long."""


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


@pytest.mark.parametrize("sent", [b"HTTP/1.1 202 Acc", b"HTTP/1.1 202 Accepted\r\nDate: Thu"])
def test_half_the_head_of_an_answer_is_none(sent: bytes) -> None:
    def cuts_within(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(sent)

    with server(cuts_within, cuts_within) as url:
        assert send(url) == CUT


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


@pytest.mark.alone
def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}") == CUT


DONE = threading.Event()
"""Set when the client has its outcome, so that no server waits for longer."""

HEAD = b"HTTP/1.1 202 Accepted\r\n"


def drips(sent: bytes) -> Connection:
    """A byte every 20 ms, so that no single wait is long."""

    def connection(accepted: socket.socket) -> None:
        read_request(accepted)
        for position in range(len(sent)):
            accepted.sendall(sent[position : position + 1])
            if DONE.wait(0.02):
                return

    return connection


def floods(head: bytes, piece: bytes) -> Connection:
    """The head, then the piece again and again."""

    def connection(accepted: socket.socket) -> None:
        read_request(accepted)
        accepted.sendall(head)
        while not DONE.is_set():
            accepted.sendall(piece)

    return connection


def says(sent: bytes) -> Connection:
    """That, and then nothing more."""

    def connection(accepted: socket.socket) -> None:
        read_request(accepted)
        accepted.sendall(sent)
        DONE.wait(10)

    return connection


def reads_nothing(_: socket.socket) -> None:
    DONE.wait(10)


def outcome_of(connection: Connection, body: bytes = b"{}", seconds: float = 0.3) -> object:
    """What became of a request to such a server; it must be known in time."""
    DONE.clear()

    def serve(accepted: socket.socket) -> None:
        with suppress(OSError):
            connection(accepted)

    with server(serve) as url:
        began = time.monotonic()
        outcome = HttpTransport(url, 2).send(
            "POST", "/api/events", body, "pk_test", seconds, repeatable=False
        )
        took = time.monotonic() - began
        DONE.set()
    assert took < seconds + 3, "no answer ends before ten seconds; a busy machine takes a moment"
    return outcome


TIMEOUT = Retryable(RetryReason.TIMEOUT)


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(says(b""), id="nothing comes"),
        pytest.param(says(HEAD + b"Content-Length: 9\r\n\r\n{"), id="half an answer comes"),
        pytest.param(says(HEAD + b"Content-Length: 1000000\r\n\r\n{"), id="a long one is begun"),
        pytest.param(drips(HEAD * 50), id="a status line drips"),
        pytest.param(drips(HEAD + b"X: " + b"y" * 999), id="headers drip"),
        pytest.param(drips(HEAD + b"Content-Length: 999\r\n\r\n" + b" " * 999), id="a body drips"),
        pytest.param(
            drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 99),
            id="chunks drip",
        ),
        pytest.param(drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 99), id="interim answers drip"),
    ],
)
def test_a_request_ends_in_time_however_its_answer_comes(connection: Connection) -> None:
    assert outcome_of(connection) == TIMEOUT


def test_a_request_that_is_not_read_ends_in_time() -> None:
    assert outcome_of(reads_nothing, b"x" * 20_000_000) == TIMEOUT


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(says(HEAD + b"Content-Length: 1000000000000\r\n\r\nabc"), id="10^12 bytes"),
        pytest.param(
            says(HEAD + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\nabc"), id="10^30 bytes"
        ),
        pytest.param(
            floods(HEAD + b"Content-Length: 419430400\r\n\r\n", b" " * 65_536), id="400 MB"
        ),
        pytest.param(floods(HEAD + b"\r\n", b" " * 65_536), id="bytes without end"),
        pytest.param(
            floods(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n"
            ),
            id="chunks without end",
        ),
        pytest.param(
            says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
            id="100 MB as 100 KB",
        ),
    ],
)
def test_of_an_answer_that_is_too_large_little_is_read(connection: Connection) -> None:
    assert outcome_of(connection, seconds=5.0) == Retryable(RetryReason.UNAVAILABLE)


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(says(HEAD + b"Content-Length: -5\r\n\r\n"), id="a negative length"),
        pytest.param(says(HEAD + b"Content-Length: abc\r\n\r\n"), id="a length in letters"),
        pytest.param(
            says(HEAD + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n"), id="two lengths"
        ),
        pytest.param(says(HEAD + b"X: y\r\n" * 200 + b"\r\n"), id="200 headers"),
        pytest.param(says(HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"), id="a header of 100 KB"),
        pytest.param(says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99), id="99 interim answers"),
        pytest.param(
            says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), id="another protocol"
        ),
        pytest.param(
            says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), id="a chunk without a size"
        ),
        pytest.param(
            says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), id="no gzip"
        ),
    ],
)
def test_what_breaks_the_protocol_is_a_failed_connection(connection: Connection) -> None:
    assert outcome_of(connection, seconds=2.0) == CUT


def test_a_body_that_was_compressed_unasked_is_read() -> None:
    body = gzip.compress(b'{"data": []}')
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert outcome_of(says(head + body)) == Answer(202, {"data": []})


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
def test_an_interim_answer_is_not_taken_for_the_answer(interim: bytes) -> None:
    """RFC 9110, 15.2. Each request of a kept connection has its own answer."""

    def connection(accepted: socket.socket) -> None:
        for answer in (ACCEPTED, b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"):
            read_request(accepted)
            accepted.sendall(interim)
            time.sleep(0.02)
            accepted.sendall(answer)

    with server(connection) as url:
        transport = HttpTransport(url, 2)
        statuses = [
            answer.status
            for _ in range(2)
            if isinstance(
                answer := transport.send("POST", "/api/events", b"{}", "pk_test", 2.0), Answer
            )
        ]
    assert statuses == [202, 503]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_after_an_answer_that_says_nothing_of_its_length_the_connection_is_closed(
    status: bytes,
) -> None:
    """Something between may say more, later: that would be read as the next request's answer."""

    def first(accepted: socket.socket) -> None:
        read_request(accepted)
        accepted.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")

    with server(first, accepts) as url:
        transport = HttpTransport(url, 2)
        transport.send("POST", "/api/events", b"{}", "pk_test", 2.0)
        second = transport.send("POST", "/api/events", b"{}", "pk_test", 2.0, repeatable=False)
    assert second == Answer(202, {}, retry_after=3.0)


@pytest.mark.parametrize(
    "url", ["https://a..klaviyo.test", "https://" + "a" * 64 + ".test", "http://[::1"]
)
def test_a_host_name_that_is_none_is_a_failed_connection_or_a_value_error(url: str) -> None:
    with suppress(ValueError):
        assert send(url) == CUT


@pytest.mark.alone
def test_a_look_up_that_hangs_ends_in_time_and_does_not_hang_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`getaddrinfo` has no time-out of its own."""
    hangs, look_up = threading.Event(), socket.getaddrinfo

    def slow(host: str, *arguments: object, **settings: object) -> object:
        if host == "klaviyo.test" and settings.get("flags") != socket.AI_NUMERICHOST:
            hangs.wait(5)
        return look_up(host, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    before = set(threading.enumerate())
    began = time.monotonic()
    assert [send("http://klaviyo.test", seconds=0.1) for _ in range(5)] == [TIMEOUT] * 5
    assert time.monotonic() - began < 1.0
    begun = set(threading.enumerate()) - before
    assert len(begun) == 1, "those who wait share a look-up"
    hangs.set()


def test_a_proxy_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once, at start."""
    received: list[bytes] = []

    def proxy(accepted: socket.socket) -> None:
        received.append(read_request(accepted))
        accepted.sendall(ACCEPTED)

    with server(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        transport = HttpTransport("http://klaviyo.test", 2)
        monkeypatch.delenv("HTTP_PROXY")
        answer = transport.send("POST", "/api/events", b"{}", "pk_test", 2.0)
    assert answer == Answer(202, {}, retry_after=3.0)
    assert received[0].startswith(b"POST http://klaviyo.test/api/events HTTP/1.1\r\n")


def test_over_tls_a_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    def proxy(accepted: socket.socket) -> None:
        received.append(accepted.recv(65_536))
        accepted.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with server(proxy, proxy) as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert send("https://klaviyo.test") == CUT
    assert received[0].startswith(b"CONNECT klaviyo.test:443 HTTP/1.")
    assert b"pk_test" not in received[0]


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
