"""A fault run counts what waits, in whatever form, as waiting; and as lost what is nowhere."""

from collections import Counter
from typing import Any

import pytest

from tests.faults.account import ledger
from tests.faults.account.ledger import Held, Klaviyo
from tests.faults.messages.units import Change, Unit

EVENT = ("jane@acme.example", "Tried", "message-1")
UNIT = Unit("track", ({"messageId": "message-1"},), events=(EVENT,))
PLACE = ("event", *EVENT)


def klaviyo(*events: tuple[str, str, str]) -> Klaviyo:
    nobody = frozenset[str]()
    return Klaviyo(dict.fromkeys(events, 1), {}, nobody, {}, Counter(), nobody, nobody, ())


OPERATION = {
    "kind": "create_event",
    "identity": {"email": EVENT[0]},
    "metric": EVENT[1],
    "unique_id": EVENT[2],
}


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        ({"operation": OPERATION}, []),
        ({"operation": {**OPERATION, "unique_id": "another"}}, [("track", PLACE)]),
        ({"message": {"messageId": "message-1"}}, []),
        ({"message": {"messageId": "another"}}, [("track", PLACE)]),
        ({"messages": '[{"messageId":"another"},{"messageId":"message-1"}]'}, []),
        ({"messages": '[{"messageId":"another"}]'}, [("track", PLACE)]),
    ],
)
def test_what_waits_is_not_lost(entry: dict[str, Any], missing: list[object]) -> None:
    assert ledger.lost([UNIT], klaviyo(), Held.of([entry], {}), Held()) == (missing, [])


CHANGING = "ada@acme.example"
CHANGE = Change(("trait", CHANGING), 7, 7)
SAID = Unit("trait", ({"messageId": "message-7"},), changes=(CHANGE,))


@pytest.mark.parametrize(
    ("entry", "stale"),
    [
        ({"operation": {"kind": "upsert_profile", "identity": {"email": CHANGING}}}, []),
        ({"message": {"messageId": "message-7"}}, []),
        ({"message": {"messageId": "another"}}, [("trait", CHANGE.place)]),
    ],
)
def test_what_waits_is_neither_stale_nor_missing(
    entry: dict[str, Any], stale: list[object]
) -> None:
    waiting = Held.of([entry], {})
    assert ledger.changed([SAID], klaviyo(), waiting) == (stale, [])


def test_what_waits_is_known_by_its_message() -> None:
    entries: list[dict[str, Any]] = [
        {"operation": {**OPERATION, "message_id": "message-1"}},
        {"message": {"messageId": "message-2"}},
        {"messages": '[{"messageId":"message-3"},{"messageId":"message-4"}]'},
    ]
    expected = {"message-1", "message-2", "message-3", "message-4"}
    assert Held.of(entries, {}).message_ids == expected


def test_what_has_arrived_is_not_lost() -> None:
    assert ledger.lost([UNIT], klaviyo(EVENT), Held(), Held()) == ([], [])
