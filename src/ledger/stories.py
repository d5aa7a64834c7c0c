"""What happened to a message, put together from its items. Pure, but for the reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import Outcome, State, groups_of, outcomes_of
from ledger.operation_names import WHOLE
from ledger.shared_outcomes import read_outcomes
from ledger.table import Table
from ledger.values import Item


@dataclass(frozen=True, slots=True)
class Chapter:
    """One attempt: when, by which function, and what it came to for each of its operations."""

    at: float
    by: str
    outcomes: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Story:
    """A message's attempts in the order of their times; times are Unix seconds.

    `kind` is unknown where the arrival is not in the table, or nobody could read it. `repeats`
    counts the further times that Segment has sent it, as far as they are known; `warnings` are the
    mapping's.
    """

    message_id: str
    kind: str | None
    arrived_at: float
    repeats: int
    chapters: Sequence[Chapter]
    warnings: Sequence[str] = ()

    def operations(self) -> dict[str, tuple[float, Outcome]]:
        """What is known last of each operation, and since when.

        That the message itself waits is no more true once somebody has mapped it. What waited for
        Segment to send the message again waits no more once that was answered from the ledger:
        everything is known to be delivered. An attempt of which nothing is known changes nothing.
        """
        last: dict[str, tuple[float, Outcome]] = {}
        for chapter in self.chapters:
            if chapter.outcomes and WHOLE in last and last[WHOLE][1].state is State.WAITING:
                del last[WHOLE]
            if not chapter.outcomes:
                came = [name for name, (_, outcome) in last.items() if _waits_for_segment(outcome)]
                delivered = (chapter.at, Outcome(State.DELIVERED))
                last.update({name: delivered for name in came if name != WHOLE})
            for name, outcome in chapter.outcomes.items():
                if name not in last or outcome.state is not State.UNKNOWN:
                    last[name] = (chapter.at, outcome)
        return last

    @property
    def state(self) -> State:
        """Where the message is: with the part of it that is worst off."""
        states = {outcome.state for _, outcome in self.operations().values()}
        return next(state for state in WORST_FIRST if state in states or state is WORST_FIRST[-1])


WORST_FIRST = (
    State.DEAD_LETTERED,
    State.WAITING,
    State.UNKNOWN,
    State.DROPPED,
    State.DELIVERED,
)


def _waits_for_segment(outcome: Outcome) -> bool:
    """Whether it is on no queue, and comes with the batch that Segment sends again."""
    return outcome.state is State.WAITING and outcome.until is None


def story(message_id: str, items: Iterable[Item]) -> Story | None:
    """The story that the items of one message tell, each with its outcomes (see
    `ledger.shared_outcomes`); `None` where there are none."""
    told = sorted((item for item in items if "by" in item), key=_knowledge)
    # What was written twice, since the first time nobody answered, has happened once.
    once = {(item["at"], item["by"], item["outcomes"]): item for item in told}
    ordered = sorted(once.values(), key=lambda item: item["at"])
    if not ordered:
        return None
    chapters = [Chapter(item["at"], item["by"], outcomes_of(item)) for item in ordered]
    arrivals = [item for item in ordered if "type" in item]
    return Story(
        message_id,
        next((item["type"] for item in arrivals), None),
        min(map(arrival_of, ordered)),
        sum(item.get("repeats", 0) for item in arrivals)
        + sum(not chapter.outcomes for chapter in chapters),
        chapters,
        next((item["warnings"] for item in arrivals if "warnings" in item), ()),
    )


def _knowledge(item: Item) -> tuple[bool, int]:
    """How much an item says of the message, beside the outcomes."""
    return "type" in item, item.get("repeats", 0)


def arrival_of(item: Item) -> float:
    """When the message of this item was first seen, as far as the item knows."""
    return float(item.get("arrived") or item["at"])


def read_story(table: Table, message_id: str, allowance: Allowance) -> Story | None:
    """The story of one message, by its id as logs show it."""
    items, _ = table.query(item_keys.message(message_id), allowance, consistent=True)
    return story(message_id, read_outcomes(table, items, allowance))


def document_of(found: Story) -> dict[str, Any]:
    """The story as JSON; times are Unix seconds."""
    return {
        "message_id": found.message_id,
        "type": found.kind,
        "state": found.state.value,
        "arrived_at": found.arrived_at,
        "repeats": found.repeats,
        "warnings": list(found.warnings),
        "attempts": [
            {
                "at": chapter.at,
                "by": chapter.by,
                "outcomes": to_builtins(groups_of(chapter.outcomes)),
            }
            for chapter in found.chapters
        ],
    }
