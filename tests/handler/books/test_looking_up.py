"""What is known of a call's messages is looked up within its part of the call's time."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from handler.books.decided import Decided
from handler.books.looking_up import READ_SECONDS, STORIES_SECONDS, LookUp
from klaviyo_mapping import Mapped
from ledger.allowance import Allowance
from ledger.calls import Asked
from ledger.fates import Arrival, content_of
from ledger.operation_names import name_of
from ledger.people import People
from ledger.shared_outcomes import referring
from ledger.table import Table
from operations import Identity, UpsertProfile

OPERATION = UpsertProfile("m", Identity(email="ada@acme-store.example"))
MESSAGE = Decided("m", "identify", None, Mapped((OPERATION,)), 1.0)


def test_two_reads_in_turn_share_their_time() -> None:
    """An arrival refers to its call, whose item is read next; so does each later attempt."""
    now, answer_seconds = 0.0, 0.08
    given: list[float] = []
    arrival = Arrival("m", 0.5, "webhook", kind="identify", content=content_of((OPERATION,)))
    item = referring(arrival.attributes(is_first=True), "a-call", [name_of(OPERATION)])

    def call(asked: Iterable[Asked], seconds: float) -> Iterator[tuple[int, dict[str, Any]]]:
        nonlocal now
        given.append(seconds)
        all_asked = list(asked)
        now += min(answer_seconds, seconds)
        for number, (operation, document) in enumerate(all_asked):
            if operation == "Query":
                yield number, {"Items": [item]}
            else:
                keys = document["RequestItems"]["t"]["Keys"]
                found = [item] if {name: item[name] for name in ("pk", "sk")} in keys else []
                yield number, {"Responses": {"t": found}}

    allowance = Allowance(0.3, clock=lambda: now)
    people = People("a key of the ledger that nobody guesses")
    looked_up = LookUp(Table("t", call, 86_400.0), people, allowance, str)
    assert list(looked_up.repeated([MESSAGE])) == []
    expected = [READ_SECONDS, READ_SECONDS - 0.08, STORIES_SECONDS, STORIES_SECONDS - 0.08]
    assert given == pytest.approx(expected)
