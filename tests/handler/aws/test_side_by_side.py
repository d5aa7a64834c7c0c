"""Several requests at once from one thread, over real sockets."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from handler.aws import side_by_side
from handler.aws.side_by_side import Outgoing, SideBySide
from klaviyo_client.sending.bounded_http import (
    BoundedHttp,
    CutError,
    HttpAnswer,
    NoAnswerError,
    TimedOutError,
    TooLargeError,
)

Behaviour = Callable[[socket.socket, bytes], None]
"""What a server does about one request, whose path it is given; what raises ends the connection."""

DONE = threading.Event()
"""Set at the end of a test, so that no server waits for longer."""


def answers(connection: socket.socket, path: bytes) -> None:
    """At once, with the request's path."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))


class Server:
    """Answers each path by its behaviour, each connection in a thread of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None, **behaviours: Behaviour) -> None:
        self._tls = tls
        self.connections = 0
        self.ended = 0
        self.requests: list[str] = []
        self._behaviours = {"warm": is_slow, **behaviours}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with suppress(OSError):
            self._talk(self._tls.wrap_socket(accepted, True) if self._tls else accepted)
        self.ended += 1

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            while True:
                received = b""
                while not received.endswith(b"}"):
                    received += connection.recv(65_536) or exit_now()
                path = received.split(b" ", 2)[1]
                self.requests.append(path.decode())
                name = path.decode().strip("/").partition("-")[0]
                self._behaviours.get(name, answers)(connection, path)

    def close_all(self) -> None:
        """Close the connections, as a host does after a while."""
        while self._open:
            connection = self._open.pop()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        DONE.set()
        self._listener.close()
        self.close_all()


def exit_now() -> bytes:
    raise OSError("the client has gone")


@contextmanager
def serving(tls: ssl.SSLContext | None = None, **behaviours: Behaviour) -> Iterator[Server]:
    DONE.clear()
    server = Server(tls, **behaviours)
    try:
        yield server
    finally:
        server.close()


def client(server: Server, most: int = 8) -> SideBySide:
    return SideBySide(BoundedHttp(server.url, most), most)


def outgoing(path: str) -> Outgoing:
    return Outgoing("POST", path, b"{}", {"host": "127.0.0.1", "Content-Type": "application/json"})


def replies(
    side: SideBySide, *paths: str, seconds: float = 5.0, most_bytes: int = 1_000_000
) -> list[bytes | type[NoAnswerError]]:
    """The contents of the answers, or why there are none, in the order of the paths."""
    found = dict(side.send(map(outgoing, paths), seconds, most_bytes))
    assert sorted(found) == list(range(len(paths))), "each is answered once"
    return [
        reply.content if isinstance(reply, HttpAnswer) else type(reply)
        for _, reply in sorted(found.items())
    ]


def warmed(server: Server, number: int, most: int = 8) -> SideBySide:
    """A client that has kept so many connections."""
    side = client(server, most)
    assert replies(side, *["/warm"] * number) == [b"/warm"] * number
    server.requests.clear()
    return side


PATHS = [f"/ok-{number}" for number in range(30)]


def test_each_request_gets_its_own_answer() -> None:
    with serving() as server:
        side = client(server)
        for _ in range(3):
            assert replies(side, *PATHS) == [path.encode() for path in PATHS]
        assert server.connections <= 8
    assert replies(side) == []


def test_each_path_begins_as_the_url_does() -> None:
    with serving() as server:
        side = SideBySide(BoundedHttp(f"{server.url}/base/", 2), 2)
        for _ in range(2):  # on a new connection, and on a kept one
            assert replies(side, "/a") == [b"/base/a"]


def test_kept_connections_need_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        side = warmed(server, 4)
        monkeypatch.setattr(side_by_side._Sending, "_connect_and_send", None)
        assert replies(side, "/a", "/b", "/c", "/d") == [b"/a", b"/b", b"/c", b"/d"]
        assert server.connections == 4


def hangs(connection: socket.socket, path: bytes) -> None:
    DONE.wait(5)


def drips(connection: socket.socket, path: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + b" " * 999
    for position in range(len(head)):
        connection.sendall(head[position : position + 1])
        if DONE.wait(0.02):
            return


def floods(connection: socket.socket, path: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    while not DONE.is_set():
        connection.sendall(b" " * 65_536)


def cuts(connection: socket.socket, path: bytes) -> None:
    exit_now()


def cuts_within(connection: socket.socket, path: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    exit_now()


def closes_after(connection: socket.socket, path: bytes) -> None:
    answers(connection, path)
    exit_now()


def is_slow(connection: socket.socket, path: bytes) -> None:
    time.sleep(0.1)
    answers(connection, path)


@pytest.mark.alone
@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (is_slow, b"/odd"),
        (hangs, TimedOutError),
        (drips, TimedOutError),
        (floods, TooLargeError),
        (cuts, CutError),
        (cuts_within, CutError),
    ],
)
def test_one_that_fails_or_is_late_fails_by_itself(
    behaviour: Behaviour, expected: object, *, is_warm: bool
) -> None:
    with serving(odd=behaviour) as server:
        side = warmed(server, 3 if is_warm else 0)
        began = time.monotonic()
        found = replies(side, "/odd", "/a", "/b", seconds=0.5, most_bytes=200_000)
        assert found == [expected, b"/a", b"/b"]
        assert time.monotonic() - began < 1.5
        assert replies(side, "/c", "/d", "/e") == [b"/c", b"/d", b"/e"]


@pytest.mark.parametrize("number", [0, 2])
def test_requests_go_out_while_the_next_ones_are_made(number: int) -> None:
    """Also those that need a new connection: the first ones of a process."""
    with serving() as server:
        side = warmed(server, number)

        def made() -> Iterator[Outgoing]:
            yield outgoing("/first")
            deadline = time.monotonic() + 2.0
            while "/first" not in server.requests and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.requests == ["/first"]
            yield outgoing("/second")

        assert len(list(side.send(made(), 5.0, 1_000))) == 2


@pytest.mark.parametrize("dropped", [cuts, hangs], ids=["cut", "too late"])
def test_a_connection_that_was_lost_hides_no_other(
    dropped: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(odd=dropped) as server:
        side = warmed(server, 4)
        with monkeypatch.context() as patched:
            # It is not sent again: that would put a new connection in the place of the lost one.
            failed = CutError("no connection")
            patched.setattr(side_by_side._Sending, "_connect_and_send", lambda *_, **__: failed)
            assert isinstance(replies(side, "/odd", seconds=0.3)[0], type)
        monkeypatch.setattr(side_by_side._Sending, "_connect_and_send", None)
        assert replies(side, "/a", "/b", "/c") == [b"/a", b"/b", b"/c"]
        assert server.connections == 4


def test_a_connection_that_the_host_has_closed_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(last=closes_after) as server:
        side = warmed(server, 3)
        assert replies(side, "/last") == [b"/last"]
        deadline = time.monotonic() + 5.0
        while not server.ended and time.monotonic() < deadline:
            time.sleep(0.01)
        monkeypatch.setattr(side_by_side._Sending, "_connect_and_send", None)
        assert replies(side, "/a", "/b") == [b"/a", b"/b"]
        assert server.connections == 3


def test_for_which_there_is_no_time_left_costs_no_connection() -> None:
    with serving() as server:
        side = warmed(server, 2)

        def made() -> Iterator[Outgoing]:
            time.sleep(0.2)
            yield from map(outgoing, ["/a", "/b"])

        found = dict(side.send(made(), 0.1, 1_000))
        assert [type(reply) for reply in found.values()] == [TimedOutError] * 2
        assert server.requests == []
        assert replies(side, "/c", "/d") == [b"/c", b"/d"]
        assert server.connections == 2


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(b"/odd")


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED + b"4\r\n/odd\r\n0\r\n\r\n"],
        [CHUNKED, b"2\r\n/o\r\n", b"2\r\ndd\r\n0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n/odd"],
        [b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:4\r\n\r\n/odd"],
        [b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r", b"\n/o", b"dd"],
        [
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            % len(PACKED),
            PACKED,
        ],
    ],
)
def test_an_answer_is_read_however_it_comes(pieces: list[bytes]) -> None:
    def odd(connection: socket.socket, path: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.02)

    with serving(odd=odd) as server:
        side = warmed(server, 3)
        for _ in range(2):
            assert replies(side, "/a", "/odd", "/b") == [b"/a", b"/odd", b"/b"]


@pytest.mark.alone
def test_an_answer_that_is_there_when_the_time_is_over_counts() -> None:
    """Whoever has lost its time to something else has not lost the answers."""
    with serving() as server:
        side = warmed(server, 3)

        def made() -> Iterator[Outgoing]:
            yield from map(outgoing, ["/a", "/b"])
            time.sleep(0.3)

        found = dict(side.send(made(), 0.2, 1_000))
    assert [type(reply) for reply in found.values()] == [HttpAnswer, HttpAnswer]


@pytest.mark.parametrize("number", [1, 5])
def test_connections_that_the_host_has_closed_meanwhile_are_made_anew(number: int) -> None:
    with serving() as server:
        side = warmed(server, number)
        server.close_all()
        time.sleep(0.05)
        paths = [f"/x-{each}" for each in range(number)]
        assert replies(side, *paths) == [path.encode() for path in paths]


def test_a_request_that_is_cut_is_sent_twice_at_the_most() -> None:
    with serving(odd=cuts) as server:
        assert replies(warmed(server, 2), "/odd", "/a") == [CutError, b"/a"]
        assert server.requests.count("/odd") == 2


@pytest.mark.alone
def test_a_host_that_reads_nothing_holds_up_the_others_for_a_part_of_the_time() -> None:
    """The first request goes to a connection whose far end has stopped to read."""
    with serving(deaf=hangs) as server:
        side = warmed(server, 2)
        large = outgoing("/deaf")._replace(body=b"x" * 20_000_000)
        found = dict(side.send(iter([large, outgoing("/a")]), 1.0, 1_000))
    assert [type(found[number]) for number in (0, 1)] == [TimedOutError, HttpAnswer]


@pytest.mark.alone
def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    side = SideBySide(BoundedHttp(f"http://127.0.0.1:{port}", 4), 4)
    assert replies(side, "/a") == [CutError]
    assert replies(side, "/a", "/b") == [CutError, CutError]


def test_several_threads_share_the_connections() -> None:
    found: list[list[bytes | type[NoAnswerError]]] = []
    with serving() as server:
        side = warmed(server, 6)
        threads = [
            threading.Thread(target=lambda: found.append(replies(side, *PATHS))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[path.encode() for path in PATHS]] * 3


def test_looking_for_a_kept_connection_makes_none(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise urllib3 would soon say that it has too many."""
    with serving() as server:
        http = BoundedHttp(server.url, 1)
        http.send(*outgoing("/a"), 5.0, 1_000)
        kept = http.kept_connection()
        assert kept is not None
        assert [http.kept_connection() for _ in range(3)] == [None] * 3
        http.hand_back(kept)
        assert http.kept_connection() is kept
        http.hand_back(kept)
    assert caplog.records == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


def test_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records are not what the socket has: what is decrypted already must not be waited for."""

    def answers_at_length(connection: socket.socket, path: bytes) -> None:
        content = path * 100_000
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
        connection.sendall(content)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    trusts = partial(ssl.create_default_context, cafile=str(certificate))
    monkeypatch.setattr("klaviyo_client.sending.bounded_http.trusted", trusts)
    with serving(context, long=answers_at_length) as server:
        side = warmed(server, 4)
        for _ in range(3):
            found = replies(side, "/long-1", "/a", "/long-2", seconds=5.0)
            assert found == [b"/long-1" * 100_000, b"/a", b"/long-2" * 100_000]
        assert server.connections == 4
