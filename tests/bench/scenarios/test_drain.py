"""What a backlog's time is compared with."""

import pytest

from bench.scenarios.drain import shortest_seconds


@pytest.mark.parametrize(
    ("requests", "seconds"),
    [(1, 0), (10, 0), (11, 1), (150, 14), (151, 60), (200, 64), (300, 74), (301, 120)],
)
def test_ten_a_second_until_the_minute_is_spent(requests: int, seconds: int) -> None:
    assert shortest_seconds(requests) == seconds
