"""What a message came to, by its items."""

import pytest

from ledger import fates
from ledger.fates import Arrival, Outcome, Outcomes, State, outcomes_of, with_outcomes
from ledger.operation_names import WHOLE
from ledger.stories import story
from ledger.values import Item, unmarshalled

DELIVERED = Outcome(State.DELIVERED, warnings=("opted_out",))
WAITING = Outcome(State.WAITING, "throttled", status=429, until=9.5)
LEFT_TO_SEGMENT = Outcome(State.WAITING, "queue_unavailable")
DEAD = Outcome(State.DEAD_LETTERED, "refused", None, 400, "invalid", "/data")
UNKNOWN = Outcome(State.UNKNOWN)
DROPPED = Outcome(State.DROPPED, "unsupported_type")


def arrival(at: float, outcomes: Outcomes, arrived_at: float | None = None) -> Item:
    """As it is read again."""
    found = Arrival("m", at, "webhook", kind="track", arrived_at=arrived_at)
    return unmarshalled(with_outcomes(found.attributes(is_first=True), outcomes))


def attempt(at: float, by: str, outcomes: Outcomes) -> Item:
    """As it is read again."""
    return unmarshalled(fates.attempt("m", at, by, outcomes))


def test_what_was_written_twice_has_happened_once() -> None:
    """An arrival was not known to be written, so it was written again under a key of its own; and
    an earlier one was kept as an attempt."""
    first, repeated = arrival(1, {"a": WAITING}), {**arrival(2, {"a": DELIVERED}), "repeats": 1}
    kept = attempt(1, "webhook", {"a": WAITING})
    expected = story("m", [first, repeated])
    assert expected is not None
    assert (expected.repeats, len(expected.chapters)) == (1, 2)
    again = {**repeated, "sk": "A#2"}
    assert story("m", [again, first, repeated, kept]) == expected
    assert story("m", [kept, again, repeated, first]) == expected


def test_outcomes_are_read_as_they_were_written() -> None:
    outcomes = {"a": DELIVERED, "b": WAITING, "c": WAITING, "d": DEAD, WHOLE: DROPPED}
    assert outcomes_of(attempt(1.0, "retry", outcomes)) == outcomes


@pytest.mark.parametrize(
    ("items", "state"),
    [
        ([arrival(1, {"a": DELIVERED, "b": DELIVERED})], State.DELIVERED),
        ([arrival(1, {"a": DELIVERED, "b": WAITING})], State.WAITING),
        ([arrival(1, {"a": DEAD, "b": WAITING})], State.DEAD_LETTERED),
        ([arrival(1, {WHOLE: DROPPED})], State.DROPPED),
        ([arrival(1, {"a": WAITING}), attempt(2, "retry", {"a": DELIVERED})], State.DELIVERED),
        # What was delivered can be refused afterwards, by an import job.
        ([arrival(1, {"a": DELIVERED}), attempt(2, "retry", {"a": DEAD})],
         State.DEAD_LETTERED),
        # The order of the items is not that of the times.
        ([attempt(3, "retry", {"a": DELIVERED}), attempt(2, "retry", {"a": WAITING})],
         State.DELIVERED),
        # A message that has been mapped waits no more to be mapped.
        ([attempt(1, "webhook", {WHOLE: WAITING}), arrival(2, {"a": DELIVERED})],
         State.DELIVERED),
        # A repeat that was answered from the ledger changes nothing.
        ([arrival(1, {"a": DELIVERED}), attempt(2, "webhook", {})], State.DELIVERED),
        # But it ends the wait of what was on no queue, not that of what is.
        ([arrival(1, {"a": DELIVERED}), attempt(2, "webhook", {"a": LEFT_TO_SEGMENT}),
          attempt(3, "webhook", {})], State.DELIVERED),
        ([arrival(1, {"a": DELIVERED}), attempt(2, "webhook", {"a": WAITING}),
          attempt(3, "webhook", {})], State.WAITING),
        # An attempt of which nothing is known changes nothing.
        ([arrival(1, {"a": UNKNOWN})], State.UNKNOWN),
        ([arrival(1, {"a": WAITING}), attempt(2, "webhook", {"a": UNKNOWN})], State.WAITING),
        ([arrival(1, {"a": UNKNOWN}), attempt(2, "webhook", {"a": DELIVERED})], State.DELIVERED),
    ],
)  # fmt: skip
def test_a_message_is_where_the_part_is_that_is_worst_off(items: list[Item], state: State) -> None:
    found = story("m", items)
    assert found is not None
    assert found.state is state


def test_a_message_arrived_when_it_was_first_seen() -> None:
    found = story("m", [arrival(5, {"a": DELIVERED}, arrived_at=2.0), attempt(4, "webhook", {})])
    assert found is not None
    assert (found.arrived_at, found.repeats, found.kind) == (2.0, 1, "track")


def test_an_item_that_is_none_of_a_messages_tells_nothing() -> None:
    assert story("m", []) is None
    assert story("m", [{"pk": "M#m", "sk": "0", "undone": True}]) is None
