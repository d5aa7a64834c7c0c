"""What one call of a function writes to the ledger and reads from it, within the call's allowance.

Nothing here raises. The answer depends on it in two ways only: a message is not sent again if every
operation of it is known to be delivered; and `LastWord` decides what is sent in which order, so an
operation can wait (`ledger_late`, `person_busy`, `consent_too_soon`) or be left out.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import partial

from handler.books.carried import Carried, unwritten_of
from handler.books.decided import DELETE, Decided
from handler.books.early import Early, Telling
from handler.books.last_word import LastWord
from handler.books.looking_up import LookUp
from handler.books.outcomes import NOT_MAPPED_YET, ByMessage, if_delivered, of_decision
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
    attempt,
    content_of,
    outcomes_of,
    undoing,
    with_outcomes,
)
from ledger.forgetting import forget, names_item
from ledger.item_keys import Key
from ledger.people import People
from ledger.stories import arrival_of
from ledger.table import Table
from ledger.values import Attributes
from operations import DeleteProfile, Operation

ByName = Mapping[str, Outcomes]
"""Outcomes by the messages' names in the table."""

EARLY_SHARE = 2 / 3
"""Of the time that is left, for writing the arrivals while Klaviyo works."""

FATE_NOT_WRITTEN_YET = "fate_not_written_yet"
"""The reason in the log for the ids of messages whose last outcome the next call writes."""

FATE_NOT_WRITTEN = "fate_not_written"
"""The same for those whose last outcome may be missing in the table for good."""


class Page:
    """One call. All its work with the ledger uses `allowance` and `people`."""

    def __init__(
        self,
        table: Table,
        by: str,
        telemetry: Telemetry,
        people: People,
        written_names: WrittenNames,
        carried: Carried,
        last_word: LastWord,
        allowance: Allowance,
    ) -> None:
        self.allowance = allowance
        self.people = people
        self._table = table
        self._by = by
        self._telemetry = telemetry
        self._written_names = written_names
        self._carried = carried
        self._last_word = last_word
        self._items: list[Attributes] = []
        self._names_items: list[Attributes] = []
        self._early: Ahead[Early] | None = None
        self._told: Early | None = None
        self._foreseen: tuple[ByName, Telling] | None = None
        self._looked_up = LookUp(table, people, allowance, self._name)
        self._names: dict[str | None, str] = {}
        self._forgotten: set[str] = set()
        self._undone: dict[str, None] = {}
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
        known = self._looked_up
        words, known.words = known.words, {}
        return self._last_word.around(
            account, self.people, self.allowance, urgent, words, known.stakes
        )

    def repeated(self, messages: Sequence[Decided]) -> frozenset[int]:
        """The positions of those whose every operation is known to be delivered."""
        with self.guarded():
            repeated = frozenset(self._looked_up.repeated(messages))
            for position in sorted(repeated):
                message = messages[position]
                name = self._name(message.message_id)
                self._add(attempt(name, message.at, self._by, {}))
            return repeated
        return frozenset()

    def look_up(self, messages: Iterable[Decided]) -> None:
        """Read which of these messages have arrived before."""
        with self.guarded():
            self._looked_up.read(messages)

    def _write_early(self, messages: Sequence[Decided]) -> Early:
        early = Early(self._by)
        for message in messages:
            if message.message_id is not None:
                name = self._name(message.message_id)
                is_known = name in self._looked_up.earlier
                early.prepare(message, name, self._arrival(message), is_known=is_known)
        # What Klaviyo's answer leaves of the time is for the outcomes.
        unwritten = early.write(self._table, self._names_items, self.allowance.left * EARLY_SHARE)
        self._names_items = [
            item for item in self._names_items if item_keys.key_of(item) in unwritten
        ]
        found = self._by_name(messages, if_delivered(messages))
        self._foreseen = found, early.telling(found)
        return early

    def arrived(self, messages: Sequence[Decided], outcomes: ByMessage | None = None) -> None:
        """Note messages that this function has mapped, and their outcomes; without these, Klaviyo
        has accepted everything. Messages without any come again, and are noted then."""
        with self.guarded():
            early = Early(self._by)
            if self._early is not None:
                with self.allowance.spending():
                    early = self._early.call_off() or early
            self._told = early
            if outcomes is None and self._foreseen is not None:
                found, telling = self._foreseen
            else:
                known = if_delivered(messages) if outcomes is None else outcomes
                found = self._by_name(messages, known)
                telling = early.telling(found)
            early.tell(telling)
            if telling.item is not None:
                self._add(telling.item)
            for message in messages:
                name = self._name(message.message_id)
                if message.message_id is None or name in telling.done or not found[name]:
                    continue
                self._keep_earlier(name)
                arrival = early.arrival(message, name) or self._arrival(message)
                self._add(with_outcomes(arrival, found[name]))

    def _by_name(self, messages: Iterable[Decided], outcomes: ByMessage) -> ByName:
        """The outcomes of each message, also of those without operations."""
        return {
            self._name(message.message_id): of_decision(message.decision)
            or outcomes.get(message.message_id, {})
            for message in messages
            if message.message_id is not None
        }

    def _keep_earlier(self, message_id: str) -> None:
        """Keep an earlier arrival as an attempt: the new arrival replaces its item."""
        earlier = self._looked_up.earlier.get(message_id)
        if earlier is not None:
            self._add(attempt(message_id, earlier["at"], earlier["by"], outcomes_of(earlier)))

    def _arrival(self, message: Decided) -> Attributes:
        message_id = self._name(message.message_id)
        decision = message.decision
        operations = decision.operations if isinstance(decision, Mapped) else ()
        earlier = self._looked_up.earlier.get(message_id)
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
        return arrival.attributes(is_first=message_id in self._looked_up.new)

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
            self._undone.update(dict.fromkeys(map(self._name, message_ids)))

    def _mark_undone(self) -> None:
        """Such a message is sent again if Segment repeats it. Each mark takes a request."""
        names = list(self._undone)
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

    def close(self, meanwhile: Callable[[], object] | None = None) -> None:
        """Write what was noted, forget the people to forget, and count what failed. `meanwhile` is
        called while the table works, if there is anything to write."""
        items: list[Attributes] = []
        unwritten: Mapping[Key, str] = {}
        untold: Collection[str] = ()
        with self.guarded():
            # Fates first: where time is short, the names wait for the person's next message.
            names = [] if self._forgotten else self._names_items
            items = [*map(self._without_forgotten, self._items), *names]
            with self.allowance.aside() as aside:
                unwritten = self._table.write(items, aside, meanwhile=meanwhile)
            early = self._told or (self._early and self._early.call_off())
            untold = early.untold(unwritten) if early else ()
        if unwritten or self._forgotten:
            self._written_names.clear()
        with self.guarded():
            if self._forgotten:
                _, is_all = forget(self._table, self._forgotten, self.allowance)
                if not is_all:
                    self._telemetry.warning("not all was forgotten")
            if self._undone:  # after the fates: there may be no time for all the marks
                self._mark_undone()
        with self.guarded():
            self._carry_over(items, unwritten, untold)
        if self._behind:
            self._telemetry.messages("unknown", FATE_NOT_WRITTEN, sorted(self._behind))
        failures = self.allowance.failures
        if failures:
            self._telemetry.warning("ledger failures", codes=dict(failures))
            self._telemetry.count(Metric.LEDGER_FAILURES, failures.total())

    def _carry_over(
        self, items: Iterable[Attributes], unwritten: Mapping[Key, str], untold: Collection[str]
    ) -> None:
        """Leave to the next call what was not written, and write what earlier calls have left to
        this one. Only what is given up has failed."""
        before, late = len(self._carried), []
        noted = {item_keys.key_of(item): item for item in items}
        for key, cause in unwritten.items():
            fate = unwritten_of(noted[key], cause, untold)
            if fate is None:
                self.allowance.fail(cause)
            else:
                late.append(fate)
        given_up = self._carried.keep(late)
        if self._forgotten:
            self._carried.forget_people()
        if not late:  # or else there is no time for the older ones
            given_up = self._carried.write(self._table, self.allowance)
        for fate in given_up:
            self.allowance.fail(fate.cause)
            self._behind.update(fate.names)
        names = {name for fate in late for name in fate.names}
        self._behind.update(set(untold) - names)
        yet = names - self._behind
        if yet:
            self._telemetry.messages("unknown", FATE_NOT_WRITTEN_YET, sorted(yet))
        if before or late:
            codes = Counter(fate.cause for fate in late)
            left = len(self._carried)
            self._telemetry.info("fates carried over", before=before, left=left, codes=codes)

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
