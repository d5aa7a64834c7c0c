"""Klaviyo's rate limits: fixed windows of a second, a minute and, for one endpoint, a day.

https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling. Limits are per account and
endpoint, whatever the key. A throttled request does not count.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests that one endpoint takes in a second (burst), a minute (steady) and a day."""

    per_second: int
    per_minute: int
    per_day: int | None = None

    def windows(self) -> tuple[tuple[int, int], ...]:
        """Pairs of seconds and requests, the shortest window first."""
        steady = ((1, self.per_second), (60, self.per_minute))
        return steady if self.per_day is None else (*steady, (DAY, self.per_day))

    def scaled(self, factor: float) -> "Limit":
        """The limit times `factor`, at least one request in each window."""
        per_day = None if self.per_day is None else max(1, round(self.per_day * factor))
        return Limit(
            max(1, round(self.per_second * factor)),
            max(1, round(self.per_minute * factor)),
            per_day,
        )


RateLimits = Literal["published"] | float | Mapping[str, Limit] | None
"""Which limits apply: the published ones, these times a factor, only the named ones, or none."""


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


class Meter:
    """Counts the requests of each endpoint in its windows. Not thread-safe."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._windows: dict[tuple[str, int], _Window] = {}

    def take(self, endpoint: str, published: Limit, now: float) -> int | None:
        """Count one request at `now`. If there is no room, return the whole seconds to wait."""
        limit = self._enforced(endpoint, published)
        windows = [
            (self._window(endpoint, seconds, now), allowed)
            for seconds, allowed in (limit or published).windows()
        ]
        if limit is not None:
            full = [window.ends - now for window, allowed in windows if window.used >= allowed]
            if full:
                return max(1, math.ceil(max(full)))
        for window, _ in windows:
            window.used += 1
        return None

    def headers(self, endpoint: str, published: Limit, now: float) -> dict[str, str]:
        """The `RateLimit-*` headers of an answer, as recorded on 2026-09-04.

        They describe the burst window, which always ends in less than a second. An endpoint without
        a limit has no headers, because a client would pace itself by them.
        """
        limit = self._enforced(endpoint, published)
        if limit is None:
            return {}
        used = self._window(endpoint, 1, now).used
        stated = ", ".join(f"{allowed};w={seconds}" for seconds, allowed in limit.windows())
        return {
            "RateLimit-Limit": f"{limit.per_second}, {stated}",
            "RateLimit-Remaining": str(max(0, limit.per_second - used)),
            "RateLimit-Reset": "0",
        }

    def _enforced(self, endpoint: str, published: Limit) -> Limit | None:
        if self._limits is None:
            return None
        if isinstance(self._limits, Mapping):
            return self._limits.get(endpoint)
        return published if self._limits == "published" else published.scaled(float(self._limits))

    def _window(self, endpoint: str, seconds: int, now: float) -> _Window:
        window = self._windows.get((endpoint, seconds))
        if window is None or now >= window.ends:
            window = self._windows[endpoint, seconds] = _Window(now + seconds)
        return window
