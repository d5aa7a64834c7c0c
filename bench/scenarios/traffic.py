"""`make bench-traffic`: how much of Klaviyo's rate limits a shop's usual traffic uses.

    python -m bench.scenarios.traffic [--minutes 3]

Forty containers of the webhook function take calls of 1 to 30 messages, three tracks to one
identify, at random times. Two retry functions deliver what has to wait. The client is the real one.
The stand-in's meter takes Klaviyo's place, with the published limits. Time is simulated, so the
figures do not depend on the machine. Each rate runs without a ledger and with one, through which
the containers share the pauses that Klaviyo names.
"""

import argparse
import heapq
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handler import assembly
from klaviyo_client.api import endpoints
from klaviyo_client.api.answers import Answer, read
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.shared import ACTIVE_SECONDS, Outlook
from local.klaviyo_stand_in.checks.rate_limits import Limit, Meter
from operations import CreateEvent, Identity, Operation, UpsertProfile

KEY = "pk_bench"
CONTAINERS, RETRIES = 40, 2
MOST_MESSAGES = 30
RATES = (1_000, 3_000, 10_000, 30_000)
"""Messages a minute."""

WEBHOOK_SECONDS, RETRY_SECONDS = 3.0, 47.0
CALL_SECONDS = 0.3
"""How long a container is busy with a call."""

LOOK_SECONDS = 5.0
"""Between two batches of a retry function: Lambda's window for gathering a batch."""

MOST_OPERATIONS = 10_000

Waiting = list[tuple[float, int, Operation]]
"""A heap: when each is due, and a serial number that keeps those due at once in order."""

NUMBERS = itertools.count()
RESULTS = Path(__file__).resolve().parents[1] / "results"

USED = (
    endpoints.CREATE_EVENT,
    endpoints.BULK_CREATE_EVENTS,
    endpoints.UPSERT_PROFILE,
    endpoints.BULK_IMPORT_PROFILES,
)
BODIES: Mapping[Endpoint, tuple[int, Any]] = {
    endpoints.UPSERT_PROFILE: (200, {"data": {"type": "profile", "id": "01P"}}),
    endpoints.BULK_IMPORT_PROFILES: (202, {"data": {"type": "profile-bulk-import-job", "id": "1"}}),
}


class Clock:
    """The simulated time of one process."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.now += seconds


class Wire:
    """A `Transport` of one process to the one Klaviyo."""

    def __init__(self, account: "Account", clock: Clock) -> None:
        self._account = account
        self._clock = clock

    def send(
        self,
        method: str,  # noqa: ARG002
        path: str,
        body: bytes,  # noqa: ARG002
        private_key: str,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        *,
        repeatable: bool = True,  # noqa: ARG002
    ) -> Answer:
        """As Klaviyo answers, at once."""
        return self._account.answer(path.split("?")[0], self._clock.now)


@dataclass(slots=True)
class Account:
    """Klaviyo: its limits, and what it has answered."""

    meter: Meter = field(default_factory=lambda: Meter("published"))
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    def answer(self, path: str, now: float) -> Answer:
        """An acceptance, or a 429."""
        endpoint = next(each for each in USED if each.path == path)
        limit = Limit(endpoint.per_second, endpoint.per_minute)
        wait = self.meter.take(endpoint.name, limit, now)
        if wait is not None:
            self.answered[endpoint.name, 429] += 1
            return read(429, {"Retry-After": str(wait)}, b"")
        status, document = BODIES.get(endpoint, (202, None))
        self.answered[endpoint.name, status] += 1
        body = b"" if document is None else json.dumps(document).encode()
        return read(status, self.meter.headers(endpoint.name, limit, now), body)


@dataclass(slots=True)
class Ledger:
    """What all processes together know of Klaviyo, as the ledger's table keeps it."""

    pauses: dict[str, float] = field(default_factory=dict)
    sent_at: dict[Clock, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerBarometer:
    """The `Barometer` of the process with this clock."""

    ledger: Ledger
    clock: Clock

    def exchange(self, news: Outlook) -> Outlook:
        """Write what is new, and read the rest."""
        now, ledger = self.clock.now, self.ledger
        ledger.sent_at[self.clock] = now
        ledger.pauses.update(news.pauses)
        active = sum(now - at < ACTIVE_SECONDS for at in ledger.sent_at.values())
        pauses = {name: until for name, until in ledger.pauses.items() if until > now}
        return Outlook(0.0, 0.0, pauses, active)


class Process:
    """A container: a client with a clock, and when it is free."""

    def __init__(self, account: Account, ledger: Ledger | None, **settings: Any) -> None:
        self.clock = Clock()
        self.free_at = 0.0
        self._klaviyo = Klaviyo(
            "http://nowhere",
            transport=Wire(account, self.clock),
            clock=self.clock,
            sleep=self.clock.sleep,
            wall=self.clock,
            **settings,
        )
        if ledger is not None:
            self._klaviyo.share(LedgerBarometer(ledger, self.clock))

    def deliver(
        self, operations: Sequence[Operation], now: float, seconds: float
    ) -> Iterator[tuple[float, Operation]]:
        """The operations to send again, and when."""
        self.clock.now = now
        delivery = self._klaviyo.deliver(operations, KEY, seconds)
        for result in delivery.results:
            if isinstance(result.outcome, Retryable):
                yield self.clock.now + (result.outcome.delay or LOOK_SECONDS), result.operation


def main() -> int:
    """Simulate each rate, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.traffic")
    parser.add_argument("--minutes", type=int, default=3)
    minutes: int = parser.parse_args().minutes
    results = {
        f"{rate:,}{', ledger' if has_ledger else ''}": simulate(rate, minutes, has_ledger)
        for rate in RATES
        for has_ledger in (False, True)
    }
    print(f"{CONTAINERS} containers, calls of 1 to {MOST_MESSAGES} messages; a minute of {minutes}")
    names = [endpoint.name for endpoint in USED]
    head = "".join(f"{name:>27}" for name in names)
    print(f"  {'messages':<15}{'calls':>7}{'queued':>8}{'waiting':>9}{'429s':>7}{head}")
    for name, result in results.items():
        counts = "".join(f"{result[each.name]:>16,.0f} of {each.per_minute:>6,}  " for each in USED)
        print(
            f"  {name:<15}{result['calls']:>7,.0f}{result['queued']:>8.1%}"
            f"{result['waiting']:>9,}{result['throttled']:>7,.1f}{counts}"
        )
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "traffic.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


def simulate(rate: int, minutes: int, has_ledger: bool) -> dict[str, float]:
    """The figures of a minute. `queued` is the share of operations that had to wait, `waiting` the
    number that still wait at the end."""
    dice = random.Random(rate)
    account = Account()
    ledger = Ledger() if has_ledger else None
    webhooks = [
        Process(account, ledger, remember_seconds=assembly.REMEMBER_SECONDS)
        for _ in range(CONTAINERS)
    ]
    retries = [
        Process(account, ledger, patience=assembly.PATIENCE_SECONDS, share=1 / RETRIES)
        for _ in range(RETRIES)
    ]
    waiting: Waiting = []
    calls = operations = queued = 0
    now, look_at = 0.0, LOOK_SECONDS
    while now < minutes * 60:
        now += dice.expovariate(rate / 60 / (1 + MOST_MESSAGES) * 2)
        while look_at <= now:
            for retry in retries:
                _retry(retry, waiting, look_at)
            look_at += LOOK_SECONDS
        free = [each for each in webhooks if each.free_at <= now] or webhooks
        webhook = dice.choice(free)
        webhook.free_at = now + CALL_SECONDS
        batch = [_operation(operations + each) for each in range(dice.randint(1, MOST_MESSAGES))]
        calls, operations = calls + 1, operations + len(batch)
        for due, operation in webhook.deliver(batch, now, WEBHOOK_SECONDS):
            queued += 1
            heapq.heappush(waiting, (due, next(NUMBERS), operation))
    answered: Counter[str] = Counter()
    throttled = 0
    for (name, status), number in account.answered.items():
        answered[name] += number if status != 429 else 0
        throttled += number if status == 429 else 0
    figures = {"calls": calls / minutes, "queued": queued / operations, "waiting": len(waiting)}
    figures |= {"throttled": throttled / minutes}
    return figures | {endpoint.name: answered[endpoint.name] / minutes for endpoint in USED}


def _retry(retry: Process, waiting: Waiting, now: float) -> None:
    if retry.free_at > now:
        return
    batch: list[Operation] = []
    while waiting and waiting[0][0] <= now and len(batch) < MOST_OPERATIONS:
        batch.append(heapq.heappop(waiting)[2])
    if batch:
        for due, operation in retry.deliver(batch, now, RETRY_SECONDS):
            heapq.heappush(waiting, (due, next(NUMBERS), operation))
        retry.free_at = retry.clock.now


def _operation(number: int) -> Operation:
    identity = Identity(email=f"person{number % 5_000}@acme-store.example")
    message_id = f"ajs-next-{number:032x}"
    if number % 4 == 0:
        return UpsertProfile(message_id, identity, {"first_name": "Ada"}, {"plan": "pro"})
    return CreateEvent(message_id, identity, "Product Viewed", message_id, {"price": 18.99})


if __name__ == "__main__":
    sys.exit(main())
