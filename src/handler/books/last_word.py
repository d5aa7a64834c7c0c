"""The records that the client needs to keep order, in the table: each person's last word.

There is one item for each identifier of a person; its hash is the key. It holds the times of the
latest messages by field. Fields are hashed as well, since a custom trait may be named after a
person.
"""

import hashlib
import random
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import lru_cache
from typing import Any

from handler.books.barometer import TableBarometer
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.in_order import InOrder
from klaviyo_client.people.claims import Change, Written
from klaviyo_client.people.newest import ONCE_SECONDS
from klaviyo_client.people.records import Record
from klaviyo_client.people.stakes import Stake, own_keys
from klaviyo_client.people.times import NOTHING, FieldId, FieldIds, Times, packed
from klaviyo_client.short_cache import MOST_FIELDS, cached_if_short
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.item_keys import Key
from ledger.people import People
from ledger.swaps import Swap, puts_of, swap
from ledger.table import Table
from ledger.values import Attributes
from operations import AddToList, Operation, RemoveFromList, UpsertProfile

Name = tuple[str, str]
"""An identifier: its name and its value."""

LATE_SECONDS = 30.0
"""How long what a late table could not check stays away from it at first."""

LONGEST = 10.0
"""Times as long, at most."""


class LastWord:
    """What puts a client's deliveries in order, for one process; see `klaviyo_client.in_order`.

    A process without `lateness` has little time for the table, and leaves it to one with more.
    """

    def __init__(
        self,
        table: Table,
        *,
        once_seconds: float = ONCE_SECONDS,
        lateness: "Lateness | None" = None,
    ) -> None:
        self.lateness = lateness
        self._table = table
        self._once_seconds = once_seconds
        self._me: str | None = None

    def around(
        self,
        klaviyo: Klaviyo,
        people: People,
        allowance: Allowance,
        urgent: Set[int],
        known: Mapping[Key, Attributes | None],
        stakes: Mapping[int, Stake | None],
    ) -> InOrder:
        """The client for one call of the function. See `InOrder` for `urgent` and the `stakes`,
        `Words` for what is `known`."""
        if self._me is None:  # not at start: SnapStart makes many copies of the process
            self._me = secrets.token_urlsafe(6)
        klaviyo.share(TableBarometer(self._table, allowance, self._me))
        return InOrder(
            klaviyo,
            Words(self._table, people, allowance, self._me, self.lateness, known),
            wall=time.time,
            once_seconds=self._once_seconds,
            urgent=urgent,
            stakes=stakes,
        )


class Lateness:
    """How long to leave a table alone that is late: twice as long with each call in a row in which
    it is, and spread, since it would be late again for all that comes back at once."""

    def __init__(self) -> None:
        self.first = LATE_SECONDS
        self._times = 1.0

    def grow(self) -> float:
        """The seconds, once another call has found the table late."""
        seconds = self.first * self._times * random.uniform(1.0, 1.5)
        self._times = min(2 * self._times, LONGEST)
        return seconds

    def end(self) -> None:
        """A call has found it in time."""
        self._times = 1.0


def words_of(people: People, operations: Iterable[Operation]) -> Iterator[Key]:
    """The items that most of these operations need of their people."""
    for operation in operations:
        if isinstance(operation, UpsertProfile | AddToList | RemoveFromList):
            for name in own_keys(operation.identity):
                yield item_keys.person(people.hash(*name)), item_keys.WORDS


class Words:
    """The records for one call of a function; `me` is the process. `known` has the items that were
    read a moment ago; `None` where there is none."""

    def __init__(
        self,
        table: Table,
        people: People,
        allowance: Allowance,
        me: str,
        lateness: Lateness | None = None,
        known: Mapping[Key, Attributes | None] = {},
    ) -> None:
        self.me = me
        self._known = known
        self._lateness = lateness
        self._late_seconds: float | None = None
        self._is_all_there = True
        self._table = table
        self._people = people
        self._allowance = allowance
        self._pks: dict[Name, str] = {}

    def field_id(self, name: str) -> FieldId:
        """The hash of a field's name."""
        return _field_id(name, self._people.salt)

    def field_ids(self, names: tuple[str, ...]) -> FieldIds:
        """The hashes of several names."""
        return _field_ids(names, self._people.salt)

    @property
    def has_time(self) -> bool:
        """Whether no other function has more time for the table."""
        return self._lateness is not None

    @property
    def is_late(self) -> bool:
        """Whether the table answers, but not in time."""
        return self._allowance.was_too_short and self._table.requests.are_answered

    @property
    def late_seconds(self) -> float | None:
        """For how many seconds to leave a table alone that is late: the same all through a call."""
        if self._late_seconds is None and self._lateness is not None:
            self._late_seconds = self._lateness.grow()
        return self._late_seconds

    def read(self, names: Iterable[Name], *, again: bool, keep: float = 0.0) -> dict[Name, Record]:
        """The records that could be read; an empty one where there is none."""
        try:
            return self._read(names, again, keep * self._allowance.seconds)
        except Exception:  # a fault of the ledger's own must never cost a message
            self._allowance.fail("unexpected")
            return {}

    def _read(self, names: Iterable[Name], again: bool, leave: float) -> dict[Name, Record]:
        wanted = {name: (self._pk(name), item_keys.WORDS) for name in names}
        items: Mapping[Key, Attributes | None] = {}
        if not again:
            items, self._known = self._known, {}
        left = [key for key in wanted.values() if key not in items]
        if left:
            # If not everything can be read in time, what was read can still be claimed.
            most = (self._allowance.left - leave) / 2
            read = self._table.read(left, self._allowance, most=most, consistent=again)
            self._is_all_there &= not read.unknown
            found = {key: read.items.get(key) for key in left if key not in read.unknown}
            items = {**items, **found}
        records: dict[Name, Record] = {}
        for name, key in wanted.items():
            if key in items:
                try:
                    records[name] = _record(items[key])
                except Exception:  # one that makes no sense must not cost the others
                    self._allowance.fail("unexpected")
        return records

    def change(self, before: Mapping[Name, Record], after: Mapping[Name, Record]) -> Change:
        """How to replace the records `before` by those `after`."""
        try:
            swaps = (
                Swap((self._pk(name), item_keys.WORDS), before[name].version, _item(record))
                for name, record in after.items()
            )
            return Change(list(after), puts_of(self._table, swaps))
        except Exception:  # as above
            self._allowance.fail("unexpected")
            return Change()

    def write(
        self, change: Change, *, keep: float = 0.0, meanwhile: Callable[[], object] | None = None
    ) -> Written:
        """Replace the records, unless somebody has changed them."""
        try:
            return self._write(change, keep * self._allowance.seconds, meanwhile)
        except Exception:  # as above: the delivery that it follows is kept
            self._allowance.fail("unexpected")
            return Written()

    def _write(
        self, change: Change, leave: float, meanwhile: Callable[[], object] | None
    ) -> Written:
        names = change.keys
        made = swap(self._table, change.puts, self._allowance, leave=leave, meanwhile=meanwhile)
        self._is_all_there &= None not in made
        if self._is_all_there and self._lateness is not None:
            self._lateness.end()
        return Written(
            {name for name, is_made in zip(names, made, strict=True) if is_made},
            {name for name, is_made in zip(names, made, strict=True) if is_made is False},
        )

    def _pk(self, name: Name) -> str:
        pk = self._pks.get(name)
        if pk is None:
            pk = self._pks[name] = item_keys.person(self._people.hash(*name))
        return pk


@cached_if_short(100, entries=20_000)
def _field_id(name: str, salt: bytes) -> FieldId:
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=salt).digest(), "little")


@cached_if_short(MOST_FIELDS, entries=512)
def _field_ids(names: tuple[str, ...], salt: bytes) -> FieldIds:
    return packed(_field_id(name, salt) for name in names)


def _item(record: Record) -> dict[str, Any]:
    """Eleven characters for each field and 18 for each time, of what was said and of the claims.

    docs/ledger.md says how many traits are one write unit.
    """
    return {
        "w": {"S": _text_of(record.fields)},
        "c": {"S": _text_of(record.claims)},
        "u": {"N": _number(record.busy_until)},
        "o": {"S": record.owner},
        "v": {"N": str(record.version)},
    }


def _record(item: Attributes | None) -> Record:
    if item is None:
        return Record()
    return Record(
        _times_in(item["w"]["S"]),
        _times_in(item["c"]["S"]),
        float(item["u"]["N"]),
        item["o"]["S"],
        int(item["v"]["N"]),
    )


def _text_of(times: Times) -> str:
    """Each block as its time and its fields: most people have the same fields."""
    if times.text is not None:
        return times.text
    blocks = times.blocks
    if len(blocks) == 1:
        ((said, fields),) = blocks
        return f"{said!r} {_letters(fields)}"
    return " ".join([f"{said!r} {_letters(fields)}" for said, fields in blocks])


def _times_in(text: str) -> Times:
    if not text:
        return NOTHING
    words = text.split()
    if len(words) == 2:
        return Times(((float(words[0]), _bytes(words[1])),), text)
    return Times(zip(map(float, words[::2]), map(_bytes, words[1::2]), strict=True), text)


_number = lru_cache(maxsize=16)(float.__repr__)
"""All claims of a call end at the same moment."""


@cached_if_short(MOST_FIELDS * 8, entries=4_096)
def _letters(fields: FieldIds) -> str:
    return b64encode(fields).decode()


@cached_if_short(MOST_FIELDS * 11, entries=4_096)
def _bytes(letters: str) -> FieldIds:
    return b64decode(letters, validate=True)
