"""What one call of a function writes to the ledger and reads from it, within the call's allowance.

Nothing here raises, and nothing here changes the answer, with two exceptions: a message is not sent
again if every operation of it is known to be delivered, and what a late ledger could not check
waits in the queue.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import partial

from handler.books.decided import DELETE, Decided
from handler.books.early import Early
from handler.books.last_word import LastWord, words_of
from handler.books.outcomes import NOT_MAPPED_YET, ByMessage, of_decision
from handler.books.written_names import WrittenNames
from handler.decision import Decision
from handler.isolation import Account
from handler.report.message_ids import shown_id
from handler.report.telemetry import Metric, Telemetry
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.sequence import keys_of
from klaviyo_client.sending.ahead import Ahead
from klaviyo_mapping import Mapped
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import (
    Arrival,
    Outcomes,
    State,
    attempt,
    content_of,
    outcomes_of,
    undoing,
    with_outcomes,
)
from ledger.forgetting import forget, names_item
from ledger.item_keys import Key
from ledger.operation_names import name_of
from ledger.people import People
from ledger.shared_outcomes import read_outcomes
from ledger.stories import arrival_of, story
from ledger.table import Table
from ledger.values import Attributes, Item
from operations import DeleteProfile, Operation

READ_SECONDS = 0.1
"""The part of the allowance for finding messages that were already delivered."""

STORIES_SECONDS = 0.1
"""The part of the allowance for messages delivered at a later attempt; the last word needs the
rest."""

MOST_STORIES = 50
"""The most messages of a call whose later attempts are read, since the first one failed."""

EARLY_SHARE = 2 / 3
"""Of the time that is left, for writing the arrivals while Klaviyo works."""

FATE_NOT_WRITTEN = "fate_not_written"
"""The reason in the log for the ids of messages whose last outcome may be missing in the table."""


class Page:
    """One call. All its work with the ledger uses `allowance` and `people`."""

    def __init__(
        self,
        table: Table,
        by: str,
        telemetry: Telemetry,
        people: People,
        written_names: WrittenNames,
        last_word: LastWord,
        allowance: Allowance,
    ) -> None:
        self.allowance = allowance
        self.people = people
        self._table = table
        self._by = by
        self._telemetry = telemetry
        self._written_names = written_names
        self._last_word = last_word
        self._items: list[Attributes] = []
        self._names_items: list[Attributes] = []
        self._early: Ahead[Early] | None = None
        self._told: Early | None = None
        self._earlier: dict[str, Item] = {}
        self._words: dict[Key, Item | None] = {}
        self._new: set[str] = set()
        self._names: dict[str | None, str] = {}
        self._forgotten: set[str] = set()
        self._behind: set[str] = set()

    def in_order(
        self,
        account: Account,
        messages: Sequence[Decided] = (),
        urgent: Set[int] = frozenset(),
    ) -> Account:
        """The account, with the order that all functions share; a pause needs none.

        While it waits for Klaviyo, it prepares what is to be noted about the `messages`, and writes
        their arrivals if they are many. `urgent` operations, given by their `id`, do not wait for a
        ledger that is late.
        """
        if not isinstance(account, Klaviyo):
            return account
        if messages:
            self._early = Ahead(partial(self._write_early, messages))
            account.meanwhile(self._early.get)
        return self._last_word.around(account, self.people, self.allowance, urgent, self._words)

    def repeated(self, messages: Sequence[Decided]) -> frozenset[int]:
        """The positions of those whose every operation is known to be delivered."""
        with self.guarded():
            return frozenset(self._repeated(messages))
        return frozenset()

    def _repeated(self, messages: Sequence[Decided]) -> Iterator[int]:
        self._words = self._look_up(messages, partial(self._words_of, messages))
        stories, keep = 0, self.allowance.left - STORIES_SECONDS
        for position, message in enumerate(messages):
            message_id = self._name(message.message_id)
            item = self._earlier.get(message_id)
            decision = message.decision
            if item is None or not isinstance(decision, Mapped):
                continue
            if item.get("content") != content_of(decision.operations):
                continue
            names = {name_of(operation) for operation in decision.operations}
            is_known = not item.get("undone") and _are_delivered(names, outcomes_of(item))
            left = self.allowance.left - keep
            if not is_known and stories < MOST_STORIES and left > 0:
                stories += 1
                is_known = self._is_delivered_since(message_id, names, left)
            if is_known:
                self._add(attempt(message_id, message.at, self._by, {}))
                yield position

    def look_up(self, messages: Iterable[Decided]) -> None:
        """Read which of these messages have arrived before."""
        self._look_up(messages, frozenset)

    def _look_up(
        self, messages: Iterable[Decided], further: Callable[[], Set[Key]]
    ) -> dict[Key, Item | None]:
        """Also reads further items, and gives those that could be read."""
        shown = {self._name(each.message_id) for each in messages if each.message_id is not None}
        wanted = {(item_keys.message(each), item_keys.ARRIVAL): each for each in shown}
        others: set[Key] = set()

        def beside() -> Set[Key]:
            others.update(further())
            return others

        read = self._table.read(wanted, self.allowance, most=READ_SECONDS, further=beside)
        items = [item for key, item in read.items.items() if key in wanted]
        found = read_outcomes(self._table, items, self.allowance, most=READ_SECONDS)
        self._earlier.update({wanted[item["pk"], item["sk"]]: item for item in found})
        self._new.update(each for key, each in wanted.items() if key not in read.unknown)
        return {key: read.items.get(key) for key in others - read.unknown}

    def _words_of(self, messages: Iterable[Decided]) -> Set[Key]:
        """What the order of these messages needs to know of their people."""
        with self.guarded():
            operations = (
                operation
                for message in messages
                if isinstance(message.decision, Mapped)
                for operation in message.decision.operations
            )
            return set(words_of(self.people, operations))
        return frozenset()

    def _is_delivered_since(self, message_id: str, names: Set[str], most: float) -> bool:
        items, is_all = self._table.query(item_keys.message(message_id), self.allowance, most=most)
        found = story(message_id, read_outcomes(self._table, items, self.allowance, most=most))
        if not is_all or found is None:
            return False
        last = {name: outcome for name, (_, outcome) in found.operations().items()}
        return _are_delivered(names, last)

    def _write_early(self, messages: Sequence[Decided]) -> Early:
        early = Early(self._by)
        for message in messages:
            if message.message_id is not None:
                name = self._name(message.message_id)
                is_known = name in self._earlier
                early.prepare(message, name, self._arrival(message), is_known=is_known)
        # What Klaviyo's answer leaves of the time is for the outcomes.
        unwritten = early.write(self._table, self._names_items, self.allowance.left * EARLY_SHARE)
        self._names_items = [
            item for item in self._names_items if (item["pk"]["S"], item["sk"]["S"]) in unwritten
        ]
        return early

    def arrived(self, messages: Sequence[Decided], outcomes: ByMessage) -> None:
        """Note messages that this function has mapped, and their outcomes."""
        with self.guarded():
            early = Early(self._by)
            if self._early is not None:
                with self.allowance.spending():
                    early = self._early.call_off() or early
            self._told = early
            found = {
                self._name(message.message_id): of_decision(message.decision)
                or outcomes.get(message.message_id, {})
                for message in messages
                if message.message_id is not None
            }
            told, item = early.tell(found)
            if item is not None:
                self._add(item)
            for message in messages:
                name = self._name(message.message_id)
                if message.message_id is None or name in told:
                    continue
                self._keep_earlier(name)
                arrival = early.arrival(message, name) or self._arrival(message)
                self._add(with_outcomes(arrival, found[name]))

    def _keep_earlier(self, message_id: str) -> None:
        """Keep an earlier arrival as an attempt: the new arrival replaces its item."""
        earlier = self._earlier.get(message_id)
        if earlier is not None:
            self._add(attempt(message_id, earlier["at"], earlier["by"], outcomes_of(earlier)))

    def _arrival(self, message: Decided) -> Attributes:
        message_id = self._name(message.message_id)
        decision = message.decision
        operations = decision.operations if isinstance(decision, Mapped) else ()
        earlier = self._earlier.get(message_id)
        arrival = Arrival(
            message_id,
            message.at,
            self._by,
            kind=message.kind,
            content=content_of(operations) if operations else None,
            person=self._person(message, operations),
            arrived_at=message.arrived_at if earlier is None else arrival_of(earlier),
            repeats=0 if earlier is None else earlier.get("repeats", 0) + 1,
            warnings=_warnings(decision),
        )
        return arrival.attributes(is_first=message_id in self._new)

    def unread(self, message_ids: Iterable[str | None], at: float) -> None:
        """Note messages that wait to be mapped."""
        with self.guarded():
            for message_id in message_ids:
                if message_id is not None:
                    self._add(attempt(self._name(message_id), at, self._by, NOT_MAPPED_YET))

    def tried(self, outcomes: ByMessage, at: float) -> None:
        """Note outcomes of operations whose messages were noted before."""
        with self.guarded():
            for message_id, found in outcomes.items():
                self._add(attempt(self._name(message_id), at, self._by, found))

    def undone(self, message_ids: Iterable[str]) -> None:
        """Note that operations that counted as delivered were refused afterwards."""
        with self.guarded():
            names = [self._name(message_id) for message_id in dict.fromkeys(message_ids)]
            made = self._table.change([undoing(name) for name in names], self.allowance)
            self._behind.update(
                name for name, each in zip(names, made, strict=True) if each.is_made is None
            )

    def forget(self, messages: Iterable[Decided], operations: Iterable[Operation]) -> None:
        """Note the people to forget: those of `delete` messages, whether or not they are to be
        deleted in Klaviyo, and those of deletions."""
        with self.guarded():
            for message in messages:
                if message.kind == DELETE and message.user_id is not None:
                    self._forgotten.add(self.people.hash("external_id", message.user_id))
            for operation in operations:
                if isinstance(operation, DeleteProfile):
                    self._forgotten.update(self.people.hashes(keys_of(operation)))

    def close(self) -> None:
        """Write what was noted, forget the people to forget, and count what failed."""
        with self.guarded():
            # Fates first: where time is short, the names wait for the person's next message.
            names = [] if self._forgotten else self._names_items
            items = [*map(self._without_forgotten, self._items), *names]
            unwritten = self._table.write(items, self.allowance)
            if unwritten:
                self._written_names.clear()
                found = (item_keys.message_id(pk) for pk, _ in unwritten)
                self._behind.update(each for each in found if each is not None)
            early = self._told or (self._early and self._early.call_off())
            if early:
                self._behind.update(early.untold(unwritten))
            if self._forgotten:
                self._written_names.clear()
                _, is_all = forget(self._table, self._forgotten, self.allowance)
                if not is_all:
                    self._telemetry.warning("not all was forgotten")
        if self._behind:
            self._telemetry.messages("unknown", FATE_NOT_WRITTEN, sorted(self._behind))
        failures = self.allowance.failures
        if failures:
            self._telemetry.warning("ledger failures", codes=dict(failures))
            self._telemetry.count(Metric.LEDGER_FAILURES, failures.total())

    def _person(self, message: Decided, operations: Sequence[Operation]) -> str | None:
        """The hash of the first identifier of the message's person; the others refer to it."""
        names = keys_of(operations[0]) if operations else []
        if not names or isinstance(operations[0], DeleteProfile):
            return None
        if message.user_id is not None:
            # By it Segment asks for a deletion, whether or not Klaviyo knows it.
            names = list(dict.fromkeys([*names, ("external_id", message.user_id)]))
        first, *further = self.people.hashes(names)
        for other in further:
            if self._written_names.is_new((other, first)):
                self._names_items.append(names_item(other, first, message.at))
        return first

    def _name(self, message_id: str | None) -> str:
        """The id as the table stores it."""
        name = self._names.get(message_id)
        if name is None:
            name = self._names[message_id] = str(shown_id(message_id))
        return name

    def _without_forgotten(self, item: Attributes) -> Attributes:
        if item.get("person", {}).get("S") in self._forgotten:
            return {name: value for name, value in item.items() if name != "person"}
        return item

    def _add(self, item: Attributes) -> None:
        self._items.append(item)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A fault of the ledger's own must never cost a message."""
        try:
            yield
        except Exception as error:
            self.allowance.fail("unexpected")
            self._telemetry.failure("ledger failed", error)


def _warnings(decision: Decision) -> tuple[str, ...]:
    found = decision.warnings if isinstance(decision, Mapped) else ()
    return tuple(dict.fromkeys(warning.text for warning in found))


def _are_delivered(names: Set[str], outcomes: Outcomes) -> bool:
    """Whether these are all the message's operations, and all are delivered."""
    return names == outcomes.keys() and all(
        outcome.state is State.DELIVERED for outcome in outcomes.values()
    )
