"""When the circuit breaker lets requests through."""

from collections.abc import Sequence

import pytest

from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.sending.circuit_breaker import LOOK_AGAIN_SECONDS, Circuit, Go, Wait

TIMEOUT, CUT, DOWN = (
    RetryReason.TIMEOUT,
    RetryReason.CONNECTION_FAILED,
    RetryReason.UNAVAILABLE,
)


def is_open(seconds: float) -> Retryable:
    return Retryable(RetryReason.CIRCUIT_OPEN, seconds, tried=False)


@pytest.mark.parametrize(
    ("failures", "admission"),
    [
        pytest.param([], Go(), id="none"),
        pytest.param([DOWN, CUT], Go(), id="two"),
        pytest.param([DOWN, CUT, DOWN], is_open(1.0), id="three"),
        pytest.param([TIMEOUT], is_open(1.0), id="one timeout has cost enough"),
        pytest.param([RetryReason.THROTTLED] * 9, Go(), id="throttled: Klaviyo is there"),
        pytest.param([TIMEOUT] * 16, is_open(1.0), id="many at once: open once"),
    ],
)
def test_failures_open_it(
    failures: Sequence[RetryReason], admission: Go | Wait | Retryable
) -> None:
    circuit = Circuit()
    for reason in failures:
        circuit.failed(0.0, reason, probe=False)
    assert circuit.admission(0.0) == admission


def test_an_answer_between_failures_starts_the_count_again() -> None:
    circuit = Circuit()
    for _ in range(2):
        circuit.failed(0.0, DOWN, probe=False)
        circuit.failed(0.0, DOWN, probe=False)
        circuit.answered()
    assert circuit.admission(0.0) == Go()


def opened() -> Circuit:
    circuit = Circuit()
    circuit.failed(0.0, TIMEOUT, probe=False)
    return circuit


def test_after_a_second_one_probe_goes_and_the_others_wait_for_it() -> None:
    circuit = opened()
    assert circuit.admission(0.75) == is_open(0.25)
    assert circuit.admission(1.0) == Go(probe=True)
    circuit.begin_probe(1.0, 5.0)
    assert circuit.admission(1.0) == Wait(LOOK_AGAIN_SECONDS)
    assert circuit.admission(5.9) == Wait(LOOK_AGAIN_SECONDS)


def test_a_probe_that_is_answered_closes_it() -> None:
    circuit = opened()
    circuit.begin_probe(1.0, 5.0)
    circuit.answered()
    assert circuit.admission(1.0) == Go()


def test_it_stays_open_twice_as_long_after_each_probe_that_fails_up_to_30_seconds() -> None:
    circuit = opened()
    now, waits = 1.0, []
    for _ in range(7):
        circuit.begin_probe(now, 5.0)
        circuit.failed(now, TIMEOUT, probe=True)
        admission = circuit.admission(now)
        assert isinstance(admission, Retryable)
        waits.append(admission.delay)
        now += admission.delay or 0.0
    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_request_from_before_that_fails_late_neither_lengthens_it_nor_ends_a_probe() -> None:
    circuit = opened()
    circuit.begin_probe(1.0, 5.0)
    circuit.failed(1.5, TIMEOUT, probe=False)
    assert circuit.admission(1.5) == Wait(LOOK_AGAIN_SECONDS)


def test_a_probe_of_which_nothing_is_heard_makes_way_for_another() -> None:
    circuit = opened()
    circuit.begin_probe(1.0, 5.0)
    assert circuit.admission(6.0) == Go(probe=True)


def test_once_closed_it_opens_for_a_second_again() -> None:
    circuit = opened()
    circuit.failed(1.0, TIMEOUT, probe=True)
    circuit.answered()
    circuit.failed(9.0, TIMEOUT, probe=False)
    assert circuit.admission(9.0) == is_open(1.0)
