"""How requests are sent: side by side, in time, and each answered once."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.endpoints import CREATE_EVENT, SUBSCRIBE_PROFILES, UPSERT_PROFILE, Endpoint
from klaviyo_client.api.outcomes import UNTRIED, Retryable, RetryReason
from klaviyo_client.planning.requests import Item, Request
from klaviyo_client.sending.sender import CONNECTIONS, LONGEST_SECONDS, Limits, Reply, Sender
from tests.klaviyo_client.fakes import Clock, RunningClock, answer, endpoint

pytestmark = pytest.mark.alone

ACCEPTED = answer(202)
THROTTLED = answer(429, Retry_After="2")
TIMEOUT = Retryable(RetryReason.TIMEOUT)
DOWN = answer(503)

Script = Callable[[str], Reply]
"""Answers by body."""


class Line:
    """A sender, a script in Klaviyo's place, and what was answered how."""

    def __init__(
        self, script: Script, clock: Clock | RunningClock | None = None, **settings: float
    ) -> None:
        self.script = script
        self.clock = clock or RunningClock()
        self.sent: list[str] = []
        self.times: list[float] = []
        self.answered: dict[str, Reply] = {}
        self.lock = threading.Lock()
        self.sender = Sender(
            self,
            patience=settings.get("patience", 0.0),
            probe_seconds=settings.get("probe_seconds", 10.0),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def send_requests(
        self, *requests: Request, seconds: float = 60.0, start_within: float | None = None
    ) -> int:
        now = self.clock()
        limits = Limits(now + (seconds if start_within is None else start_within), now + seconds)
        return self.sender.send(requests, "pk_test", limits, self.on_reply)

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Reply:
        with self.lock:
            self.sent.append(body.decode())
            self.times.append(seconds)
        return self.script(body.decode())

    def on_reply(self, request: Request, reply: Reply) -> Sequence[Request]:
        name = request.items[0].body.decode()
        assert name not in self.answered
        self.answered[name] = reply
        return ()


def untried_for(seconds: float) -> Retryable:
    return Retryable(RetryReason.THROTTLED, seconds, tried=False)


def request(name: str, endpoint: Endpoint = CREATE_EVENT) -> Request:
    return Request(endpoint, (Item(name.encode(), (0,)),))


def requests(number: int, endpoint: Endpoint = CREATE_EVENT) -> list[Request]:
    return [request(f"{n}", endpoint) for n in range(number)]


def test_every_request_is_sent_in_order_and_answered() -> None:
    line = Line(lambda name: ACCEPTED, Clock())
    assert line.send_requests(*requests(100)) == 100
    assert sorted(line.sent, key=int) == [f"{n}" for n in range(100)]
    assert line.answered == {f"{n}": ACCEPTED for n in range(100)}


def test_requests_that_a_reply_leads_to_are_sent_as_well() -> None:
    line = Line(lambda name: ACCEPTED, Clock())

    def on_reply(answered: Request, reply: Reply) -> list[Request]:
        name = answered.items[0].body.decode()
        line.answered[name] = reply
        return [request(name + "'", UPSERT_PROFILE)] if len(name) < 4 else []

    limits = Limits(line.clock() + 60, line.clock() + 60)
    assert line.sender.send([request("a")], "pk_test", limits, on_reply) == 4
    assert line.sent == ["a", "a'", "a''", "a'''"]


def test_at_most_twenty_four_are_under_way_at_once() -> None:
    under_way, most = set(), 0
    lock = threading.Lock()

    def script(name: str) -> Reply:
        nonlocal most
        with lock:
            under_way.add(name)
            most = max(most, len(under_way))
        time.sleep(0.05)
        with lock:
            under_way.remove(name)
        return ACCEPTED

    line = Line(script)
    line.send_requests(*requests(50))
    assert most == CONNECTIONS == 24


# Time


@contextmanager
def silence() -> Iterator[threading.Event]:
    """Released at the end, so that no thread outlives its test."""
    released = threading.Event()
    try:
        yield released
    finally:
        released.set()


def test_without_time_nothing_is_sent() -> None:
    line = Line(lambda name: ACCEPTED, Clock())
    assert line.send_requests(*requests(3), seconds=0.0) == 0
    assert line.answered == {"0": UNTRIED, "1": UNTRIED, "2": UNTRIED}


def test_at_the_deadline_the_unanswered_are_given_up_and_the_others_were_never_sent() -> None:
    with silence() as released:

        def script(name: str) -> Reply:
            released.wait(5)
            return ACCEPTED

        line = Line(script)
        began = time.monotonic()
        line.send_requests(*requests(28), seconds=0.5)
        assert 0.5 <= time.monotonic() - began < 1.0
        assert list(line.answered.values()).count(TIMEOUT) == 24
        assert list(line.answered.values()).count(UNTRIED) == 4


def test_after_the_time_to_start_the_ones_under_way_are_still_waited_for() -> None:
    def script(name: str) -> Reply:
        time.sleep(0.5)
        return ACCEPTED

    line = Line(script)
    line.send_requests(*requests(28), seconds=5.0, start_within=0.4)
    assert list(line.answered.values()).count(ACCEPTED) == 24
    assert list(line.answered.values()).count(UNTRIED) == 4


def test_a_request_that_hangs_does_not_hold_up_the_others() -> None:
    with silence() as released:

        def script(name: str) -> Reply:
            if name == "0":
                released.wait(5)
            return ACCEPTED

        line = Line(script)
        line.send_requests(*requests(50), seconds=0.3)
        assert line.answered == {f"{n}": ACCEPTED for n in range(50)} | {"0": TIMEOUT}


# 429


def test_a_429_stops_its_endpoint_and_no_other() -> None:
    line = Line(lambda name: THROTTLED if name == "0" else ACCEPTED, Clock())
    line.send_requests(request("0"))
    sent = line.send_requests(request("1"), request("2"), request("u", UPSERT_PROFILE))
    untried = Retryable(RetryReason.THROTTLED, 2.0, tried=False)
    assert sent == 1
    assert line.answered == {"0": THROTTLED, "1": untried, "2": untried, "u": ACCEPTED}


def test_a_pause_within_the_patience_is_waited_out_in_place() -> None:
    clock = Clock()
    answers = iter([THROTTLED, THROTTLED, ACCEPTED, ACCEPTED])
    line = Line(lambda name: next(answers), clock, patience=2.0)
    began = clock.now
    assert line.send_requests(request("0")) == 3
    assert line.answered == {"0": ACCEPTED}
    assert clock.now - began == 4.0


@pytest.mark.parametrize(
    ("patience", "seconds"), [(1.9, 60.0), (5.0, 1.9)], ids=["too long", "no time"]
)
def test_a_pause_that_is_too_long_is_not_waited_for(patience: float, seconds: float) -> None:
    clock = Clock()
    line = Line(lambda name: THROTTLED, clock, patience=patience)
    began = clock.now
    assert line.send_requests(request("0"), seconds=seconds) == 1
    assert line.answered == {"0": THROTTLED}
    assert clock.now == began


def test_a_batch_spreads_itself_over_the_seconds_as_klaviyo_has_room() -> None:
    clock = Clock()
    window: dict[int, int] = {}

    def script(name: str) -> Reply:
        """Ten requests a second, and never a 429."""
        second = int(clock.now)
        window[second] = window.get(second, 0) + 1
        return answer(202, RateLimit_Remaining=str(10 - window[second]), RateLimit_Reset="0")

    line = Line(script, clock)
    ten_a_second = endpoint("ten", 10, 600)
    assert line.send_requests(*requests(35, ten_a_second)) == 35
    assert max(window.values()) <= 10
    assert sum(window.values()) == 35
    assert clock.now - 1000.0 <= 6.0


def test_what_has_no_room_before_the_deadline_stays_untried() -> None:
    clock = Clock()
    line = Line(lambda name: answer(202, RateLimit_Remaining="0"), clock)
    one_a_second = endpoint("one", 1, 60)
    assert line.send_requests(*requests(5, one_a_second), seconds=2.5) == 3
    assert list(line.answered.values()).count(UNTRIED) == 2


FULL = answer(202, RateLimit_Limit="1, 1;w=1, 1;w=60")


@pytest.mark.parametrize(
    ("patience", "passed", "outcome", "waited"),
    [
        pytest.param(0.0, 0.0, untried_for(60.0), 0.0, id="none: after the whole wait"),
        pytest.param(5.0, 0.0, untried_for(55.0), 0.0, id="some: so much earlier"),
        pytest.param(5.0, 54.5, untried_for(0.5), 0.0, id="just too early"),
        pytest.param(5.0, 55.0, FULL, 5.0, id="back when it was told: the rest in place"),
        pytest.param(0.0, 58.0, FULL, 2.0, id="none, and two seconds are left"),
    ],
)
def test_what_finds_a_full_window_comes_back_as_early_as_it_can_be_waited_out(
    patience: float, passed: float, outcome: Reply, waited: float
) -> None:
    clock = Clock()
    line = Line(lambda name: FULL, clock, patience=patience)
    line.send_requests(request("fills it"))
    clock.sleep(passed)
    before = clock.now
    line.send_requests(request("0"))
    assert (line.answered["0"], clock.now - before) == (outcome, waited)


@pytest.mark.parametrize(
    ("passed", "outcome", "waited"),
    [
        pytest.param(0.0, untried_for(55.0), 0.0, id="longer than the patience"),
        pytest.param(55.0, untried_for(5.0), 0.0, id="back when it was told: the whole rest"),
        pytest.param(57.5, untried_for(2.5), 0.0, id="a little too early"),
        pytest.param(58.5, FULL, 1.5, id="in time"),
    ],
)
def test_what_has_to_start_before_there_is_room_comes_back_when_there_is(
    passed: float, outcome: Reply, waited: float
) -> None:
    clock = Clock()
    line = Line(lambda name: FULL, clock, patience=5.0)
    line.send_requests(request("fills it"))
    clock.sleep(passed)
    before = clock.now
    line.send_requests(request("0"), start_within=2.0)
    assert (line.answered["0"], clock.now - before) == (outcome, waited)


# The circuit


def test_three_failures_stop_everything_that_has_not_been_sent() -> None:
    line = Line(lambda name: DOWN, Clock())
    sent = line.send_requests(*requests(40), request("u", UPSERT_PROFILE))
    outcomes = list(line.answered.values())
    assert sent <= CONNECTIONS + 2
    assert outcomes.count(DOWN) == sent
    assert outcomes.count(Retryable(RetryReason.CIRCUIT_OPEN, 1.0, tried=False)) == 41 - sent


def opened(script: Script, clock: Clock | RunningClock | None = None, **settings: float) -> Line:
    """A line whose circuit has been opened by a timeout."""
    line = Line(lambda name: TIMEOUT, clock, **settings)
    line.send_requests(request("opens"))
    line.answered.clear()
    line.sent.clear()
    line.script = script
    return line


def test_an_open_circuit_answers_at_once() -> None:
    line = opened(lambda name: ACCEPTED)
    began = time.monotonic()
    assert line.send_requests(*requests(1000)) == 0
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("seconds", "its_time"), [(3.0, 3.0), (60.0, LONGEST_SECONDS)], ids=["what is left", "at most"]
)
def test_a_request_that_is_alone_has_the_time_of_the_call(seconds: float, its_time: float) -> None:
    line = Line(lambda name: ACCEPTED, Clock())
    line.send_requests(request("alone"), seconds=seconds)
    assert line.times == [its_time]


@pytest.mark.parametrize(
    ("seconds", "then"),
    [(1.0, Retryable(RetryReason.CIRCUIT_OPEN, 1.0, tried=False)), (0.5, ACCEPTED)],
    ids=["opens the circuit", "unless it began too late"],
)
def test_a_request_that_is_alone_and_unanswered_at_the_end(seconds: float, then: Reply) -> None:
    clock = Clock()

    def script(name: str) -> Reply:
        if name == "next":
            return ACCEPTED
        clock.sleep(seconds)
        return TIMEOUT

    line = Line(script, clock)
    line.send_requests(request("alone"), seconds=seconds)
    line.send_requests(request("next"))
    assert line.answered == {"alone": TIMEOUT, "next": then}


def test_a_probe_that_is_answered_lets_the_others_go() -> None:
    clock = Clock()
    line = opened(lambda name: ACCEPTED, clock)
    clock.sleep(1.0)
    assert line.send_requests(*requests(5)) == 5
    assert line.sent[0] == "0"
    assert line.answered == {f"{n}": ACCEPTED for n in range(5)}


@pytest.mark.parametrize(
    ("reply", "sent"), [(ACCEPTED, [1, 999]), (DOWN, [1])], ids=["answered", "failed"]
)
def test_of_a_bulk_request_one_item_goes_ahead_as_the_probe(reply: Reply, sent: list[int]) -> None:
    clock = Clock()
    line = opened(lambda name: reply, clock)
    clock.sleep(1.0)
    items = tuple(Item(b"%d" % n, (n,)) for n in range(1000))
    line.send_requests(Request(SUBSCRIBE_PROFILES, items))
    jobs = [json.loads(body)["data"]["attributes"] for body in line.sent]
    assert [len(job["profiles"]["data"]) for job in jobs] == sent
    assert len(line.answered) == 2


def test_a_probe_that_fails_turns_the_others_away() -> None:
    clock = Clock()
    line = opened(lambda name: DOWN, clock)
    clock.sleep(1.0)
    assert line.send_requests(*requests(5)) == 1
    assert line.answered["0"] == DOWN
    still_open = Retryable(RetryReason.CIRCUIT_OPEN, 2.0, tried=False)
    assert [line.answered[f"{n}"] for n in range(1, 5)] == [still_open] * 4


def test_a_probe_that_hangs_costs_no_more_than_its_seconds() -> None:
    with silence() as released:
        clock = RunningClock()
        line = opened(lambda name: ACCEPTED if released.wait(5) else DOWN, clock, probe_seconds=0.1)
        clock.skip(1.0)
        began = time.monotonic()
        assert line.send_requests(*requests(5), seconds=3.0) == 1
        assert 0.1 <= time.monotonic() - began < 1.0
        assert line.answered["0"] == TIMEOUT


def test_who_has_patience_waits_for_the_probe() -> None:
    clock = Clock()
    line = opened(lambda name: ACCEPTED, clock, patience=5.0)
    assert line.send_requests(*requests(5)) == 5
    assert clock.now == 1001.0


def test_a_late_answer_closes_the_circuit() -> None:
    with silence() as released:

        def script(name: str) -> Reply:
            if name == "0":
                released.wait(5)
            return ACCEPTED

        clock = RunningClock()
        line = opened(script, clock, probe_seconds=0.05)
        clock.skip(1.0)
        line.send_requests(request("0"))
        assert line.answered["0"] == TIMEOUT
        assert line.send_requests(request("1")) == 0
        released.set()
        _eventually(lambda: line.send_requests(request(f"{time.monotonic()}")) == 1)


def test_abandoned_requests_leave_room_for_others() -> None:
    with silence() as released:

        def script(name: str) -> Reply:
            if name != "next":
                released.wait(5)
            return ACCEPTED

        clock = RunningClock()
        line = Line(script, clock)
        line.send_requests(*requests(16), seconds=0.1)
        clock.skip(1.0)
        assert line.send_requests(request("next"), seconds=1.0) == 1
        assert line.answered["next"] == ACCEPTED


def test_a_batch_that_runs_out_of_time_does_not_open_the_circuit() -> None:
    def script(name: str) -> Reply:
        time.sleep(0.03)
        return ACCEPTED

    line = Line(script)
    line.send_requests(*requests(100), seconds=0.1)
    assert TIMEOUT in line.answered.values()
    assert line.send_requests(request("next")) == 1


def test_what_klaviyo_answers_in_between_keeps_the_circuit_closed() -> None:
    """Every third request fails: an answer between failures shows that Klaviyo is there."""
    count = iter(range(10_000))
    line = Line(lambda name: DOWN if next(count) % 3 == 0 else ACCEPTED, Clock())
    for n in range(30):
        line.send_requests(request(f"{n}"))
    assert [reply for reply in line.answered.values() if not isinstance(reply, Answer)] == []


def _eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 2
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)
