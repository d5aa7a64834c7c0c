"""Sends requests side by side, as far as rate limits and time allow. Knows no operations.

What comes back goes to an `on_reply` function, which may answer with further requests. A single
request is sent by the calling thread, and stopped when the time is up. Several requests have a
worker each. Those that are not answered in time are abandoned, not stopped: repeats do no harm at
Klaviyo, and a late answer tells the circuit breaker that Klaviyo is back.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from klaviyo_client.api.answers import TOO_MANY_REQUESTS, Answer
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import UNTRIED, Retryable, RetryReason
from klaviyo_client.planning.requests import Request
from klaviyo_client.planning.steps import BULK_EVENTS_FROM
from klaviyo_client.sending.circuit_breaker import Go, Wait
from klaviyo_client.sending.departure import at_departure
from klaviyo_client.sending.rate_limits import Gate, pause_after, throttled

CONNECTIONS = BULK_EVENTS_FROM
"""Requests under way at once: whatever a call sends singly, none of it waits for another's answer.
At 100 ms an answer that is 240 a second, near the burst limits."""

WORKERS = 4 * CONNECTIONS
"""The most threads. It leaves room for others when requests were abandoned."""

LONGEST_WAIT_SECONDS = 2.0
"""How long a batch waits for room in a window to spread itself, even without patience."""

LONGEST_SECONDS = 10.0
"""How long a request, abandoned or not, waits for its answer."""

Reply = Answer | Retryable

OnReply = Callable[[Request, Reply], Sequence[Request]]
"""Takes a reply, or why there is none; returns the requests that are to be sent on its account."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The time of one `send`, on the sender's clock: nothing is started after `start_by`, and
    nothing waited for after `deadline`."""

    start_by: float
    deadline: float


class Courier(Protocol):
    """Gets requests to Klaviyo, and those that `on_reply` returns; each has one reply."""

    def clock(self) -> float:
        """Seconds that never go back."""

    def send(
        self, requests: Iterable[Request], private_key: str, limits: Limits, on_reply: OnReply
    ) -> int:
        """Returns how many were sent."""


class Transport(Protocol):
    """Sends one request, from several threads at once, and has its answer within `seconds` in all.

    What is not `repeatable` leaves once at most.
    """

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Answer | Retryable: ...


class Sender:
    """Sends requests to Klaviyo, for one process. One `send` at a time.

    `patience` is for how many seconds a pause of Klaviyo's or a full window is waited out in place;
    what would have to wait longer is answered untried. What waits for a window is to come back
    `patience` earlier, so that it is ready when there is room; what could be waited out, but not
    before it has to start, is to come back when there is room. `probe_seconds` is what a probe of
    an open circuit may take. `share` is what this process may use of Klaviyo's limits.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        patience: float,
        probe_seconds: float,
        share: float = 1.0,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.transport = transport
        self.patience = patience
        self.probe_seconds = probe_seconds
        self.clock = clock
        self.sleep = sleep
        self.gate = Gate(clock, share, wall)
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="klaviyo")
        self.meanwhile: deque[Callable[[], object]] = deque()
        """What is to be done in another thread, one after the other, once a request is written."""

    def departed(self) -> None:
        """A request is written, and its answer is waited for."""
        if self.meanwhile:
            self.workers.submit(self._work_meanwhile)

    def _work_meanwhile(self) -> None:
        with suppress(IndexError):
            while True:
                work = self.meanwhile.popleft()
                # Whoever needs what fails here makes it again, and learns of the error.
                with suppress(Exception):
                    work()

    def send(
        self, requests: Iterable[Request], private_key: str, limits: Limits, on_reply: OnReply
    ) -> int:
        """Send the requests and those that `on_reply` returns; each is answered exactly once.

        Returns how many were sent. Requests of one endpoint start in their order.
        """
        sending = _Sending(self, private_key, limits, on_reply)
        sending.run(requests)
        return sending.sent


@dataclass(frozen=True, slots=True)
class _Flight:
    """A request under way."""

    request: Request
    began: float
    probe: bool


class _Sending:
    """One `send`: what waits, by endpoint, and what is under way."""

    def __init__(self, sender: Sender, private_key: str, limits: Limits, on_reply: OnReply) -> None:
        self._sender = sender
        self._gate = sender.gate
        self._clock = sender.clock
        self._private_key = private_key
        self._limits = limits
        self._on_reply = on_reply
        self._waiting: dict[Endpoint, deque[Request]] = {}
        self._running: dict[Future[Reply], _Flight] = {}
        self.sent = 0

    def run(self, requests: Iterable[Request]) -> None:
        self._enqueue(requests)
        while self._waiting or self._running:
            self._gate.exchange()
            look_again = min(map(self._start, list(self._waiting)), default=self._limits.deadline)
            self._rest(look_again)
        self._gate.exchange(at_end=True)

    def _enqueue(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self._waiting.setdefault(request.endpoint, deque()).append(request)

    def _start(self, endpoint: Endpoint) -> float:
        """Start what may go to the endpoint now; returns when to look again."""
        queue = self._waiting.pop(endpoint)
        while queue and len(self._running) < CONNECTIONS:
            admission = self._admit(endpoint)
            if isinstance(admission, Go):
                request = queue.popleft()
                if admission.probe and len(request.items) > 1:
                    request, others = _probe_of(request)
                    queue.appendleft(others)
                if self._is_alone(queue) and not admission.probe:
                    self._carry(request)
                    return self._clock()
                self._begin(request, probe=admission.probe)
            elif isinstance(admission, Wait):
                self._waiting[endpoint] = queue
                return self._clock() + admission.seconds
            else:
                self._answer_all(queue, admission)
        if queue:
            self._waiting[endpoint] = queue
        return self._limits.deadline

    def _admit(self, endpoint: Endpoint) -> Go | Wait | Retryable:
        """What the gate says, and whether it is worth waiting for."""
        now = self._clock()
        if now >= self._limits.start_by:
            return UNTRIED
        admission = self._gate.admit(endpoint, self._sender.probe_seconds)
        if isinstance(admission, Go):
            return admission
        if isinstance(admission, Wait):
            if admission.seconds > max(self._sender.patience, LONGEST_WAIT_SECONDS):
                return throttled(admission.seconds - self._sender.patience)
            if now + admission.seconds < self._limits.start_by:
                return admission
            # With the time named: a delay by the number of attempts may be a quarter of an hour.
            if admission.seconds > LONGEST_WAIT_SECONDS:
                return throttled(admission.seconds)
            return UNTRIED
        pause = admission.delay or 0.0
        return Wait(pause) if self._is_worth_waiting(pause) else admission

    def _is_worth_waiting(self, pause: float) -> bool:
        return pause <= self._sender.patience and self._clock() + pause < self._limits.start_by

    def _is_alone(self, queue: deque[Request]) -> bool:
        """Whether there is nothing to do beside the request: most calls make one only."""
        return not (queue or self._waiting or self._running)

    def _carry(self, request: Request) -> None:
        """Send the request from this thread, which saves handing it over to another."""
        flight = _Flight(request, self._clock(), probe=False)
        self.sent += 1
        seconds = min(LONGEST_SECONDS, self._limits.deadline - flight.began)
        reply = self._exchange(request, seconds)
        if isinstance(reply, Retryable) and self._clock() >= self._limits.deadline:
            self._give_up(flight)
            self._enqueue(self._on_reply(request, reply))
        else:
            self._land(flight, reply)

    def _begin(self, request: Request, *, probe: bool) -> None:
        future = self._sender.workers.submit(self._exchange, request, LONGEST_SECONDS)
        self._running[future] = _Flight(request, self._clock(), probe)
        self.sent += 1

    def _exchange(self, request: Request, seconds: float) -> Reply:
        body = request.body()
        with at_departure(self._sender.departed):
            return self._sender.transport.send(
                request.endpoint.method,
                request.path,
                body,
                self._private_key,
                seconds,
                repeatable=request.endpoint.repeatable,
            )

    def _rest(self, until: float) -> None:
        """Wait until then, or for an answer, or for the end of a request's time."""
        until = min([until, *map(self._ends, self._running.values())])
        seconds = max(until - self._clock(), 0.0)
        if self._running:
            wait(self._running, seconds, FIRST_COMPLETED)
        elif self._waiting:
            self._sender.sleep(seconds)
        now = self._clock()
        for future, flight in list(self._running.items()):
            if future.done():
                self._land(self._running.pop(future), future.result())
            elif now >= self._ends(flight):
                self._abandon(self._running.pop(future), future)

    def _ends(self, flight: _Flight) -> float:
        if flight.probe:
            return min(self._limits.deadline, flight.began + self._sender.probe_seconds)
        return self._limits.deadline

    def _land(self, flight: _Flight, reply: Reply) -> None:
        request = flight.request
        self._gate.answered(request.endpoint, reply, probe=flight.probe)
        if self._is_worth_repeating(reply):
            self._waiting.setdefault(request.endpoint, deque()).appendleft(request)
        else:
            self._enqueue(self._on_reply(request, reply))

    def _is_worth_repeating(self, reply: Reply) -> bool:
        """Whether it is a 429 whose pause can be waited out."""
        return (
            isinstance(reply, Answer)
            and reply.status == TOO_MANY_REQUESTS
            and self._is_worth_waiting(pause_after(reply))
        )

    def _abandon(self, flight: _Flight, future: Future[Reply]) -> None:
        self._give_up(flight)
        future.add_done_callback(partial(self._learn_late, flight.request.endpoint, flight.began))
        outcome = UNTRIED if future.cancel() else Retryable(RetryReason.TIMEOUT)
        self._enqueue(self._on_reply(flight.request, outcome))

    def _give_up(self, flight: _Flight) -> None:
        seconds = self._clock() - flight.began
        self._gate.abandoned(flight.request.endpoint, seconds, probe=flight.probe)

    def _learn_late(self, endpoint: Endpoint, began: float, future: Future[Reply]) -> None:
        """In a worker thread."""
        if not future.cancelled() and future.exception() is None:
            self._gate.answered_late(endpoint, future.result(), self._clock() - began)

    def _answer_all(self, queue: deque[Request], outcome: Retryable) -> None:
        while queue:
            self._enqueue(self._on_reply(queue.popleft(), outcome))


def _probe_of(request: Request) -> tuple[Request, Request]:
    """One item of a bulk request, which a healthy Klaviyo answers at once, and the others."""
    probe = replace(request, items=request.items[:1], series=None)
    return probe, replace(request, items=request.items[1:])
