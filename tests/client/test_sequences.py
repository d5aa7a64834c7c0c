"""A batch ends as its operations would, one after the other."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_client.answers import Answer, read
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.outcomes import Delivered, Retryable
from klaviyo_client.revision import REVISION
from klaviyo_mapping.operations import (
    AddToList,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from local.klaviyo import Account, Policy, Request
from tests.client.fakes import Headers

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


def ends_as(batches: Sequence[Sequence[Operation]]) -> object:
    """Lists, consents and properties of everybody, once all batches are done.

    What must wait comes again with the next batch's operations behind it, as from a queue.
    """
    account = Account(policy=Policy(default_opt_in="single_opt_in"))
    for list_id in ("L1", "L2"):
        account.add_list(list_id, f"list {list_id}", "single_opt_in")
    klaviyo = Klaviyo("http://klaviyo.test", transport=Direct(account))
    waiting: list[Operation] = []
    for batch in (*batches, *[()] * 20):
        waiting += batch
        results = klaviyo.deliver(waiting, "pk_test", 10.0).results if waiting else ()
        waiting = [each.operation for each in results if not isinstance(each.outcome, Delivered)]
    assert not waiting
    return {
        profile.email: (
            {each.name for each in account.lists.values() if profile.id in each.members},
            profile.consents,
            profile.properties,
        )
        for profile in account.profiles
        if profile.consents or profile.properties
    } | {
        name: sorted(
            profile.email or ""
            for profile in account.profiles
            if profile.id in account.lists[name].members
        )
        for name in account.lists
    }


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
        Subscribe("m", email, consent_list, number),
        Unsubscribe("m", email, consent_list, number),
    ]
    return draw(st.sampled_from(choices))


@settings(max_examples=200, deadline=None)
@given(st.lists(operations(), max_size=10))
def test_a_batch_ends_as_its_operations_one_after_the_other(steps: list[Operation]) -> None:
    """As far as they name a person alike: whose number it is, only Klaviyo knows."""
    known: list[Operation] = [
        UpsertProfile("m", Identity(email, phone_number=NUMBERS[email])) for email in EMAILS
    ]
    assert ends_as([known, steps]) == ends_as([known, *([step] for step in steps)])
