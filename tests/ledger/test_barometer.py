"""What one function learns of Klaviyo, the others know: on moto's server and the stand-in."""

from collections.abc import Iterator

import pytest

from handler.books.barometer import TableBarometer
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.sending.shared import Outlook
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.table import Table
from ledger.values import marshalled
from local.klaviyo_stand_in import Account, Weather, serve
from operations import CreateEvent, Identity
from tests.ledger.two_functions import KEY, said


@pytest.fixture
def account() -> Account:
    return Account(keys={KEY})


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with serve(account) as address:
        yield address


def barometer_of(table: Table, me: str) -> TableBarometer:
    return TableBarometer(table, Allowance(30.0), me, seconds=30.0)


def client(url: str, table: Table, me: str) -> Klaviyo:
    klaviyo = Klaviyo(url, probe_seconds=0.5)
    klaviyo.share(barometer_of(table, me))
    return klaviyo


def events(number: int) -> list[CreateEvent]:
    person = Identity(email="ada@acme-store.example")
    return [CreateEvent(f"m-{n}", person, "Viewed", f"m-{n}") for n in range(number)]


def test_a_fresh_function_does_not_find_out_for_itself_that_klaviyo_is_down(
    account: Account, url: str, table: Table
) -> None:
    account.set_weather(Weather(down=True))
    one = client(url, table, "one")
    for _ in range(3):
        one.deliver(events(1), KEY, 5.0)
    asked = account.counts.total()
    delivery = client(url, table, "other").deliver(events(1), KEY, 5.0)
    assert said(delivery) == ["circuit_open"]
    assert account.counts.total() == asked


def test_when_one_function_finds_klaviyo_well_the_others_send(
    account: Account, url: str, table: Table
) -> None:
    barometer = barometer_of(table, "before")
    barometer.exchange(Outlook(open_until=table.now() + 25, open_seconds=30.0))
    other = client(url, table, "other")
    assert said(other.deliver(events(1), KEY, 5.0)) == ["circuit_open"]
    barometer.exchange(Outlook(open_until=0.0))
    fresh = client(url, table, "fresh")
    assert said(fresh.deliver(events(1), KEY, 5.0)) == ["delivered"]


def test_after_an_outage_a_fresh_function_begins_with_a_probe(
    account: Account, url: str, table: Table
) -> None:
    barometer = barometer_of(table, "before")
    barometer.exchange(Outlook(open_until=table.now() - 1, open_seconds=4.0))
    account.set_weather(Weather(down=True))
    asked = account.counts.total()
    delivery = client(url, table, "fresh").deliver(events(200), KEY, 5.0)
    assert account.counts.total() == asked + 1
    assert set(said(delivery)) == {"circuit_open", "unavailable"}


def test_a_pause_that_klaviyo_names_is_kept_by_all(
    account: Account, url: str, table: Table
) -> None:
    barometer = barometer_of(table, "before")
    barometer.exchange(Outlook(pauses={"create_event": table.now() + 20}))
    assert said(client(url, table, "fresh").deliver(events(1), KEY, 5.0)) == ["throttled"]


def test_each_counts_those_that_send(table: Table) -> None:
    each = [barometer_of(table, str(number)) for number in range(3)]
    assert [heard.senders for one in each if (heard := one.exchange(Outlook()))] == [1, 2, 3]


def test_a_circuit_that_is_open_for_longer_than_any_stops_nobody(
    account: Account, url: str, table: Table
) -> None:
    barometer = barometer_of(table, "before")
    barometer.exchange(Outlook(open_until=table.now() + 3600, open_seconds=30.0))
    assert said(client(url, table, "fresh").deliver(events(1), KEY, 5.0)) == ["delivered"]


def test_a_pause_that_is_longer_than_any_stops_nobody(
    account: Account, url: str, table: Table
) -> None:
    barometer = barometer_of(table, "before")
    barometer.exchange(Outlook(pauses={"create_event": table.now() + 86_400}))
    assert said(client(url, table, "fresh").deliver(events(1), KEY, 5.0)) == ["delivered"]


@pytest.mark.parametrize("nonsense", [{"p#create_event": "soon"}, {"open_until": True, "m#x": [1]}])
def test_an_item_that_makes_no_sense_stops_nobody(
    account: Account, url: str, table: Table, nonsense: dict[str, object]
) -> None:
    pk, sk = item_keys.KLAVIYO
    table.write([marshalled({"pk": pk, "sk": sk, **nonsense})], Allowance(30.0))
    assert said(client(url, table, "fresh").deliver(events(1), KEY, 5.0)) == ["delivered"]


def test_without_an_answer_nothing_is_known_and_nothing_raised(table: Table) -> None:
    assert TableBarometer(table, Allowance(0.0), "one").exchange(Outlook()) is None
