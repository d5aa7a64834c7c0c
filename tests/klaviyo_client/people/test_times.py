"""Times of fields as blocks: which time counts, and what is left."""

import pytest

from klaviyo_client.people.times import MOST_BLOCKS, NOTHING, Times, packed
from operations.instants import NEVER


def block(said: float, *fields: int) -> tuple[float, bytes]:
    return said, packed(fields)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (NOTHING, NOTHING, {}),
        (NOTHING, Times([block(5, 1)]), {1: 5}),
        (Times([block(5, 1, 2)]), Times([block(7, 1, 2)]), {1: 7, 2: 7}),
        (Times([block(7, 1, 2)]), Times([block(5, 1, 2)]), {1: 7, 2: 7}),
        (Times([block(7, 1, 2)]), Times([block(5, 2, 3)]), {1: 7, 2: 7, 3: 5}),
        (Times([block(5, 2, 3)]), Times([block(7, 1, 2)]), {1: 7, 2: 7, 3: 5}),
        (Times.of({1: 5, 2: NEVER}), Times.of({2: 6}), {1: 5, 2: 6}),
    ],
)
def test_of_both_the_later_time_of_a_field_counts(
    one: Times, other: Times, both: dict[int, float]
) -> None:
    united = one.with_(other)
    assert united == Times.of(both)
    assert united.latest == max(both.values(), default=NEVER)
    assert united.of_field(99) == NEVER


def test_the_same_fields_again_take_no_more_room_and_many_blocks_are_put_together() -> None:
    times = NOTHING
    for said in range(100):
        times = times.with_(Times([block(said, 1, 2, 3)]))
    assert times.blocks == (block(99, 1, 2, 3),)
    for number in range(100):
        times = times.with_(Times([block(number % 3, number, number + 1)]))
        assert len(times.blocks) <= MOST_BLOCKS


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (NOTHING, {1: 5, 2: 5, 3: 6}),
        (Times.of({1: 5, 2: 5, 3: 6}), {}),
        (Times.of({1: 5, 3: 5, 9: 6}), {2: 5, 3: 6}),
    ],
)
def test_a_field_with_another_time_stays(gone: Times, left: dict[int, float]) -> None:
    times = Times([block(5, 1, 2), block(6, 3)])
    assert times.without(gone) == Times.of(left)
    assert bool(times.without(gone)) is bool(left)
