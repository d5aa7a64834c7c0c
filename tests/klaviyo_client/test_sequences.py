"""A batch ends as its operations would, one after the other; no consent is wider than so."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_client.api.answers import Answer, read
from klaviyo_client.api.outcomes import Delivered, Retryable
from klaviyo_client.api.revision import REVISION
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Policy, Request
from operations import (
    AddToList,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from tests.klaviyo_client.fakes import Clock, Headers
from tests.suite.effort import examples

EMAILS = ("ann@shop.example", "bob@shop.example")
NUMBERS = {EMAILS[0]: "+14155552671", EMAILS[1]: "+14155552672"}


class Direct:
    """A transport to the stand-in without HTTP."""

    def __init__(self, account: Account) -> None:
        self._account = account

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
        headers = {
            "Authorization": f"Klaviyo-API-Key {private_key}",
            "revision": REVISION,
            "Content-Type": "application/vnd.api+json",
        }
        response = self._account.exchange(Request.of(method, path, headers, body)).response
        assert response is not None
        assert response.status not in (400, 405, 415), response.body
        return read(response.status, Headers(response.headers), response.body)


def ends_as(batches: Sequence[Sequence[Operation]]) -> set[tuple[str, str, str]]:
    """Who is on which list, and has which consents and properties, once all batches are done.

    What must wait comes again with the next batch's operations behind it, as from a queue.
    """
    account = Account(policy=Policy(default_opt_in="single_opt_in"))
    for list_id in ("L1", "L2"):
        account.add_list(list_id, f"list {list_id}", "single_opt_in")
    clock = Clock()
    klaviyo = Klaviyo(
        "http://klaviyo.test", transport=Direct(account), clock=clock, sleep=clock.sleep
    )
    waiting: list[Operation] = []
    for batch in (*batches, *[()] * 20):
        waiting += batch
        results = klaviyo.deliver(waiting, "pk_test", 10.0).results if waiting else ()
        clock.sleep(1800.0)
        waiting = [each.operation for each in results if not isinstance(each.outcome, Delivered)]
    assert not waiting
    found = set()
    for profile in account.profiles:
        email = str(profile.email)
        for each in account.lists.values():
            if profile.id in each.members:
                found.add((email, "member", each.name))
        found.update((email, name, state) for name, state in profile.consents.items())
        found.update((email, name, str(value)) for name, value in profile.properties.items())
    return found


def widened(ends: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Of how it ends, what is more than nothing at all."""
    return {each for each in ends if each[1] == "member" or each[2] == "SUBSCRIBED"}


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """About one of two people and one of two lists, by id or by name."""
    email = draw(st.sampled_from([EMAILS[0], EMAILS[0].upper(), EMAILS[1]]))
    identity = Identity(email)
    list_id = draw(st.sampled_from(["L1", "L2"]))
    by_name = draw(st.booleans())
    where = (None, f"list {list_id}") if by_name else (list_id, None)
    number = draw(st.sampled_from([None, NUMBERS[email.lower()]]))
    consent_list = draw(st.sampled_from([list_id, None]))
    choices: list[Operation] = [
        UpsertProfile("m", identity, properties={list_id: draw(st.integers(0, 9))}),
        AddToList("m", identity, where[0], list_name=where[1]),
        RemoveFromList("m", identity, where[0], list_name=where[1]),
        Subscribe("m", email, consent_list, number, is_consent=True),
        Unsubscribe("m", email, consent_list, number),
    ]
    return draw(st.sampled_from(choices))


@settings(max_examples=examples(200))
@given(st.lists(operations(), max_size=10))
def test_a_batch_ends_as_its_operations_one_after_the_other(steps: list[Operation]) -> None:
    """As far as they name a person alike: whose number it is, only Klaviyo knows."""
    known: list[Operation] = [
        UpsertProfile("m", Identity(email, phone_number=NUMBERS[email])) for email in EMAILS
    ]
    together, apart = ends_as([known, steps]), ends_as([known, *([step] for step in steps)])
    if any(isinstance(step, Unsubscribe) for step in steps):
        # A consent that is withdrawn again within the batch is never given.
        assert widened(together) <= widened(apart)
        assert {each for each in together if each[2].isdigit()} == {
            each for each in apart if each[2].isdigit()
        }
    else:
        assert together == apart
