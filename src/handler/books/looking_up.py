"""What the table knows of a call's messages and their people, before anything is sent."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import partial

from handler.books.decided import Decided
from handler.books.last_word import words_of
from klaviyo_client.people.stakes import Stake, stake_of
from klaviyo_mapping import Mapped
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import Outcomes, State, content_of, outcomes_of
from ledger.item_keys import Key
from ledger.operation_names import name_of
from ledger.people import People
from ledger.shared_outcomes import read_outcomes
from ledger.stories import story
from ledger.table import Read, Table
from ledger.values import Attributes, Item, unmarshalled
from operations import Operation

READ_SECONDS = 0.1
"""The part of the allowance for finding messages that were already delivered."""

STORIES_SECONDS = 0.1
"""The part of the allowance for messages delivered at a later attempt; the last word needs the
rest."""

MOST_STORIES = 50
"""The most messages of a call whose later attempts are read, since the first one failed."""


class LookUp:
    """For one call. `name` gives a message's id as the table has it.

    `earlier` are the arrivals of messages that have arrived before, `new` the messages that have
    not, both by name. `words` are the people's items that were read, and `stakes` what the
    operations are about, by their `id`.
    """

    def __init__(
        self,
        table: Table,
        people: People,
        allowance: Allowance,
        name: Callable[[str | None], str],
    ) -> None:
        self.earlier: dict[str, Item] = {}
        self.new: set[str] = set()
        self.words: dict[Key, Attributes | None] = {}
        self.stakes: dict[int, Stake | None] = {}
        self._table = table
        self._people = people
        self._allowance = allowance
        self._name = name

    def repeated(self, messages: Sequence[Decided]) -> Iterator[int]:
        """The positions of those whose every operation is known to be delivered. Also reads what
        the table knows of their people."""
        operations = [
            operation
            for message in messages
            if isinstance(message.decision, Mapped)
            for operation in message.decision.operations
        ]
        words: set[Key] = set()

        def further() -> Set[Key]:
            words.update(words_of(self._people, operations))
            return words

        read = self.read(messages, further, partial(self._find_stakes, operations))
        self.words = {key: read.items.get(key) for key in words - read.unknown}
        if not self.earlier:
            return
        stories, keep = 0, self._allowance.left - STORIES_SECONDS
        for position, message in enumerate(messages):
            message_id = self._name(message.message_id)
            item = self.earlier.get(message_id)
            decision = message.decision
            if item is None or not isinstance(decision, Mapped):
                continue
            if item.get("content") != content_of(decision.operations):
                continue
            names = {name_of(operation) for operation in decision.operations}
            is_known = not item.get("undone") and _are_delivered(names, outcomes_of(item))
            has_time = self._allowance.left > keep
            if not is_known and stories < MOST_STORIES and has_time:
                stories += 1
                is_known = self._is_delivered_since(message_id, names, keep)
            if is_known:
                yield position

    def read(
        self,
        messages: Iterable[Decided],
        further: Callable[[], Set[Key]] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Read:
        """Read which of these messages have arrived before. See `Table.read` for the rest."""
        keep = self._allowance.left - READ_SECONDS
        shown = {self._name(each.message_id) for each in messages if each.message_id is not None}
        wanted = {(item_keys.message(each), item_keys.ARRIVAL): each for each in shown}
        read = self._table.read(
            wanted, self._allowance, most=READ_SECONDS, further=further, meanwhile=meanwhile
        )
        items = [unmarshalled(read.items[key]) for key in wanted.keys() & read.items.keys()]
        left = self._allowance.left - keep
        found = read_outcomes(self._table, items, self._allowance, most=left)
        self.earlier.update({wanted[item["pk"], item["sk"]]: item for item in found})
        self.new.update(each for key, each in wanted.items() if key not in read.unknown)
        return read

    def _find_stakes(self, operations: Iterable[Operation]) -> None:
        """While the table is waited for."""
        self.stakes = {id(operation): stake_of(operation) for operation in operations}

    def _is_delivered_since(self, message_id: str, names: Set[str], keep: float) -> bool:
        """Also at a later attempt. So many seconds of the allowance are kept."""
        pk, left = item_keys.message(message_id), self._allowance.left - keep
        items, is_all = self._table.query(pk, self._allowance, most=left)
        left = self._allowance.left - keep
        found = story(message_id, read_outcomes(self._table, items, self._allowance, most=left))
        if not is_all or found is None:
            return False
        last = {name: outcome for name, (_, outcome) in found.operations().items()}
        return _are_delivered(names, last)


def _are_delivered(names: Set[str], outcomes: Outcomes) -> bool:
    """Whether these are all the message's operations, and all are delivered."""
    return names == outcomes.keys() and all(
        outcome.state is State.DELIVERED for outcome in outcomes.values()
    )
