"""In which parts a large batch is checked."""

import pytest

from klaviyo_client.people import positions
from klaviyo_client.people.positions import slices, stakes_of
from operations import Identity, Operation, Unsubscribe, UpsertProfile

AT = "2026-01-01T00:00:00Z"


def upsert(name: str) -> Operation:
    return UpsertProfile(
        "m", Identity(email=f"{name}@acme.example"), properties={"plan": "x"}, time=AT
    )


def withdraws(name: str, list_id: str | None = None) -> Operation:
    return Unsubscribe("m", f"{name}@acme.example", list_id, time=AT)


BATCH = [upsert("a"), withdraws("b", "L"), upsert("c"), withdraws("c"), upsert("d")]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (5, [[0, 1, 2, 3, 4]]),
        (3, [[0, 1, 4], [2, 3]]),
        (2, [[0, 4], [1, 2], [3]]),
        (1, [[0, 4], [1], [2], [3]]),
    ],
)
def test_what_unsubscribes_a_person_from_a_list_stays_together(
    size: int, expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [withdraws("a", "L"), upsert("a"), withdraws("b", "L"), withdraws("a", "M")]
    batch.append(withdraws("A", "L"))
    monkeypatch.setattr(positions, "SLICE", size)
    found = slices(batch, stakes_of(batch, 2_000_000_000.0))
    assert [list(part) for part in found] == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(5, [[0, 1, 2, 3, 4]]), (2, [[2, 3], [0, 1], [4]]), (4, [[2, 3], [0, 1, 4]])],
)
def test_who_withdraws_a_consent_comes_first(
    size: int, expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "SLICE", size)
    found = slices(BATCH, stakes_of(BATCH, 2_000_000_000.0))
    assert [list(part) for part in found] == expected
