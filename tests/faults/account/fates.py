"""Whether the ledger says of each message what has become of it."""

from collections.abc import Iterable, Iterator, Set

from ledger.fates import State
from ledger.stories import story
from ledger.values import Item, unmarshalled
from local.aws_stand_in.items import ACCOUNT
from local.aws_stand_in.server import REGION
from tests.fates import by_message
from tests.faults.messages.units import Place, Unit

Disagreeing = tuple[str, Place]
"""What the ledger says of a message, and which message that is."""


def disagreeing(units: Iterable[Unit], table: str, waiting: Set[str]) -> list[Disagreeing]:
    """The messages whose fate in the table is not where they are.

    A message of which something is `waiting` waits; the others are in Klaviyo, dead letters, or
    dropped.
    """
    items = by_message(_items(table))
    found: list[Disagreeing] = []
    for unit in units:
        for message_id in unit.message_ids:
            known = story(message_id, items.get(message_id, ()))
            state = None if known is None else known.state
            expected = State.WAITING if message_id in waiting else _expected(unit)
            if state is not expected:
                found.append((f"{unit.kind}: {state}", ("message", message_id)))
    return found


def _expected(unit: Unit) -> State:
    if unit.dropped:
        return State.DROPPED
    return State.DEAD_LETTERED if unit.refused or unit.malformed else State.DELIVERED


def _items(table: str) -> Iterator[Item]:
    """From moto itself: a scan by HTTP would take minutes."""
    from moto.dynamodb.models import dynamodb_backends

    for item in dynamodb_backends[ACCOUNT][REGION].tables[table].all_items():
        yield unmarshalled(item.to_json()["Attributes"])
