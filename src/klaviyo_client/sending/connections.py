"""urllib3's connections, whose requests end at one moment and read so many bytes at most.

A socket's time-out counts from byte to byte, so an answer that drips holds its reader for ever.
Here each wait, from the look-up of the name to the last byte of the body, lasts until the end of
the whole request at the longest.
"""

import io
import socket
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from queue import LifoQueue
from typing import Any, BinaryIO, cast

from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as Urllib3Response
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from klaviyo_client.sending.departure import departed
from klaviyo_client.sending.host_names import Names

CONNECT_SECONDS = 2.0
"""For a name's look-up and the way to the first of its addresses that answers."""

MOST_INTERIM = 10
"""Answers of 1xx that may come before the answer."""

SWITCHING_PROTOCOLS = 101

_NAMES = Names()


class AnswerTooLargeError(OSError):
    """More came than the request's bounds allow."""


@dataclass(slots=True)
class Bounds:
    """When a request ends, on `time.monotonic`'s clock, and how many bytes are read until then."""

    until: float
    most_bytes: int
    too_large: bool = False
    """Whether more came than that."""
    begun: bytes = b""
    """What has come of the answer already, read from the socket by somebody else."""

    def left(self) -> float:
        """Seconds that are left. Raises `TimeoutError` when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request's time is over")
        return left


class _Current(threading.local):
    """The bounds of the request that this thread is sending: urllib3 hands on no others than a
    time-out for each wait."""

    bounds = Bounds(0.0, 0)


CURRENT = _Current()


class _Bytes(io.RawIOBase):
    """What a socket receives, within the bounds."""

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._sock = sock
        self._bounds = bounds
        self._raw = cast("io.RawIOBase", sock.makefile("rb", buffering=0))
        self._begun = io.BytesIO(bounds.begun)
        self._read = 0
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._read > self._bounds.most_bytes:
            self._bounds.too_large = True
            raise AnswerTooLargeError
        count: int | None = self._begun.readinto(buffer)
        if not count:
            self._sock.settimeout(self._bounds.left())
            count = self._raw.readinto(buffer)
        self.ended = not count
        self._read += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded:
    """A socket as `http.client`'s response reads from it."""

    def __init__(self, sock: socket.socket) -> None:
        self.bytes = _Bytes(sock, CURRENT.bounds)

    def makefile(self, mode: str) -> BinaryIO:  # noqa: ARG002 - it is always "rb"
        return cast("BinaryIO", io.BufferedReader(self.bytes))


class _Response(HTTPResponse):
    """An answer, without those of 1xx that may come before it.

    `http.client` skips 100 but no other: https://github.com/python/cpython/issues/81719. It takes
    103 for the answer, and the answer itself for that to the connection's next request.
    """

    def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
        bounded = _Bounded(sock)
        self._bytes = bounded.bytes
        super().__init__(cast("socket.socket", bounded), *args, **settings)

    def begin(self) -> None:
        for _ in range(MOST_INTERIM):
            super().begin()
            if self._bytes.ended:
                raise HTTPException("cut within the headers")
            if self.status >= 200:
                lengths = set(self.headers.get_all("Content-Length", ()))
                if len(lengths) > 1 or not all(map(str.isdecimal, lengths)):
                    raise HTTPException("no usable length")
                if not self.chunked and not lengths:
                    # 204 and 304 say nothing of their length. Whatever came after them would be
                    # read as the answer to the connection's next request.
                    self.will_close = True
                return
            if self.status == SWITCHING_PROTOCOLS:
                break
            self.headers = self.msg = cast("Any", None)
        raise HTTPException("no answer but interim ones")


class BoundedConnection(HTTPConnection):
    """A connection that keeps to the bounds of the request that it carries."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        bounds = CURRENT.bounds
        until = min(bounds.until, time.monotonic() + CONNECT_SECONDS)
        bounds = Bounds(until, bounds.most_bytes)
        error: OSError = OSError("the name has no address")
        try:
            for family, address in _NAMES.addresses(self._dns_host, self.port, bounds.left()):
                sock = socket.socket(family, socket.SOCK_STREAM)
                try:
                    for option in self.socket_options or ():
                        sock.setsockopt(*option)
                    sock.settimeout(bounds.left())
                    sock.connect(address)
                    sock.settimeout(CURRENT.bounds.left())
                except OSError as failed:
                    sock.close()
                    error = failed
                else:
                    return sock
        except TimeoutError:
            raise ConnectTimeoutError(self, "no connection in time") from None
        except socket.gaierror as failed:
            raise NameResolutionError(self.host, self, failed) from None
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time") from None
        raise NewConnectionError(self, str(error)) from None

    def send(self, data: Any) -> None:
        """One `sendall`, whose time-out is for all of the data."""
        if self.sock is not None:
            self.sock.settimeout(CURRENT.bounds.left())
        super().send(data)

    def getresponse(self) -> Urllib3Response:  # type: ignore[override] # as urllib3 does
        departed()
        return super().getresponse()

    def read_answer(self) -> Urllib3Response:
        """The answer to a POST that was sent as bytes, past `request`."""
        answer = _Response(self.sock, method="POST")
        answer.begin()
        return Urllib3Response(
            answer,
            HTTPHeaderDict(answer.headers.items()),
            answer.status,
            preload_content=False,
            original_response=answer,
            request_method="POST",
        )


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same over TLS. A handshake's time-out, too, is for the whole of it."""


class KeptFirst(LifoQueue[Any]):
    """A pool's connections, the last one that was used first. `None` is room for another one: it
    comes last, so that it hides no connection."""

    def _put(self, item: Any) -> None:
        if item is None:
            self.queue.insert(0, item)
        else:
            self.queue.append(item)


class BoundedPool(HTTPConnectionPool):
    """Kept connections to one host."""

    ConnectionCls = BoundedConnection
    QueueCls = KeptFirst


class BoundedTlsPool(HTTPSConnectionPool):
    """Kept connections to one host, over TLS."""

    ConnectionCls = BoundedTlsConnection
    QueueCls = KeptFirst


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": BoundedPool, "https": BoundedTlsPool}
"""By scheme, as urllib3's managers take them."""
