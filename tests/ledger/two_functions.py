"""Two functions on one account and one table, and what they say about a person."""

import time
from collections.abc import Callable, Iterable, Set
from typing import Any

from handler.books.last_word import Lateness, Words
from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Delivered, Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.in_order import InOrder
from klaviyo_client.results import Delivery
from klaviyo_client.sending.transport import HttpTransport
from ledger.allowance import Allowance
from ledger.calls import Asked, TableError
from ledger.people import People
from ledger.table import Table
from local.klaviyo_stand_in import Account
from operations import (
    AddToList,
    DeleteProfile,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

KEY = "pk_test"
PEOPLE = People("a key of the ledger that nobody guesses")
ADA = "ada@acme-store.example"


class Clock:
    """The time of day, which `skip` moves on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def skip(self, seconds: float) -> None:
        self.now += seconds

    def passing(self) -> float:
        """The same for Klaviyo, where time passes by itself as well."""
        return self.now + time.monotonic()


class Pair:
    """Two functions' clients; each has 30 seconds for the ledger, unless said otherwise."""

    def __init__(self, url: str, table: Table, clock: Clock) -> None:
        self.url, self.table, self.clock = url, table, clock
        self.allowance = Allowance(30.0)
        self.one, self.other = self.client("one"), self.client("other")

    def client(self, me: str, klaviyo: Klaviyo | None = None) -> InOrder:
        words = Words(self.table, PEOPLE, self.allowance, me)
        return InOrder(
            klaviyo or Klaviyo(self.url, probe_seconds=0.2),
            words,
            wall=self.clock,
        )


def at(second: float) -> str:
    return (
        f"2026-01-01T00:00:{second:09.6f}Z" if second % 1 else f"2026-01-01T00:00:{second:02.0f}Z"
    )


def upsert(second: float, address: str = ADA, **properties: Any) -> UpsertProfile:
    return UpsertProfile("m", Identity(email=address), properties=properties, time=at(second))


def deliver(client: InOrder, *operations: Operation) -> Delivery:
    return client.deliver(operations, KEY, 5.0)


def said(delivery: Delivery) -> list[str]:
    """Of each operation what became of it, and with what warnings."""
    found = []
    for result in delivery.results:
        outcome = result.outcome
        kind = "delivered" if isinstance(outcome, Delivered) else type(outcome).__name__
        if isinstance(outcome, Retryable):
            kind = outcome.reason.value
        found.append(" ".join((kind, *(warning.value for warning in result.warnings))))
    return found


def properties(account: Account, address: str = ADA) -> dict[str, Any]:
    profile = account.profiles.by_email(address)
    assert profile is not None
    return dict(profile.properties)


class Halting:
    """Klaviyo over HTTP; `meanwhile` happens while the first request is on its way."""

    def __init__(self, url: str, meanwhile: Callable[[], Any]) -> None:
        self._through = HttpTransport(url, 4)
        self._meanwhile = [meanwhile]

    def send(self, *request: Any, **how: Any) -> Answer | Retryable:
        if self._meanwhile:
            self._meanwhile.pop()()
        return self._through.send(*request, **how)


def halting(pair: Pair, meanwhile: Callable[[], Any]) -> InOrder:
    klaviyo = Klaviyo(pair.url, transport=Halting(pair.url, meanwhile))
    return pair.client("halting", klaviyo)


def members(account: Account, list_id: str = "L") -> list[str | None]:
    by_id = {profile.id: profile.email for profile in account.profiles}
    return [by_id[each] for each in account.lists[list_id].members]


def marketing(account: Account) -> str | None:
    profile = account.profiles.by_email(ADA)
    return None if profile is None else profile.consents.get("email.marketing")


def joins(second: float) -> AddToList:
    return AddToList("m", Identity(email=ADA), "L", time=at(second))


def leaves(second: float) -> RemoveFromList:
    return RemoveFromList("m", Identity(email=ADA), "L", time=at(second))


def consents(second: float, list_id: str | None = None) -> Subscribe:
    return Subscribe("m", ADA, list_id, time=at(second), is_consent=True)


def identifies(second: float, list_id: str = "L") -> Subscribe:
    return Subscribe("m", ADA, list_id, time=at(second))


def withdraws(second: float, list_id: str | None = None) -> Unsubscribe:
    return Unsubscribe("m", ADA, list_id, time=at(second))


def subscribed(pair: Pair) -> None:
    """Ada is on the list, for long enough to leave it."""
    deliver(pair.one, consents(1, "L"))
    pair.clock.skip(61)


def unable_to_claim(pair: Pair, urgent: Set[int] = frozenset()) -> InOrder:
    """A client that the table answers in time, but for the first claims."""
    late = Table(pair.table.name, Puts(pair.table, *["TimedOut"] * 3), 86_400.0)
    words = Words(late, PEOPLE, Allowance(30.0), "late", Lateness())
    return InOrder(Klaviyo(pair.url), words, wall=pair.clock, urgent=urgent)


class Puts:
    """How a table is called whose puts are answered by these codes in turn; `None` for as usual."""

    def __init__(self, table: Table, *codes: str | None) -> None:
        self._call = table.requests.call
        self._codes = list(codes)

    def __call__(self, asked: Iterable[Asked], seconds: float) -> Any:
        passed = []
        for number, (operation, document) in enumerate(asked):
            code = self._codes.pop(0) if operation == "PutItem" and self._codes else None
            if code is None:
                passed.append((number, (operation, document)))
            else:
                yield number, TableError(code)
        numbers = [number for number, _ in passed]
        for place, answer in self._call([each for _, each in passed], seconds):
            yield numbers[place], answer


CHANGED = ["ConditionalCheckFailedException"] * 3
"""Somebody else has changed the record each time."""


def deletes(second: float) -> DeleteProfile:
    return DeleteProfile("m", Identity(email=ADA), time=at(second))


def throttled(
    pair: Pair,
    klaviyo: Klaviyo | None = None,
    lateness: Lateness | None = None,
    trouble: str = "ThrottlingException",
) -> InOrder:
    """A client for which DynamoDB throttles every request, or has this trouble with it."""

    def refuses(asked: Iterable[Asked], _: float) -> Any:
        for number, _each in enumerate(asked):
            yield number, TableError(trouble)

    table = Table(pair.table.name, refuses, 86_400.0)
    words = Words(table, PEOPLE, Allowance(5.0), "throttled", lateness)
    return InOrder(klaviyo or Klaviyo(pair.url), words, wall=pair.clock)
