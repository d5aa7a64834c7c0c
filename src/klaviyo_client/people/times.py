"""When each field of a person was last decided. Pure.

Most messages decide many fields at once, and the person's next message decides the same fields. So
the times are kept as blocks: a time, and its fields. A block is decoded only when one field is
needed.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping

from operations.instants import NEVER

FieldId = int
"""The id under which a field is stored: 64 bits."""

FieldIds = bytes
"""Several ids, packed: eight bytes each, little-endian."""

Block = tuple[float, FieldIds]

MOST_BLOCKS = 4
"""For one person, unless the fields need more."""


class Times:
    """The times of some fields, in Unix seconds. Immutable; equal if the fields and times are.

    If two blocks have the same field, the later time counts. `text` is how they were written where
    they were read, if they were.
    """

    __slots__ = ("_by_field", "blocks", "text")

    def __init__(self, blocks: Iterable[Block] = (), text: str | None = None) -> None:
        self.blocks = tuple(blocks)
        self.text = text
        self._by_field: dict[FieldId, float] | None = None

    @classmethod
    def of(cls, times: Mapping[FieldId, float]) -> "Times":
        """From the time of each field; those with NEVER are left out."""
        fields_at: dict[float, list[FieldId]] = {}
        for name, said in times.items():
            if said != NEVER:
                fields_at.setdefault(said, []).append(name)
        return cls((said, packed(fields)) for said, fields in fields_at.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Times) and (
            self.blocks == other.blocks or self.by_field() == other.by_field()
        )

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def __iter__(self) -> Iterator[FieldId]:
        return iter(self.by_field())

    def __repr__(self) -> str:
        return f"Times.of({dict(self.by_field())!r})"

    @property
    def latest(self) -> float:
        """The latest of the times; NEVER if there is none."""
        latest = NEVER
        for said, _ in self.blocks:
            latest = max(latest, said)
        return latest

    def by_field(self) -> Mapping[FieldId, float]:
        """The time of each field."""
        if self._by_field is None:
            found: dict[FieldId, float] = {}
            for said, fields in sorted(self.blocks):  # the later ones last
                found.update(dict.fromkeys(_unpacked(fields), said))
            self._by_field = found
        return self._by_field

    def of_field(self, name: FieldId) -> float:
        """The time of one field; NEVER if nothing is known of it."""
        return self.by_field().get(name, NEVER)

    def with_(self, others: "Times") -> "Times":
        """The times of both; for a field in both, the later one."""
        if not others.blocks or others is self:
            return self
        if not self.blocks:
            return others
        times = {fields: said for said, fields in self.blocks}
        for said, fields in others.blocks:
            if times.get(fields, NEVER) < said:
                times[fields] = said
        united = Times((said, fields) for fields, said in times.items())
        return united if len(united.blocks) <= MOST_BLOCKS else Times.of(united.by_field())

    def without(self, gone: "Times") -> "Times":
        """The times without those that are `gone`: a field with another time stays."""
        if self.blocks == gone.blocks:
            return NOTHING
        if not self.blocks or not gone.blocks:
            return self
        known = gone.by_field()
        return Times.of(
            {name: said for name, said in self.by_field().items() if known.get(name) != said}
        )


NOTHING = Times()


def packed(fields: Iterable[FieldId]) -> FieldIds:
    """The ids of several fields, packed."""
    return _little_endian(array("Q", fields)).tobytes()


def _unpacked(fields: FieldIds) -> "array[int]":
    return _little_endian(array("Q", fields))


def _little_endian(fields: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        fields.byteswap()
    return fields
