"""Several requests to one host at once, sent and read by one thread.

Threads fight for the interpreter: a request takes four times the processor time as soon as twenty
threads send at once. So the requests go out one after the other on kept connections, and each
answer is read once all of it is there: one that drips holds up no other.

Only what needs a new connection gets a thread. The handshakes of a process's first requests must
not wait for each other, nor those after a pause in which the host has closed the connections.
"""

import select
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from math import ceil
from ssl import SSLWantReadError, SSLWantWriteError
from typing import NamedTuple

from handler.aws.plain_http import END_OF_HEAD, Head, request_of
from klaviyo_client.sending.bounded_http import (
    PIECE,
    BoundedHttp,
    CutError,
    HttpAnswer,
    NoAnswerError,
    TimedOutError,
    TooLargeError,
    within,
)
from klaviyo_client.sending.connections import BoundedConnection, Bounds

DEPARTURE_SHARE = 1 / 2
"""Of the time left, for writing one request: a host that does not read it holds up the others."""

NOTHING_YET = (BlockingIOError, InterruptedError, SSLWantReadError, SSLWantWriteError)


class Outgoing(NamedTuple):
    """A request that may be sent twice."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


Reply = HttpAnswer | NoAnswerError

Replies = Iterator[tuple[int, Reply]]
"""Requests by their numbers, each with its answer or why there is none."""


class SideBySide:
    """Requests to one host, at most `most` at once. Safe to use from several threads."""

    def __init__(self, http: BoundedHttp, most: int) -> None:
        self._http = http
        self._most = most
        self._threads: ThreadPoolExecutor | None = None

    def send(self, requests: Iterable[Outgoing], seconds: float, most_bytes: int) -> Replies:
        """The requests' numbers, counted from 0, and what became of each as soon as it is known;
        all within `seconds`. Of each answer `most_bytes` are read.

        Requests are taken while others are under way. A connection that was cut is tried once more.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._most, "connecting")
        until = time.monotonic() + seconds
        return _Sending(self._http, self._threads, self._most, until, most_bytes).run(requests)


@dataclass(slots=True)
class _Flight:
    """A request whose answer has not come, or not all of it. `ended` if no more will come."""

    number: int
    request: Outgoing
    connection: BoundedConnection
    received: bytearray = field(default_factory=bytearray)
    head: Head | None = None
    ended: bool = False

    def receive(self, most_bytes: int) -> None:
        """Take what has come, without waiting."""
        sock = self.connection.sock
        sock.settimeout(0)
        try:
            while len(self.received) <= most_bytes:
                piece = sock.recv(PIECE)
                if not piece:
                    self.ended = True
                    return
                self.received += piece
                if len(piece) < PIECE and self.is_all_there:
                    return  # without asking in vain
        except NOTHING_YET:
            return
        except OSError:
            self.ended = True

    @property
    def is_all_there(self) -> bool:
        """Whether it is a plain answer, and complete."""
        if self.head is None:
            end = self.received.find(END_OF_HEAD)
            if end >= 0:
                self.head = Head(self.received, end)
        return self.head is not None and self.head.is_all_there(self.received)

    @property
    def is_odd(self) -> bool:
        """Whether only reading the answer tells where it ends: it comes in chunks, or an interim
        answer is before it."""
        return self.head is not None and not self.head.is_plain

    def is_too_large(self, most_bytes: int) -> bool:
        """Whether more has come, or will come, than may be read."""
        length = self.head.length if self.head is not None else 0
        return len(self.received) > most_bytes or length > most_bytes


class _Sending:
    """One `send`: what is under way on kept connections, and what needs a new one."""

    def __init__(
        self,
        http: BoundedHttp,
        threads: ThreadPoolExecutor,
        most: int,
        until: float,
        most_bytes: int,
    ) -> None:
        self._http = http
        self._threads = threads
        self._most = most
        self._until = until
        self._most_bytes = most_bytes
        self._poll = select.poll()
        self._flights: dict[int, _Flight] = {}
        self._odd: list[_Flight] = []
        self._apart: dict[Future[Reply], int] = {}

    def run(self, requests: Iterable[Outgoing]) -> Replies:
        try:
            for number, request in enumerate(requests):
                while self._flights and len(self._flights) + self._number_apart() >= self._most:
                    yield from self._land()
                yield from self._depart(number, request)
            while self._flights:
                yield from self._land()
            while self._odd:
                yield from self._read(self._odd.pop())
            for future in as_completed(self._apart):
                yield self._apart[future], future.result()
        finally:
            for flight in (*self._flights.values(), *self._odd):
                self._drop(flight.connection)

    def _depart(self, number: int, request: Outgoing) -> Replies:
        now = time.monotonic()
        if now >= self._until:
            yield number, TimedOutError("no time to send it")
            return
        connection = self._http.kept_connection()
        if connection is None:
            self._send_apart(number, request, repeatable=True)
            return
        bounds = Bounds(now + (self._until - now) * DEPARTURE_SHARE, self._most_bytes)
        try:
            with within(bounds):
                path = self._http.base_path + request.path
                connection.send(request_of(request.method, path, request.body, request.headers))
        except NoAnswerError as error:
            self._drop(connection)
            yield from self._failed(number, request, error)
        else:
            descriptor = connection.sock.fileno()
            self._flights[descriptor] = _Flight(number, request, connection)
            self._poll.register(descriptor, select.POLLIN)

    def _land(self) -> Replies:
        """Wait until something comes, and give the answers that are complete; once the time is
        over, look a last time."""
        seconds = max(self._until - time.monotonic(), 0.0)
        for descriptor, _ in self._poll.poll(ceil(seconds * 1000)):
            flight = self._flights[descriptor]
            flight.receive(self._most_bytes)
            is_too_large = flight.is_too_large(self._most_bytes)
            if not (flight.is_all_there or flight.is_odd or is_too_large or flight.ended):
                continue
            self._poll.unregister(descriptor)
            del self._flights[descriptor]
            if is_too_large:
                self._drop(flight.connection)
                yield flight.number, TooLargeError("the answer is too large")
            elif flight.is_odd:
                self._odd.append(flight)
            elif flight.head is not None and flight.is_all_there:
                answer, is_last = flight.head.answer(flight.received)
                if is_last or flight.ended:
                    self._drop(flight.connection)
                else:
                    self._http.hand_back(flight.connection)
                yield flight.number, answer
            else:
                self._drop(flight.connection)
                error = CutError("no connection")
                yield from self._failed(flight.number, flight.request, error)
        if not seconds:
            while self._flights:
                _, flight = self._flights.popitem()
                self._drop(flight.connection)
                yield flight.number, TimedOutError("no answer in time")

    def _read(self, flight: _Flight) -> Replies:
        """Read an answer that is not plain; nobody uses its connection afterwards."""
        bounds = Bounds(self._until, self._most_bytes, begun=bytes(flight.received))
        try:
            yield flight.number, self._http.read_answer(flight.connection, bounds)
        except NoAnswerError as error:
            yield from self._failed(flight.number, flight.request, error)
        finally:
            self._drop(flight.connection)

    def _failed(self, number: int, request: Outgoing, error: NoAnswerError) -> Replies:
        if isinstance(error, CutError):
            self._send_apart(number, request, repeatable=False)
        else:
            yield number, error

    def _send_apart(self, number: int, request: Outgoing, *, repeatable: bool) -> None:
        future = self._threads.submit(self._connect_and_send, request, repeatable=repeatable)
        self._apart[future] = number

    def _number_apart(self) -> int:
        """Of those under way that have a thread."""
        return sum(not future.done() for future in self._apart)

    def _connect_and_send(self, request: Outgoing, *, repeatable: bool) -> Reply:
        seconds = self._until - time.monotonic()
        try:
            return self._http.send(*request, seconds, self._most_bytes, repeatable=repeatable)
        except NoAnswerError as error:
            return error

    def _drop(self, connection: BoundedConnection) -> None:
        connection.close()
        self._http.hand_back(connection)
