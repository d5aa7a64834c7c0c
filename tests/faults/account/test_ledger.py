"""A fault run counts what waits, in whatever form, as waiting; and as lost what is nowhere."""

from collections import Counter
from typing import Any

import pytest

from tests.faults.account import ledger
from tests.faults.account.ledger import Held, Klaviyo
from tests.faults.messages.units import Unit

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


def test_what_has_arrived_is_not_lost() -> None:
    assert ledger.lost([UNIT], klaviyo(EVENT), Held(), Held()) == ([], [])
