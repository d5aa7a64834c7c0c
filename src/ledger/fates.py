"""The events of a message as items: its arrival with the first attempt, and each later attempt.

No item is read before it is written, so two functions need not know of each other.
The message's state follows from its items (`ledger.stories`).
"""

import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from zlib import crc32

from msgspec import Struct
from msgspec.json import Decoder, Encoder
from msgspec.structs import asdict, astuple

from ledger import item_keys
from ledger.table import Update
from ledger.values import Attributes, Item, marshalled
from operations import Operation


class State(StrEnum):
    """The state of an operation, or of a message that has none. It is unknown if the function was
    stopped, or could not write what came of it."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    DEAD_LETTERED = "dead_lettered"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


class Outcome(Struct, frozen=True):
    """The outcome of one attempt for an operation.

    `reason` is a code of ours. `about` is the field that it concerns, or the last failure.
    `status`, `code` and `pointer` are Klaviyo's. `until` is when a waiting operation is due, in
    Unix seconds; without it Segment has to send the message again. `warnings` are codes of what
    was left undone.
    """

    state: State
    reason: str | None = None
    about: str | None = None
    status: int | None = None
    code: str | None = None
    pointer: str | None = None
    until: float | None = None
    warnings: tuple[str, ...] = ()


class Group(Outcome, frozen=True, omit_defaults=True):
    """An outcome, and the names of the operations that share it."""

    operations: tuple[str, ...] = ()


Outcomes = Mapping[str, Outcome]
"""Outcomes by the operations' names."""


class Arrival(Struct, frozen=True):
    """A message, as a function has mapped it. Times are Unix seconds.

    `content` is a checksum of the operations: a message with another checksum is another message,
    whatever its id. `person` is a hash. `repeats` counts the known earlier arrivals. `warnings` are
    the mapping's.
    """

    message_id: str
    at: float
    by: str
    kind: str | None = None
    content: str | None = None
    person: str | None = None
    arrived_at: float | None = None
    repeats: int = 0
    warnings: tuple[str, ...] = ()

    def attributes(self, *, is_first: bool) -> Attributes:
        """The item, without its outcomes: see `with_outcomes`.

        `is_first` is false if it is unknown whether the message has arrived before. Then the item
        gets a key of its own, and does not replace an earlier arrival.
        """
        return marshalled(
            {
                "pk": item_keys.message(self.message_id),
                "sk": item_keys.ARRIVAL if is_first else _beside(self.at),
                "at": self.at,
                "by": self.by,
                "type": self.kind,
                "content": self.content,
                "person": self.person,
                "arrived": self.arrived_at,
                "repeats": self.repeats or None,
                "warnings": self.warnings or None,
            }
        )


def with_outcomes(attributes: Attributes, outcomes: Outcomes) -> Attributes:
    """The item, with the outcomes of the operations.

    They are one text: writing a nested item takes ten times as long.
    """
    return {**attributes, "outcomes": {"S": text_of(outcomes)}}


def beside(arrival: Attributes, at: float) -> Attributes:
    """The arrival's item with a key of its own: it replaces nothing, and nothing replaces it."""
    return {**arrival, "sk": {"S": _beside(at)}}


def attempt(message_id: str, at: float, by: str, outcomes: Outcomes) -> Attributes:
    """The item of a later attempt."""
    found = {"pk": item_keys.message(message_id), "sk": _beside(at), "at": at, "by": by}
    return with_outcomes(marshalled(found), outcomes)


def _beside(at: float) -> str:
    """Two functions may have parts of one message at the same moment."""
    return f"{item_keys.ATTEMPT}{at:.3f}#{os.urandom(3).hex()}"


def undoing(message_id: str) -> Update:
    """Marks the arrival: something that counted as delivered was refused afterwards."""
    return Update(
        (item_keys.message(message_id), item_keys.ARRIVAL),
        "SET undone = :yes",
        {":yes": True},
        condition="attribute_exists(pk)",
    )


def content_of(operations: Iterable[Operation]) -> str:
    """A checksum of the operations' content."""
    return f"{crc32(_encode(list(operations))):08x}"


_encode = Encoder().encode


def outcomes_of(item: Item) -> dict[str, Outcome]:
    """The outcomes that an item holds, by the operations' names."""
    found: dict[str, Outcome] = {}
    for group in _groups(item["outcomes"]):
        *fields, names = astuple(group)
        found.update(dict.fromkeys(names, Outcome(*fields)))
    return found


_groups = Decoder(list[Group]).decode


def groups_of(outcomes: Outcomes) -> list[Group]:
    """The outcomes, each once with all operations that share it."""
    groups: dict[Outcome, list[str]] = {}
    for name, outcome in outcomes.items():
        groups.setdefault(outcome, []).append(name)
    return [Group(**asdict(outcome), operations=tuple(names)) for outcome, names in groups.items()]


def text_of(outcomes: Outcomes) -> str:
    """The outcomes as an item has them."""
    return _text_of(tuple(outcomes.items()))


@lru_cache(maxsize=256)
def _text_of(outcomes: tuple[tuple[str, Outcome], ...]) -> str:
    """Cached, since most messages of a batch have the same kind of operation and outcome."""
    return _encode(groups_of(dict(outcomes))).decode()
