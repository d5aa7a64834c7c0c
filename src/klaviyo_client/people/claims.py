"""What a delivery claims in the records that all processes share, and what it concludes."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from klaviyo_client.people.newest import Verdict
from klaviyo_client.people.persons import Key
from klaviyo_client.people.records import Record
from klaviyo_client.people.times import FieldId, FieldIds, Times


@dataclass(frozen=True, slots=True)
class Written:
    """Whose records were written (`made`), and whose were `refused` because they had changed. For
    the others it is unknown whether they were written."""

    made: Collection[Key] = ()
    refused: Collection[Key] = ()


class Change(NamedTuple):
    """How to replace records, as far as that can be prepared. `puts` are for who writes them."""

    keys: Sequence[Key] = ()
    puts: Sequence[Any] = ()


class Words(Protocol):
    """Records that all processes share. Nothing here raises."""

    @property
    def me(self) -> str:
        """The name of this process."""

    def field_id(self, name: str) -> FieldId:
        """The id under which a field is stored."""

    def field_ids(self, names: tuple[str, ...]) -> FieldIds:
        """The ids of several fields."""

    def read(self, names: Iterable[Key], *, again: bool, keep: float = 0.0) -> Mapping[Key, Record]:
        """The records that could be read; an empty one where there is none. `again` says that they
        have changed a moment ago. `keep` is the share of the time for the records that must be
        left afterwards."""

    def change(self, before: Mapping[Key, Record], after: Mapping[Key, Record]) -> Change:
        """How to replace the records `before` by those `after`."""

    def write(
        self, change: Change, *, keep: float = 0.0, meanwhile: Callable[[], object] | None = None
    ) -> Written:
        """Replace the records, unless somebody has changed them. `meanwhile` may be called while
        that is under way; what it raises is lost."""

    @property
    def has_time(self) -> bool:
        """Whether no other process has more time for the records."""

    @property
    def is_late(self) -> bool:
        """Whether reads or writes failed, and only because the time ran out."""

    @property
    def late_seconds(self) -> float | None:
        """The seconds for which records that are late should be left alone; `None` where a process
        with more time is the next to ask."""


@dataclass(slots=True)
class Checked:
    """The result of the check. `verdicts` are by position; the rest is by person: the record with
    the claim, the claim, and the facts that were written with it, as they were `before`.

    `now` is the time of the check, in Unix seconds. `unclear` are the positions of which nobody
    knows whether the claim was written. `again_in` has the positions that are sent unchecked and
    come again in so many seconds, to be noted.

    `order` gives the positions in the order in which they are sent. `urgent` are the operations, by
    their `id`, that are sent even if they cannot be checked. `told` is what is known of the people
    besides their records.
    """

    now: float
    order: Callable[[], Sequence[int]]
    urgent: Set[int] = frozenset()
    told: Mapping[Key, Times] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    records: dict[Key, Record] = field(default_factory=dict)
    claims: dict[Key, Times] = field(default_factory=dict)
    before: dict[Key, dict[FieldId, float]] = field(default_factory=dict)
    unclear: set[int] = field(default_factory=set)
    again_in: dict[int, float | None] = field(default_factory=dict)

    def claim(self, key: Key, claims: Times, facts: Times, old: Record, new: Record) -> None:
        """A claim was written."""
        known = self.claims.get(key)
        self.claims[key] = claims if known is None else known.with_(claims)
        if facts:
            before = self.before.setdefault(key, {})
            for name in facts.by_field():
                before.setdefault(name, old.fields.of_field(name))
        self.records[key] = new


@dataclass(slots=True)
class Conclusions:
    """What follows from the results, by person: fields that were decided, facts that stay, and the
    time until which a request may still arrive (`late`)."""

    fields: dict[Key, Times] = field(default_factory=dict)
    facts: dict[Key, Times] = field(default_factory=dict)
    late: dict[Key, float] = field(default_factory=dict)
