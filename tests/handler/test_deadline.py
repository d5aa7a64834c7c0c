"""How a call's time is shared out."""

from dataclasses import astuple

import pytest

from handler.deadline import Schedule, of_retry, of_webhook

SEGMENT_SECONDS = 5.0


def test_a_webhook_call_is_answered_before_segment_gives_up() -> None:
    assert of_webhook(100.0) == Schedule(101.8, 102.2, 103.0, 104.3)
    assert of_webhook(0.0).queues < SEGMENT_SECONDS


@pytest.mark.parametrize(
    ("seconds", "schedule"),
    [
        (60.0, Schedule(5.0, 24.5, 49.0, 59.0)),
        (24.0, Schedule(4.0, 7.5, 15.0, 23.0)),
        (6.0, Schedule(1.0, 1.85, 3.7, 5.7)),
        (0.0, Schedule(0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_a_retry_call_ends_by_itself_whatever_time_it_has(
    seconds: float, schedule: Schedule
) -> None:
    assert astuple(of_retry(0.0, seconds)) == pytest.approx(astuple(schedule))
