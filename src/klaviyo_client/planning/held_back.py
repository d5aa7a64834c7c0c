"""What must wait because something earlier about its person must be sent again.

An upsert that failed holds back its person's later upserts and list steps. A step on a list or a
consent that failed holds back what would undo it. So nothing older arrives after something newer.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from klaviyo_client.api.outcomes import UNTRIED, Outcome, Retryable, waiting_for
from klaviyo_client.people.sequence import Key, holds_back, keys_of, waits_for
from klaviyo_client.planning.progress import Changes, Known
from klaviyo_client.planning.requests import Item, Request
from operations import Operation

Blocked = tuple[Request, Item, Outcome]
"""An item that must not go with its request, and what becomes of it."""


class HeldBack:
    """What must be sent again in one delivery, by what it holds back."""

    def __init__(self, waiting: Mapping[Key, Retryable]) -> None:
        self._by_key = dict(waiting)

    def add_upserts(self, known: Known, requests: Iterable[Request]) -> None:
        """An upsert that must come again holds back what else is about its person."""
        for request in requests:
            for item in request.items:
                for position in item.covers:
                    outcome = known.outcomes.get(position)
                    if isinstance(outcome, Retryable):
                        self._add(keys_of(known.operations[position]), outcome)

    def add_failed(self, known: Known, act: Iterable[int], doomed: frozenset[int]) -> None:
        """What must come again holds back what an act or a deletion would put in its place."""
        for position in act:
            outcome = known.outcomes.get(position, UNTRIED)
            if isinstance(outcome, Retryable):
                operation = known.operations[position]
                self._add(holds_back(operation), outcome)
                if position in doomed:
                    self._add(keys_of(operation), outcome)

    def steps(self, known: Known, pending: Sequence[int]) -> Changes:
        """A step must not overtake its profile, or a list's flows would lack it."""
        changes = Changes()
        for position in pending if self._by_key else ():
            earlier = self._earlier(known.operations[position])
            if earlier is not None:
                changes.outcomes[position] = waiting_for(earlier)
        return changes

    def in_order(
        self, known: Known, requests: Sequence[Request]
    ) -> tuple[Sequence[Request], list[Blocked]]:
        """The requests without those items that would overtake an earlier upsert, and those."""
        blocked: list[Blocked] = []
        if not self._by_key:
            return requests, blocked
        going = []
        for request in requests:
            ready = []
            for item in request.items:
                operations = (known.operations[each] for each in (*item.covers, *item.joins))
                found = map(self._earlier, operations)
                earlier = next((each for each in found if each is not None), None)
                if earlier is None:
                    ready.append(item)
                else:
                    blocked.append((request, item, waiting_for(earlier)))
            if ready:
                going.append(replace(request, items=tuple(ready)))
        return going, blocked

    def _add(self, keys: Iterable[Key], outcome: Retryable) -> None:
        self._by_key.update(dict.fromkeys(keys, outcome))

    def _earlier(self, operation: Operation) -> Retryable | None:
        """What must be sent again before this operation may go."""
        held = self._by_key
        return next((held[key] for key in waits_for(operation) if key in held), None)
