"""Which endpoints may be called now."""

import pytest
from msgspec.structs import replace

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.endpoints import (
    BULK_CREATE_EVENTS,
    CREATE_EVENT,
    UPSERT_PROFILE,
    Endpoint,
)
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.sending.circuit_breaker import LOOK_AGAIN_SECONDS, Go, Wait
from klaviyo_client.sending.rate_limits import Gate
from klaviyo_client.sending.shared import Outlook
from tests.klaviyo_client.fakes import Clock, answer, endpoint

TWO = endpoint("two_a_second", 2, 20)
OK = answer(202)
TIMEOUT = Retryable(RetryReason.TIMEOUT)
CUT = Retryable(RetryReason.CONNECTION_FAILED)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(clock)


def exchange(gate: Gate, endpoint: Endpoint, reply: Answer | Retryable) -> None:
    admission = gate.admit(endpoint, 5.0)
    assert isinstance(admission, Go)
    gate.answered(endpoint, reply, probe=admission.probe)


def throttled(seconds: float) -> Retryable:
    return Retryable(RetryReason.THROTTLED, seconds, tried=False)


def circuit_open(seconds: float) -> Retryable:
    return Retryable(RetryReason.CIRCUIT_OPEN, seconds, tried=False)


@pytest.mark.parametrize(
    ("reply", "here", "elsewhere"),
    [
        pytest.param(answer(429, Retry_After="7"), throttled(7.0), Go(), id="429"),
        pytest.param(answer(429), throttled(10.0), Go(), id="429 without a time"),
        pytest.param(
            answer(429, Retry_After="0"), throttled(1.0), Go(), id="429, a second at least"
        ),
        pytest.param(answer(503, Retry_After="60"), Go(), Go(), id="one 503, even with a time"),
        pytest.param(TIMEOUT, circuit_open(1.0), circuit_open(1.0), id="a timeout"),
        pytest.param(CUT, Go(), Go(), id="one connection that was cut"),
        pytest.param(answer(401), Go(), Go(), id="401: Klaviyo is there"),
        pytest.param(answer(400), Go(), Go(), id="400"),
        pytest.param(OK, Go(), Go(), id="202"),
    ],
)
def test_a_429_stops_its_endpoint_alone_and_a_failure_all_of_them(
    gate: Gate,
    reply: Answer | Retryable,
    here: Go | Retryable,
    elsewhere: Go | Retryable,
) -> None:
    exchange(gate, CREATE_EVENT, reply)
    assert gate.admit(CREATE_EVENT, 5.0) == here
    assert gate.admit(UPSERT_PROFILE, 5.0) == elsewhere


def test_a_pause_ends_when_klaviyo_said(gate: Gate, clock: Clock) -> None:
    exchange(gate, CREATE_EVENT, answer(429, Retry_After="7"))
    clock.sleep(6.5)
    assert gate.admit(CREATE_EVENT, 5.0) == throttled(0.5)
    clock.sleep(0.5)
    assert gate.admit(CREATE_EVENT, 5.0) == Go()


def test_a_shorter_pause_does_not_end_a_longer_one(gate: Gate) -> None:
    assert gate.admit(CREATE_EVENT, 5.0) == Go()
    assert gate.admit(CREATE_EVENT, 5.0) == Go()
    gate.answered(CREATE_EVENT, answer(429, Retry_After="30"))
    gate.answered(CREATE_EVENT, answer(429, Retry_After="2"))
    assert gate.admit(CREATE_EVENT, 5.0) == throttled(30.0)


@pytest.mark.parametrize("reply", [answer(503), answer(500), answer(408), CUT])
def test_three_failures_in_a_row_open_the_circuit(gate: Gate, reply: Answer | Retryable) -> None:
    for _ in range(3):
        exchange(gate, CREATE_EVENT, reply)
    assert gate.admit(UPSERT_PROFILE, 5.0) == circuit_open(1.0)


def test_an_open_circuit_comes_before_a_spent_allowance(gate: Gate) -> None:
    exchange(gate, TWO, answer(202, RateLimit_Remaining="0"))
    exchange(gate, CREATE_EVENT, TIMEOUT)
    assert gate.admit(TWO, 5.0) == circuit_open(1.0)


# The allowance


def test_before_the_first_answer_a_seconds_worth_is_under_way(gate: Gate) -> None:
    assert [gate.admit(TWO, 5.0) for _ in range(3)] == [Go(), Go(), Wait(LOOK_AGAIN_SECONDS)]
    assert [gate.admit(BULK_CREATE_EVENTS, 5.0) for _ in range(10)] == [Go()] * 10


def test_without_ratelimit_headers_nothing_is_held_back(gate: Gate) -> None:
    for _ in range(100):
        exchange(gate, TWO, OK)
    assert gate.admit(TWO, 5.0) == Go()


def test_no_more_go_than_klaviyo_has_room_for_until_the_window_ends(
    gate: Gate, clock: Clock
) -> None:
    exchange(gate, CREATE_EVENT, answer(202, RateLimit_Remaining="2", RateLimit_Reset="0"))
    clock.sleep(0.25)
    admissions = [gate.admit(CREATE_EVENT, 5.0) for _ in range(3)]
    assert admissions == [Go(), Go(), Wait(0.75)]
    assert gate.admit(UPSERT_PROFILE, 5.0) == Go()
    clock.sleep(0.75)
    assert gate.admit(CREATE_EVENT, 5.0) == Go()


def test_of_answers_in_one_window_the_least_counts(gate: Gate) -> None:
    for _ in range(2):
        assert gate.admit(CREATE_EVENT, 5.0) == Go()
    gate.answered(CREATE_EVENT, answer(202, RateLimit_Remaining="0"))
    gate.answered(CREATE_EVENT, answer(202, RateLimit_Remaining="1"))
    assert gate.admit(CREATE_EVENT, 5.0) == Wait(1.0)


def test_a_longer_window_that_is_spent_is_waited_for(gate: Gate, clock: Clock) -> None:
    exchange(gate, CREATE_EVENT, answer(202, RateLimit_Remaining="0", RateLimit_Reset="40"))
    assert gate.admit(CREATE_EVENT, 5.0) == Wait(40.0)
    clock.sleep(40.0)
    assert gate.admit(CREATE_EVENT, 5.0) == Go()


STATED = answer(202, RateLimit_Limit="2, 2;w=1, 5;w=60")


@pytest.mark.parametrize(
    ("share", "in_a_second", "in_a_minute"), [(1.0, 2, 5), (0.5, 1, 2), (0.01, 1, 1)]
)
def test_of_each_window_that_klaviyo_states_a_process_uses_its_share(
    clock: Clock, share: float, in_a_second: int, in_a_minute: int
) -> None:
    gate = Gate(clock, share)
    went = []
    for _ in range(70):
        went.append(0)
        while gate.admit(TWO, 5.0) == Go():
            gate.answered(TWO, STATED)
            went[-1] += 1
        clock.sleep(1.0)
    assert went[0] == in_a_second
    assert sum(went[:60]) == in_a_minute
    assert went[60] == in_a_second


def test_a_request_counts_until_so_long_after_its_answer(gate: Gate, clock: Clock) -> None:
    """Klaviyo counts it when it arrives, which is no later."""
    assert gate.admit(TWO, 5.0) == Go()
    clock.sleep(0.25)
    gate.answered(TWO, answer(202, RateLimit_Limit="1, 1;w=1, 1;w=60"))
    assert gate.admit(TWO, 5.0) == Wait(60.0)
    clock.sleep(60.0)
    assert gate.admit(TWO, 5.0) == Go()
    assert gate.admit(TWO, 5.0) == Wait(LOOK_AGAIN_SECONDS)


def test_before_the_first_answer_a_share_of_a_second_is_under_way(clock: Clock) -> None:
    gate = Gate(clock, 0.5)
    assert [gate.admit(TWO, 5.0) for _ in range(2)] == [Go(), Wait(LOOK_AGAIN_SECONDS)]


# Requests that nobody waits for any more


@pytest.mark.parametrize(
    ("seconds", "probe", "admission"),
    [
        pytest.param(3.5, False, circuit_open(1.0), id="it had its time"),
        pytest.param(0.2, False, Go(), id="it had just begun"),
    ],
)
def test_a_request_that_was_given_up_counts_as_a_timeout_if_it_had_time(
    gate: Gate, seconds: float, probe: bool, admission: Go | Retryable
) -> None:
    assert gate.admit(CREATE_EVENT, 5.0) == Go()
    gate.abandoned(CREATE_EVENT, seconds)
    assert gate.admit(CREATE_EVENT, 5.0) == admission


def test_a_probe_that_was_given_up_has_failed_however_short(gate: Gate, clock: Clock) -> None:
    exchange(gate, CREATE_EVENT, TIMEOUT)
    clock.sleep(1.0)
    assert gate.admit(CREATE_EVENT, 0.5) == Go(probe=True)
    gate.abandoned(CREATE_EVENT, 0.5, probe=True)
    assert gate.admit(CREATE_EVENT, 0.5) == circuit_open(2.0)


@pytest.mark.parametrize(
    ("reply", "seconds", "admission"),
    [
        pytest.param(OK, 2.0, Go(), id="Klaviyo is back"),
        pytest.param(answer(429), 2.0, Go(), id="back, and busy"),
        pytest.param(OK, 8.0, circuit_open(1.0), id="too late to be of use"),
        pytest.param(answer(503), 2.0, circuit_open(1.0), id="still down"),
        pytest.param(TIMEOUT, 2.0, circuit_open(1.0), id="silence, which was counted"),
    ],
)
def test_a_late_answer_closes_the_circuit_if_it_was_not_too_late(
    gate: Gate, reply: Answer | Retryable, seconds: float, admission: Go | Retryable
) -> None:
    assert gate.admit(CREATE_EVENT, 5.0) == Go()
    gate.abandoned(CREATE_EVENT, 1.5)
    gate.answered_late(CREATE_EVENT, reply, seconds)
    assert gate.admit(CREATE_EVENT, 5.0) == admission


def test_what_was_given_up_takes_no_room(gate: Gate) -> None:
    assert [gate.admit(TWO, 5.0) for _ in range(2)] == [Go(), Go()]
    gate.abandoned(TWO, 0.1)
    assert gate.admit(TWO, 5.0) == Go()


class Others:
    """A barometer that says that so many processes send."""

    def __init__(self, senders: int) -> None:
        self._senders = senders

    def exchange(self, news: Outlook) -> Outlook:
        return replace(news, open_until=news.open_until or 0.0, senders=self._senders)


@pytest.mark.parametrize(("senders", "expected"), [(1, 8), (2, 4), (3, 2), (50, 1)])
def test_of_several_that_send_each_takes_its_share_of_what_is_left(
    gate: Gate, senders: int, expected: int
) -> None:
    gate.barometer = Others(senders)
    gate.exchange()
    exchange(gate, CREATE_EVENT, answer(202, RateLimit_Remaining="8"))
    sent = 0
    while isinstance(gate.admit(CREATE_EVENT, 5.0), Go):
        sent += 1
    assert sent == expected
