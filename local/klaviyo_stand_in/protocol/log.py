"""The log of requests to the account."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

UNANSWERED = 0
"""The status of a request without effect and without an answer."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. `at` is the account's clock; `items` what the body held, when it was readable.

    `answered` is false if the connection was reset instead. If it has a status, the request had its
    effect nevertheless.
    """

    method: str
    path: str
    endpoint: str
    status: int
    items: int
    at: float
    answered: bool = True


class RequestLog:
    """The last requests, and counts of all. Not thread-safe."""

    def __init__(self, keep: int) -> None:
        self.records: deque[RequestRecord] = deque(maxlen=keep)
        self.counts: Counter[tuple[str, int]] = Counter()
        self.items: Counter[str] = Counter()

    def add(self, record: RequestRecord) -> None:
        self.records.append(record)
        self.counts[record.endpoint, record.status] += 1
        if 200 <= record.status < 300:
            self.items[record.endpoint] += record.items

    def summary(self) -> dict[str, Any]:
        """Counts by endpoint and status, and accepted items by endpoint."""
        endpoints: dict[str, Counter[str]] = {}
        statuses: Counter[str] = Counter()
        for (endpoint, status), number in self.counts.items():
            endpoints.setdefault(endpoint, Counter())[str(status)] += number
            statuses[str(status)] += number
        return {
            "total": self.counts.total(),
            "endpoints": endpoints,
            "statuses": statuses,
            "items": self.items,
        }
