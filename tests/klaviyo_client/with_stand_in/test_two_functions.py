"""Two functions that know nothing of each other say things about one person: client and stand-in.

What one of them does happens after a given request of the other one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.one_delivery import FRESH_SECONDS
from klaviyo_client.results import Result
from klaviyo_client.sending.sender import WORKERS
from klaviyo_client.sending.transport import HttpTransport
from local.klaviyo_stand_in import Account, Policy, Weather, serve
from operations import CreateEvent, Identity, Operation, Subscribe, Unsubscribe, UpsertProfile
from tests.klaviyo_client.fakes import Clock, deliver

ADDRESS = "ann@shop.example"
MARKETING = "email.marketing"
OPTED_OUT, NOT_ON_LIST = DeliveryWarning.OPTED_OUT, DeliveryWarning.NOT_ON_LIST
HOUR = timedelta(hours=1)


class Meanwhile:
    """A way to Klaviyo on which something else happens, once, after a request to this path."""

    def __init__(self, url: str, path: str, happens: Callable[[], object]) -> None:
        self._way = HttpTransport(url, WORKERS)
        self._path = path
        self._happens: list[Callable[[], object]] = [happens]

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Answer | Retryable:
        answer = self._way.send(method, path, body, private_key, seconds, repeatable=repeatable)
        if path.startswith(self._path) and self._happens:
            self._happens.pop()()
        return answer


def event(email: str = ADDRESS) -> CreateEvent:
    """Whose request comes before those about consents."""
    return CreateEvent("e", Identity(email), "Viewed", "u")


def consents(said: datetime, list_id: str | None = "L1") -> Subscribe:
    return Subscribe("yes", ADDRESS, list_id, time=said.isoformat(), is_consent=True)


def withdraws(said: datetime, list_id: str | None = None) -> Unsubscribe:
    return Unsubscribe("no", ADDRESS, list_id, time=said.isoformat())


def only(klaviyo: Klaviyo, *operations: Operation) -> Result:
    """What became of the last one."""
    return deliver(klaviyo, *operations).results[-1]


def state(account: Account) -> str | None:
    profile = account.profiles.by_email(ADDRESS)
    return None if profile is None else profile.consents.get(MARKETING)


def is_on_list(account: Account) -> bool:
    profile = account.profiles.by_email(ADDRESS)
    return profile is not None and profile.id in account.lists["L1"].members


# A withdrawal, and an older consent that comes after it


@pytest.mark.parametrize("list_id", [None, "L1"])
def test_a_withdrawal_of_somebody_unknown_stops_an_older_consent(
    url: str, account: Account, list_id: str | None
) -> None:
    """Klaviyo keeps no withdrawal of a person whom it does not know, so it gets to know them."""
    said = account.now
    deliver(Klaviyo(url), withdraws(said))
    assert state(account) == "UNSUBSCRIBED"
    result = only(Klaviyo(url), consents(said - HOUR, list_id))
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert state(account) == "UNSUBSCRIBED"


def test_a_withdrawal_waits_for_the_profile_that_keeps_it(url: str, account: Account) -> None:
    account.set_weather(Weather(endpoints=frozenset({"create_or_update_profile"}), down=True))
    result = only(Klaviyo(url), withdraws(account.now))
    assert isinstance(result.outcome, Retryable)
    account.set_weather()
    assert only(Klaviyo(url), result.operation).outcome == Delivered()
    assert state(account) == "UNSUBSCRIBED"


def test_an_own_withdrawal_does_not_hide_a_later_one_of_another_function(
    url: str, account: Account
) -> None:
    """Klaviyo shows one date, that of the last arrival; whose it is, nobody can tell."""
    now = account.now
    first, second = Klaviyo(url), Klaviyo(url)
    deliver(second, consents(now - 3 * HOUR))
    deliver(second, withdraws(now))
    deliver(first, withdraws(now - 2 * HOUR))
    result = only(first, consents(now - HOUR))
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert state(account) == "UNSUBSCRIBED"


@pytest.mark.parametrize("list_id", [None, "L1"])
def test_a_withdrawal_that_klaviyo_does_not_show_yet_stops_an_older_consent_of_its_function(
    list_id: str | None,
) -> None:
    clock = Clock()
    account = Account(clock=clock, policy=Policy(consent_seconds=600.0))
    account.add_list("L1", "Newsletter", "single_opt_in")
    with serve(account) as url:
        said = account.now
        deliver(Klaviyo(url), consents(said - 2 * HOUR))
        clock.sleep(600.0)
        klaviyo = Klaviyo(url, clock=clock, sleep=clock.sleep)
        deliver(klaviyo, withdraws(said, list_id))
        result = only(klaviyo, consents(said - HOUR))
        clock.sleep(1200.0)
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert account.reversals == []


# Both at once


def test_a_withdrawal_that_arrives_while_events_are_sent_stops_an_older_consent(
    url: str, account: Account
) -> None:
    """Whether somebody has opted out is looked up directly before the consent is sent."""
    said = account.now
    deliver(Klaviyo(url), consents(said - 2 * HOUR))

    def withdrawn() -> None:
        deliver(Klaviyo(url), withdraws(said))

    klaviyo = Klaviyo(url, transport=Meanwhile(url, "/api/events", withdrawn))
    result = only(klaviyo, event("bob@shop.example"), consents(said - HOUR))
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert account.reversals == []


def test_who_leaves_a_list_while_events_are_sent_is_not_unsubscribed_from_everything(
    url: str, account: Account
) -> None:
    said = account.now
    deliver(Klaviyo(url), consents(said - HOUR))

    def left() -> None:
        deliver(Klaviyo(url), withdraws(said, "L1"))

    klaviyo = Klaviyo(url, transport=Meanwhile(url, "/api/events", left))
    result = only(klaviyo, event("bob@shop.example"), withdraws(said, "L1"))
    assert (result.outcome, result.warnings) == (Delivered(), (NOT_ON_LIST,))
    assert (state(account), is_on_list(account)) == ("SUBSCRIBED", False)
    assert account.withdrawn_everywhere == []


def test_what_an_upsert_tells_of_consents_is_asked_again_when_the_upserts_took_long(
    url: str, account: Account
) -> None:
    clock = Clock()

    def withdrawn() -> None:
        deliver(Klaviyo(url), withdraws(account.now))
        clock.sleep(FRESH_SECONDS + 0.1)

    way = Meanwhile(url, "/api/profile-import", withdrawn)
    klaviyo = Klaviyo(url, transport=way, clock=clock, sleep=clock.sleep)
    profile, step = UpsertProfile("i", Identity(ADDRESS)), Subscribe("i", ADDRESS, "L1")
    [_, result] = deliver(klaviyo, profile, step).results
    assert (result.outcome, result.warnings) == (Delivered(), (OPTED_OUT,))
    assert account.reversals == []


def test_what_has_to_wait_for_its_turn_is_looked_up_again(url: str, account: Account) -> None:
    """A pause of Klaviyo's longer than an answer about consents is good for."""
    said = account.now
    throttled = Weather(endpoints=frozenset({"bulk_subscribe_profiles"}), throttle=5, times=1)
    account.set_weather(throttled)
    result = only(Klaviyo(url, patience=10.0), consents(said))
    assert isinstance(result.outcome, Retryable)
    assert state(account) is None
