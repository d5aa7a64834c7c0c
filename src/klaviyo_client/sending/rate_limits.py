"""Which endpoints may be called now: pauses that Klaviyo named, its allowance, and the circuit.

State of one process, shared by all that it sends. A 429 pauses only its endpoint. Two things keep
a large batch from running into one: `RateLimit-Remaining` says how many requests an endpoint takes
in this second, whoever has sent the others; and the process counts its own, within its share of the
windows that `RateLimit-Limit` names. Timeouts, cut connections and 5xx open the circuit for every
endpoint.
"""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from klaviyo_client.api.answers import MAX_DELAY, TOO_MANY_REQUESTS, Answer, outcome_of
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.sending.circuit_breaker import (
    LONGEST_OPEN_SECONDS,
    LOOK_AGAIN_SECONDS,
    WEIGHT,
    Circuit,
    Go,
    Wait,
)
from klaviyo_client.sending.shared import SECONDS, STALE_SECONDS, Barometer, Outlook
from operations.instants import NEVER

DEFAULT_PAUSE_SECONDS = 10.0
"""After a 429 that names no time."""

WINDOW_SECONDS = 1.0
"""Klaviyo's burst window: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling.

Also the shortest pause, since Klaviyo names whole seconds and may round them down to 0.
"""

SLOW_SECONDS = 1.0
"""A request that was given up sooner may just have started too late; it says nothing of Klaviyo."""

TOLERANCE = 0.05
"""Seconds by which two clocks of one process drift apart, at most, between two exchanges."""

CLOCKS_DIFFER = 5.0
"""Seconds by which two processes' clocks may."""

LATE_SECONDS = 3.0
"""An answer that took longer would be of no use to a webhook call either."""


@dataclass(slots=True)
class _Window:
    """The answers of the last so many seconds, and how many are allowed, once Klaviyo has said so.

    Klaviyo counts a request when it arrives, which is before its answer, but nobody knows when. As
    long as no more are under way or answered within any so many seconds, there are no more in any
    window of Klaviyo's, wherever that begins.
    """

    seconds: int
    allowed: float = math.inf
    answered: deque[float] = field(default_factory=deque)

    def wait(self, now: float, in_flight: int) -> float:
        """For how many seconds there is no room for one more request."""
        answered = self.answered
        while answered and answered[0] + self.seconds <= now:
            answered.popleft()
        if in_flight + len(answered) < self.allowed:
            return 0.0
        return answered[0] + self.seconds - now if answered else LOOK_AGAIN_SECONDS


def _windows() -> tuple[_Window, ...]:
    """Those that every endpoint has. One of a day would outlive most processes."""
    return tuple(_Window(seconds) for seconds in (1, 60))


@dataclass(slots=True)
class _Traffic:
    """What is known of one endpoint: how many requests are under way, and how many may be."""

    windows: tuple[_Window, ...] = field(default_factory=_windows)
    in_flight: int = 0
    paused_until: float = 0.0
    remaining: int = 0
    known_until: float = 0.0
    """Until when `remaining` is valid."""

    def learn(self, now: float, remaining: int, reset: float) -> None:
        if now < self.known_until:
            self.remaining = min(self.remaining, remaining)
        else:
            self.remaining = remaining
            self.known_until = now + max(reset, WINDOW_SECONDS)

    def learn_windows(self, stated: Sequence[tuple[int, int]], share: float) -> None:
        for window in self.windows:
            for allowed, seconds in stated:
                if seconds == window.seconds:
                    window.allowed = _part(allowed, share)

    def leave(self, now: float) -> None:
        """A request that Klaviyo may have counted is no longer under way."""
        self.in_flight -= 1
        for window in self.windows:
            window.answered.append(now)

    def wait(self, now: float, per_second: int, senders: int) -> float:
        """For how many seconds the endpoint has no room for one more request.

        Requests under way count as not yet counted by Klaviyo; some may be. Before the first
        answer no more than a second's worth is under way. What is left is shared by the `senders`.
        """
        full = max(window.wait(now, self.in_flight) for window in self.windows)
        if full > 0:
            return full
        known = now < self.known_until
        allowed = self.remaining if known else per_second
        if known and senders > 1 and allowed:
            allowed = max(allowed // senders, 1)
        if self.in_flight < allowed:
            return 0.0
        return self.known_until - now if known else LOOK_AGAIN_SECONDS


class Gate:
    """Thread-safe; `clock` gives seconds that never go back.

    `share` is what this process may use of each window, where others like it use the rest. With a
    `barometer`, what one process learns the others know a second later; `wall` gives Unix seconds.

    For each `Go` exactly one of `answered` and `abandoned` must follow.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        share: float = 1.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.barometer: Barometer | None = None
        self._clock = clock
        self._share = share
        self._wall = wall
        self._senders = 1
        self._exchanged_at = NEVER
        self._shared = Outlook(open_until=0.0)
        self._lock = threading.Lock()
        self._circuit = Circuit()
        self._traffic: defaultdict[str, _Traffic] = defaultdict(_Traffic)

    def exchange(self, *, at_end: bool = False) -> None:
        """Tell the other processes what is new, and learn from them; at most once a second.

        `at_end` of what is sent only news is shared, but at once: nobody knows when more is sent.
        """
        barometer = self.barometer
        if barometer is None:
            return
        now = self._clock()
        if not at_end and now - self._exchanged_at < SECONDS:
            return
        with self._lock:
            mine = self._outlook()
        news = self._news(mine)
        if at_end and news.open_until is None and not news.pauses:
            return
        self._exchanged_at = now
        heard = barometer.exchange(news)
        if heard is not None:
            self._shared = mine
            with self._lock:
                self._learn(heard)

    def _outlook(self) -> Outlook:
        """What this process knows, in Unix seconds."""
        now, ahead = self._clock(), self._wall() - self._clock()
        open_until = self._circuit.open_until
        return Outlook(
            open_until + ahead if open_until else 0.0,
            self._circuit.open_seconds,
            {
                name: traffic.paused_until + ahead
                for name, traffic in self._traffic.items()
                if traffic.paused_until > now
            },
        )

    def _news(self, mine: Outlook) -> Outlook:
        """What has changed since the last exchange."""
        shared = self._shared
        same = abs((mine.open_until or 0.0) - (shared.open_until or 0.0)) < TOLERANCE
        pauses = {
            name: until
            for name, until in mine.pauses.items()
            if until > shared.pauses.get(name, 0.0) + TOLERANCE
        }
        return Outlook(None if same else mine.open_until, mine.open_seconds, pauses)

    def _learn(self, heard: Outlook) -> None:
        behind = self._clock() - self._wall()
        until = heard.open_until or 0.0
        if not -STALE_SECONDS < until - self._wall() <= LONGEST_OPEN_SECONDS + CLOCKS_DIFFER:
            until = 0.0  # long ago, or of a clock that is wrong
        known = self._shared.open_until or 0.0
        if abs(until - known) > TOLERANCE:
            self._circuit.learn(until + behind if until else 0.0, heard.open_seconds)
        longest = self._wall() + MAX_DELAY + CLOCKS_DIFFER
        for name, paused_until in heard.pauses.items():
            if paused_until <= longest:  # no clock that is wrong stops an endpoint for good
                traffic = self._traffic[name]
                traffic.paused_until = max(traffic.paused_until, paused_until + behind)
        self._senders = heard.senders
        self._shared = self._outlook()

    def admit(self, endpoint: Endpoint, probe_seconds: float) -> Go | Wait | Retryable:
        """Whether a request to the endpoint may go now: a `Wait` is for room in the windows, a
        `Retryable` for a pause that Klaviyo named or for the circuit.

        A probe that was not answered within `probe_seconds` makes way for another.
        """
        with self._lock:
            now = self._clock()
            traffic = self._traffic[endpoint.name]
            if now < traffic.paused_until:
                return throttled(traffic.paused_until - now)
            admission = self._circuit.admission(now)
            if not isinstance(admission, Go):
                return admission
            allowed = _part(endpoint.per_second, self._share)
            wait = traffic.wait(now, allowed, self._senders)
            if wait > 0:
                return Wait(wait)
            if admission.probe:
                self._circuit.begin_probe(now, probe_seconds)
            traffic.in_flight += 1
            return admission

    def answered(
        self, endpoint: Endpoint, reply: Answer | Retryable, *, probe: bool = False
    ) -> None:
        """Learn from an answer, or from a failure to get one."""
        with self._lock:
            now = self._clock()
            traffic = self._traffic[endpoint.name]
            traffic.leave(now)
            if isinstance(reply, Answer):
                traffic.learn_windows(reply.windows, self._share)
                if reply.remaining is not None:
                    traffic.learn(now, reply.remaining, reply.reset or 0.0)
            reason = _trouble(reply, endpoint)
            if isinstance(reply, Answer) and reply.status == TOO_MANY_REQUESTS:
                traffic.paused_until = max(traffic.paused_until, now + pause_after(reply))
            if reason in WEIGHT:
                self._circuit.failed(now, reason, probe=probe)
            else:
                self._circuit.answered()

    def abandoned(self, endpoint: Endpoint, seconds: float, *, probe: bool = False) -> None:
        """Nobody waits any more for a request that was sent `seconds` ago."""
        with self._lock:
            self._traffic[endpoint.name].leave(self._clock())
            if probe or seconds >= SLOW_SECONDS:
                self._circuit.failed(self._clock(), RetryReason.TIMEOUT, probe=probe)

    def answered_late(self, endpoint: Endpoint, reply: Answer | Retryable, seconds: float) -> None:
        """An abandoned request was answered `seconds` after it was sent.

        A failure was counted when it was abandoned. An answer shows that Klaviyo is back.
        """
        if seconds < LATE_SECONDS and _trouble(reply, endpoint) not in WEIGHT:
            with self._lock:
                self._circuit.answered()


def _part(allowed: int, share: float) -> int:
    return max(1, math.floor(allowed * share))


def pause_after(throttled: Answer) -> float:
    """For how many seconds a 429 stops requests to its endpoint."""
    if throttled.retry_after is None:
        return DEFAULT_PAUSE_SECONDS
    return max(throttled.retry_after, WINDOW_SECONDS)


def throttled(seconds: float) -> Retryable:
    """What has to wait so long before it may be sent."""
    return Retryable(RetryReason.THROTTLED, seconds, tried=False)


def _trouble(reply: Answer | Retryable, endpoint: Endpoint) -> RetryReason | None:
    outcome = outcome_of(reply, endpoint) if isinstance(reply, Answer) else reply
    return outcome.reason if isinstance(outcome, Retryable) else None
