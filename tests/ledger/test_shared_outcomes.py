"""Messages that share the outcome of their call."""

import pytest

from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import Arrival, Outcome, State, outcomes_of, with_outcomes
from ledger.shared_outcomes import UNKNOWN, call_item, read_outcomes, referring, resolved
from ledger.table import Table
from ledger.values import Attributes, Item, unmarshalled

DELIVERED = Outcome(State.DELIVERED)
WAITING = Outcome(State.WAITING, "throttled", status=429, until=9.5)


def arrival(message_id: str) -> Attributes:
    return Arrival(message_id, 5.0, "webhook", kind="track").attributes(is_first=True)


ONE, OTHER = (
    unmarshalled(referring(arrival(each), "call-1", ["create_event:1", "create_event:2"]))
    for each in ("one", "other")
)


def call(outcome: Outcome, *others: str) -> Item:
    return unmarshalled(call_item("call-1", 5.0, "webhook", outcome, others))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ({"call-1": call(DELIVERED)}, (DELIVERED, DELIVERED)),
        ({"call-1": call(WAITING)}, (WAITING, WAITING)),
        ({"call-1": call(DELIVERED, "other")}, (DELIVERED, UNKNOWN)),
        ({}, (UNKNOWN, UNKNOWN)),
        ({"call-2": call(DELIVERED)}, (UNKNOWN, UNKNOWN)),
    ],
)
def test_a_message_has_the_outcome_of_its_call(
    calls: dict[str, Item], expected: tuple[Outcome, Outcome]
) -> None:
    assert [outcomes_of(each) for each in resolved([ONE, OTHER], calls)] == [
        {"create_event:1": outcome, "create_event:2": outcome} for outcome in expected
    ]


def test_what_has_outcomes_of_its_own_keeps_them() -> None:
    own = unmarshalled(with_outcomes(arrival("own"), {"create_event:1": WAITING}))
    assert resolved([own], {"call-1": call(DELIVERED)}) == [own]


def test_the_calls_are_read_from_the_table(table: Table) -> None:
    allowance = Allowance(30.0)
    table.write([call_item("call-1", 5.0, "webhook", DELIVERED, [])], allowance)
    lost = {**OTHER, "call": "call-2"}
    found = [outcomes_of(each) for each in read_outcomes(table, [ONE, lost], allowance)]
    names = ("create_event:1", "create_event:2")
    assert found == [dict.fromkeys(names, DELIVERED), dict.fromkeys(names, UNKNOWN)]
    assert not allowance.failures


def test_a_call_is_named_by_its_key() -> None:
    pk, _ = item_keys.call("call-1")
    assert (item_keys.call_id(pk), item_keys.message_id(pk)) == ("call-1", None)
    assert item_keys.call_id(item_keys.message("call-1")) is None
