"""Several requests to one host at once, sent and read by one thread.

Threads fight for the interpreter: a request takes four times the processor time as soon as twenty
threads send at once. So the requests go out one after the other on kept connections, and each
answer is read once all of it is there: one that drips holds up no other.

Only what needs a new connection gets a thread. The handshakes of a process's first requests must
not wait for each other, nor those after a pause in which the host has closed the connections.
"""

import re
import select
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from math import ceil
from ssl import SSLWantReadError, SSLWantWriteError
from typing import NamedTuple

from klaviyo_client.sending.bounded_http import (
    PIECE,
    BoundedHttp,
    CutError,
    HttpAnswer,
    NoAnswerError,
    TimedOutError,
)
from klaviyo_client.sending.connections import BoundedConnection, Bounds

DEPARTURE_SHARE = 1 / 2
"""Of the time left, for writing one request: a host that does not read it holds up the others."""

END_OF_HEAD = b"\r\n\r\n"

LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,18}) *\r\n", re.IGNORECASE)

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
    """A request whose answer has not come, or not all of it."""

    number: int
    request: Outgoing
    connection: BoundedConnection
    received: bytearray = field(default_factory=bytearray)
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
        except NOTHING_YET:
            return
        except OSError:
            self.ended = True

    def is_all_there(self, most_bytes: int) -> bool:
        """Whether the answer can be read without waiting, or ends otherwise."""
        end = self._end_of_head()
        length = LENGTH.search(self.received, 0, end)
        return (
            self.ended
            or len(self.received) > most_bytes
            or (length is not None and len(self.received) >= end + int(length[1]))
        )

    @property
    def is_odd(self) -> bool:
        """Whether only reading the answer tells where it ends: it comes in chunks, or an interim
        answer is before it."""
        end = self._end_of_head()
        return end > 0 and LENGTH.search(self.received, 0, end) is None

    def _end_of_head(self) -> int:
        """0 while the head is not there."""
        found = self.received.find(END_OF_HEAD)
        return found + len(END_OF_HEAD) if found >= 0 else 0


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
            self._http.depart(connection, *request, bounds)
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
            is_all_there = flight.is_all_there(self._most_bytes)
            if is_all_there or flight.is_odd:
                self._poll.unregister(descriptor)
                del self._flights[descriptor]
                if is_all_there:
                    yield from self._read(flight)
                else:
                    self._odd.append(flight)
        if not seconds:
            late, self._flights = self._flights, {}
            for flight in late.values():
                self._drop(flight.connection)
                yield flight.number, TimedOutError("no answer in time")

    def _read(self, flight: _Flight) -> Replies:
        bounds = Bounds(self._until, self._most_bytes, begun=bytes(flight.received))
        try:
            answer = self._http.arrive(flight.connection, bounds)
        except NoAnswerError as error:
            self._drop(flight.connection)
            yield from self._failed(flight.number, flight.request, error)
        else:
            self._http.hand_back(flight.connection)
            yield flight.number, answer

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
