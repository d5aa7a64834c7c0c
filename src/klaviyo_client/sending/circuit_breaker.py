"""A circuit breaker: during an outage a call costs no timeout. Pure.

While it is closed, every request goes. Failures open it, and none goes. When its time is up, one
request goes as a probe; its answer closes the circuit, or opens it again for twice as long.
"""

from dataclasses import dataclass

from klaviyo_client.api.outcomes import Retryable, RetryReason

FAILURES_TO_OPEN = 3

WEIGHT = {
    RetryReason.TIMEOUT: FAILURES_TO_OPEN,
    RetryReason.UNAVAILABLE: 1,
    RetryReason.CONNECTION_FAILED: 1,
    RetryReason.UNEXPECTED_ANSWER: 0,
}
"""What a failure counts. One timeout opens at once: it has already cost a whole call its time. An
answer that is not as documented opens nothing, since it may be about one endpoint only, but a probe
that meets it does not close the circuit."""

FIRST_OPEN_SECONDS = 1.0
LONGEST_OPEN_SECONDS = 30.0

LOOK_AGAIN_SECONDS = 0.02
"""How often to look whether an answer that decides has come."""


@dataclass(frozen=True, slots=True)
class Go:
    """The request may be sent; `probe` if its answer decides about the circuit."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Not at this moment: ask again after `seconds`, or when an answer has come."""

    seconds: float


class Circuit:
    """The state of one breaker. Every `now` is in seconds that never go back."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until: float | None = None
        self._open_seconds = FIRST_OPEN_SECONDS
        self._probe_until: float | None = None

    @property
    def open_until(self) -> float:
        """When a probe may go; 0 while the circuit is closed."""
        return self._open_until or 0.0

    @property
    def open_seconds(self) -> float:
        """Seconds for which it opens next."""
        return self._open_seconds

    def learn(self, open_until: float, open_seconds: float) -> None:
        """Somebody else has opened the circuit, or closed it (0)."""
        if open_until <= 0:
            self.answered()
        elif self._open_until is None or open_until > self._open_until:
            self._open_until = open_until
            self._open_seconds = min(max(open_seconds, FIRST_OPEN_SECONDS), LONGEST_OPEN_SECONDS)

    def admission(self, now: float) -> Go | Wait | Retryable:
        """Whether a request may go. Changes nothing: `begin_probe` says that a probe has gone."""
        if self._open_until is None:
            return Go()
        if self._probe_until is not None and now < self._probe_until:
            return Wait(LOOK_AGAIN_SECONDS)
        if now < self._open_until:
            return Retryable(RetryReason.CIRCUIT_OPEN, self._open_until - now, tried=False)
        return Go(probe=True)

    def begin_probe(self, now: float, seconds: float) -> None:
        """A probe has gone; for so many seconds the others wait for its answer."""
        self._probe_until = now + seconds

    def answered(self) -> None:
        """Klaviyo answers: close."""
        self._failures = 0
        self._open_until = self._probe_until = None
        self._open_seconds = FIRST_OPEN_SECONDS

    def failed(self, now: float, reason: RetryReason, *, probe: bool) -> None:
        """A request failed. One that began before the circuit opened says nothing new."""
        self._failures += WEIGHT.get(reason, 0)
        opens = self._open_until is None and self._failures >= FAILURES_TO_OPEN
        if opens or probe:
            self._open_until = now + self._open_seconds
            self._open_seconds = min(2 * self._open_seconds, LONGEST_OPEN_SECONDS)
            self._probe_until = None
