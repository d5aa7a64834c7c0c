"""How a call's time is shared out."""

from dataclasses import astuple

import pytest

from handler.deadline import Schedule, of_retry, of_webhook

SEGMENT_SECONDS = 5.0


def test_a_webhook_call_is_answered_before_segment_gives_up() -> None:
    assert of_webhook(100.0) == Schedule(101.8, 103.0, 104.3)
    assert of_webhook(0.0).queues < SEGMENT_SECONDS


@pytest.mark.parametrize(
    ("seconds", "schedule"),
    [
        (60.0, Schedule(5.0, 49.0, 59.0)),
        (24.0, Schedule(4.0, 15.0, 23.0)),
        (6.0, Schedule(1.0, 3.7, 5.7)),
        (0.0, Schedule(0.0, 0.0, 0.0)),
    ],
)
def test_a_retry_call_ends_by_itself_whatever_time_it_has(
    seconds: float, schedule: Schedule
) -> None:
    assert astuple(of_retry(0.0, seconds)) == pytest.approx(astuple(schedule))


@pytest.mark.parametrize(
    ("secret_at", "mapping", "mapped_at", "delivery"),
    [
        (0.0, 1.0, 0.1, 2.9),
        (0.3, 1.2, 1.2, 2.1),
        (1.8, 2.2, 2.2, 2.6),
        (3.5, 3.5, 3.5, 3.0),
    ],
)
def test_mapping_takes_a_third_at_most_and_as_much_again_is_kept_for_the_queues(
    secret_at: float, mapping: float, mapped_at: float, delivery: float
) -> None:
    schedule = of_webhook(0.0)
    assert schedule.mapping_until(secret_at) == pytest.approx(mapping)
    assert schedule.delivery_until(mapped_at - secret_at) == pytest.approx(delivery)
