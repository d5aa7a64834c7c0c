"""What a delivery claims in the records that all processes share, and what comes of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from klaviyo_client.people.newest import Verdict
from klaviyo_client.people.records import Record
from klaviyo_client.people.stakes import Key
from klaviyo_client.people.times import FieldId, FieldIds, Times


@dataclass(frozen=True, slots=True)
class Written:
    """Whose records were written, and whose were `refused` because they had changed; of the others
    nobody knows."""

    made: Collection[Key] = ()
    refused: Collection[Key] = ()


class Words(Protocol):
    """Records that all processes share. Nothing here raises."""

    @property
    def me(self) -> str:
        """The name of this process."""

    def field_id(self, name: str) -> FieldId:
        """What a field is stored as."""

    def field_ids(self, names: tuple[str, ...]) -> FieldIds:
        """What several are."""

    def read(self, names: Iterable[Key], *, again: bool, keep: float = 0.0) -> Mapping[Key, Record]:
        """The records as far as they could be read; an empty one where there is none. `again`: they
        have changed a moment ago. `keep` is the share of the time for
        the records that must be left."""

    def write(
        self, before: Mapping[Key, Record], after: Mapping[Key, Record], *, keep: float = 0.0
    ) -> Written:
        """Put the records in the place of those `before`, where these are still there."""

    @property
    def is_late(self) -> bool:
        """Whether what could not be read or written was wanting nothing but time."""


@dataclass(slots=True)
class Checked:
    """What came of the check: verdicts by position; by person the record with the claim upon it,
    the claim, and the facts that came with it, as they were before.

    `now` is the moment that it was about, in Unix seconds.
    """

    now: float
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    records: dict[Key, Record] = field(default_factory=dict)
    claims: dict[Key, Times] = field(default_factory=dict)
    before: dict[Key, dict[FieldId, float]] = field(default_factory=dict)

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
    """What the results mean, by person: fields that were decided, facts that stay, and until when
    a request may still land."""

    fields: dict[Key, Times] = field(default_factory=dict)
    facts: dict[Key, Times] = field(default_factory=dict)
    late: dict[Key, float] = field(default_factory=dict)
