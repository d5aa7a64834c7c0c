"""A call leaves nothing behind: neither for the collector, nor for ever."""

import gc
from collections.abc import Callable, Iterator

import pytest

from handler.aws.garbage import BYTES_BETWEEN_LOOKS, BYTES_OF_A_CALL, Collector
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Weather, serve
from operations import Operation
from tests.klaviyo_client.fakes import answer, deliver, event, klaviyo_accepts, scripted, upsert


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def garbage(call: Callable[[], object]) -> int:
    """How many objects of one call only the collector can find."""
    call()
    gc.collect()
    call()
    return gc.collect()


OPERATIONS: list[Operation] = [
    *(event(number) for number in range(3)),
    *(upsert(number) for number in range(3)),
]


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize(
    "reply", [None, answer(503), answer(400), Retryable(RetryReason.CONNECTION_FAILED)]
)
def test_a_delivery_is_freed_without_the_collector(reply: object) -> None:
    klaviyo, _ = scripted(klaviyo_accepts if reply is None else lambda _: reply)  # type: ignore[arg-type, return-value]
    assert garbage(lambda: deliver(klaviyo, *OPERATIONS)) == 0


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("weather", [Weather(), Weather(down=True), Weather(hang=5.0)])
def test_a_request_is_freed_without_the_collector(weather: Weather) -> None:
    account = Account()
    account.set_weather(weather)
    with serve(account) as url:
        klaviyo = Klaviyo(url)
        send = klaviyo._sender.transport.send
        assert garbage(lambda: send("POST", "/api/events", b"{}", "pk_test", 0.2)) == 0


@pytest.mark.usefixtures("_without_collector")
def test_a_request_to_nobody_is_freed_without_the_collector() -> None:
    """urllib3's errors hold the frames that they have passed through, which hold the errors."""
    send = Klaviyo("http://127.0.0.1:9")._sender.transport.send
    assert garbage(lambda: send("POST", "/api/events", b"{}", "pk_test", 0.2)) == 0


def test_the_collector_looks_once_enough_has_come_in() -> None:
    collector = Collector()
    calls = [collector.call_ended(4_000_000) for _ in range(16)]
    assert [number for number, looked in enumerate(calls, 1) if looked] == [8, 16]
    small = [Collector().call_ended(0), *map(collector.call_ended, [0] * 1_700)]
    assert small.index(True) == BYTES_BETWEEN_LOOKS // BYTES_OF_A_CALL
