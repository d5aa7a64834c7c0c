"""The arrivals of a large call's messages, written while Klaviyo works.

So one item is left to write after Klaviyo's answer, and each message whose outcome differs. See
`ledger.shared_outcomes`.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from typing import NamedTuple

from handler.books.decided import DELETE, Decided
from handler.books.outcomes import of_decision
from klaviyo_mapping import Dropped, Mapped
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import Outcome, Outcomes, beside, with_outcomes
from ledger.item_keys import Key
from ledger.operation_names import name_of
from ledger.shared_outcomes import call_item, referring
from ledger.table import ITEMS_A_WRITE, Table
from ledger.values import Attributes
from operations import DeleteProfile

MOST_OTHERS = 100
"""The most messages that the item of a call names. It costs a write unit for each kilobyte."""


class Telling(NamedTuple):
    """What is to be written of a call's outcomes: the call's `item`. Nothing is left to be written
    of the messages that are `done`, but of those `untold` if the item is not written."""

    done: Collection[str]
    item: Attributes | None
    untold: Collection[str]


class Early:
    """For one call of the function called `by`."""

    def __init__(self, by: str) -> None:
        self._by = by
        self._call = secrets.token_urlsafe(9)
        self._arrivals: dict[int, Attributes] = {}
        self._items: dict[str, Attributes] = {}
        self._operations: dict[str, frozenset[str]] = {}
        self._written: set[str] = set()
        self._doubtful: set[str] = set()
        self._untold: set[str] = set()
        self._is_told = False
        self._at = 0.0
        self._is_wanted = True

    def prepare(self, message: Decided, name: str, arrival: Attributes, *, is_known: bool) -> None:
        """Take the arrival of a message, that the table knows by this name.

        What arrived before is not written early: its earlier arrival must be kept, and its item is
        replaced only when the new outcome is known. If people are to be forgotten, nothing is.
        """
        self._arrivals[id(message)] = arrival
        self._at = message.at
        decision = message.decision
        if message.kind == DELETE:
            self._is_wanted = False
        if is_known:
            return
        if isinstance(decision, Dropped):
            self._items[name] = with_outcomes(arrival, of_decision(decision))
        elif isinstance(decision, Mapped):
            if any(isinstance(each, DeleteProfile) for each in decision.operations):
                self._is_wanted = False
            operations = frozenset(map(name_of, decision.operations))
            self._operations[name] = operations
            self._items[name] = referring(arrival, self._call, sorted(operations))

    def write(self, table: Table, further: Collection[Attributes], seconds: float) -> Set[Key]:
        """Write what was prepared, if it is more than one request takes, and the `further` items;
        which of these were not written. What fails is not counted: it is written later."""
        keys = set(map(item_keys.key_of, further))
        if not self._is_wanted or len(self._items) <= ITEMS_A_WRITE:
            self._operations.clear()
            return keys
        unwritten = set(table.write([*self._items.values(), *further], Allowance(seconds)))
        self._written = {
            name for name, item in self._items.items() if item_keys.key_of(item) not in unwritten
        }
        self._doubtful = self._items.keys() - self._written
        self._untold = self._written & self._operations.keys()
        return unwritten & keys

    def arrival(self, message: Decided, name: str) -> Attributes | None:
        """The message's item, as it was prepared. If it is unknown whether it was written early, it
        has another key: the early one may still arrive, and must not replace it."""
        arrival = self._arrivals.get(id(message))
        return beside(arrival, message.at) if arrival and name in self._doubtful else arrival

    def telling(self, outcomes: Mapping[str, Outcomes]) -> Telling:
        """What is to be written if these are the outcomes, by the messages' names.

        What was not written for certain may still be, and refer to the call: so it is one of its
        others.
        """
        referring = self._written & self._operations.keys()
        found = {name: self._one(name, outcomes.get(name, {})) for name in referring}
        counts = Counter(outcome for outcome in found.values() if outcome is not None)
        shared: set[str] = set()
        for common, _ in counts.most_common(1):
            shared = {name for name, outcome in found.items() if outcome == common}
        others = self._operations.keys() - shared
        done = self._written - referring
        if not shared or len(others) > MOST_OTHERS:
            return Telling(done, None, ())
        item = call_item(self._call, self._at, self._by, common, others)
        return Telling(done | shared, item, shared)

    def tell(self, telling: Telling) -> None:
        """These are the outcomes."""
        self._is_told, self._untold = True, set(telling.untold)

    def _one(self, name: str, outcomes: Outcomes) -> Outcome | None:
        """The outcome, if all the message's operations have the same."""
        if not outcomes or outcomes.keys() != self._operations[name]:
            return None
        first, *others = outcomes.values()
        return first if all(each == first for each in others) else None

    def untold(self, unwritten: Iterable[Key]) -> Collection[str]:
        """The messages whose outcome is not in the table, because the call's item is not."""
        is_written = self._is_told and item_keys.call(self._call) not in unwritten
        return () if is_written else self._untold
