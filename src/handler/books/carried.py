"""The fates that a call could not write: the next call of the same process writes them.

They are in order however late they are written, since a message's items are sorted by the times
that they hold. Each is written under a key that no other item has: it replaces nothing but itself.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from msgspec.json import decode, encode

from ledger import item_keys
from ledger.allowance import NO_TIME_LEFT, Allowance
from ledger.fates import beside
from ledger.item_keys import ARRIVAL, key_of
from ledger.table import THROTTLED, Table
from ledger.values import Attributes

MOST_ITEMS = 10_000
MOST_BYTES = 4_000_000
"""What a process keeps, as much as a large call has. The oldest are given up for more."""

ITEMS_A_CALL = 1_000
"""The most that one call writes of them."""

PERSON_SECONDS = 60.0
"""So long an item keeps its person, as long as a call lasts at most: otherwise a person could be
found whom another function has forgotten meanwhile."""

PASSING = frozenset(
    {
        NO_TIME_LEFT,
        THROTTLED,
        "TimedOut",
        "Cut",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""Codes of what the next call may do. The rest lasts, such as a missing right: it is given up at
once, and so is counted.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""


class Unwritten(NamedTuple):
    """An item that was not written, without its person; why, and whose fates it holds."""

    item: bytes
    person: str | None
    at: float
    cause: str
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.item) + sum(map(len, self.names))


def unwritten_of(attributes: Attributes, cause: str, others: Iterable[str]) -> Unwritten | None:
    """The fate that an item holds, which was not written for this cause. The item of a call holds
    that of the `others`. `None` for what is no fate."""
    pk, sk = key_of(attributes)
    name = item_keys.message_id(pk)
    if name is None and item_keys.call_id(pk) is None:
        return None
    at = float(attributes["at"]["N"])
    item = {**attributes}
    if name is not None and sk == ARRIVAL:
        # The message's own key has an earlier arrival, or a newer one by then, with the earlier
        # repeats.
        item = beside(attributes, at)
        if "repeats" in item:
            item["repeats"] = {"N": "1"}
    person = item.pop("person", {}).get("S")
    return Unwritten(encode(item), person, at, cause, tuple(others) if name is None else (name,))


class Carried:
    """The fates that one process has not written yet, oldest first."""

    def __init__(self) -> None:
        self._fates: deque[Unwritten] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._fates)

    def keep(self, fates: Iterable[Unwritten]) -> list[Unwritten]:
        """Keep these as well; gives those that are given up."""
        given_up = []
        for fate in fates:
            if fate.cause in PASSING:
                self._fates.append(fate)
                self._bytes += fate.size
            else:
                given_up.append(fate)
        while len(self._fates) > MOST_ITEMS or self._bytes > MOST_BYTES:
            given_up.append(self._take())
        return given_up

    def forget_people(self) -> None:
        """Keep nothing by which a person could be found."""
        self._fates = deque(fate._replace(person=None) for fate in self._fates)

    def write(self, table: Table, allowance: Allowance) -> list[Unwritten]:
        """Write the oldest, as far as there is time; gives those that are given up. What is not
        written this time is kept."""
        if not allowance.left:
            return []
        fates = [self._take() for _ in range(min(len(self._fates), ITEMS_A_CALL))]
        left = fates
        try:
            now = table.now()
            items = {key_of(item): (item, fate) for fate in fates for item in [_item(fate, now)]}
            with allowance.aside() as aside:
                unwritten = table.write([item for item, _ in items.values()], aside)
            left = [items[key][1]._replace(cause=cause) for key, cause in unwritten.items()]
        finally:
            newer, self._fates, self._bytes = self._fates, deque(), 0
            given_up = self.keep([*left, *newer])
        return given_up

    def _take(self) -> Unwritten:
        fate = self._fates.popleft()
        self._bytes -= fate.size
        return fate


def _item(fate: Unwritten, now: float) -> Attributes:
    item: Attributes = decode(fate.item)
    if fate.person is not None and now - fate.at < PERSON_SECONDS:
        item["person"] = {"S": fate.person}
    return item
