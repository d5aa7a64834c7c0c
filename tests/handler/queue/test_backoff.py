"""When a failed operation is tried again."""

import pytest

from handler.queue.backoff import delay_seconds


@pytest.mark.parametrize(
    ("attempts", "chance", "seconds"),
    [
        (0, 0.0, 2),
        (1, 0.0, 2),
        (1, 1.0, 5),
        (2, 0.0, 5),
        (2, 1.0, 10),
        (3, 0.5, 15),
        (8, 1.0, 640),
        (9, 0.0, 450),
        (9, 1.0, 900),
        (5000, 1.0, 900),
    ],
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour_and_half_of_it_is_chance(
    attempts: int, chance: float, seconds: int
) -> None:
    assert delay_seconds(attempts, None, chance) == seconds


@pytest.mark.parametrize(
    ("named", "chance", "seconds"),
    [(30.0, 0.0, 30), (30.0, 1.0, 33), (0.0, 1.0, 1), (3600.0, 0.0, 3600)],
)
def test_a_time_that_klaviyo_names_is_kept(named: float, chance: float, seconds: int) -> None:
    assert delay_seconds(7, named, chance) == seconds
