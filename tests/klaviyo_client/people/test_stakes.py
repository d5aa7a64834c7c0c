"""What is left of an operation that comes late, next to what was said after it."""

from typing import Any

import pytest

from klaviyo_client.people.persons import Key
from klaviyo_client.people.stakes import Stake, stake_of, what_stands
from operations import (
    AddToList,
    CreateEvent,
    DeleteProfile,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

ADA = Identity(email="Ada@acme.example")
EMAIL, PHONE = ("email", "ada@acme.example"), ("phone_number", "+15550100")
TIME = "2026-01-01T00:00:00Z"


def upsert(identity: Identity = ADA, **fields: Any) -> UpsertProfile:
    return UpsertProfile("m-1", identity, **fields)


def late(operation: Operation, *newer: tuple[Key, str]) -> Operation | None:
    """What is left of the operation where these fields were decided later."""
    stake = stake_of(operation)
    assert stake is not None
    return what_stands(operation, stake, lambda key, name: (key, name) in newer)  # type: ignore[arg-type]


UPSERTS = {
    "nothing newer": (upsert(properties={"plan": 1}), [], upsert(properties={"plan": 1})),
    "one of two properties": (
        upsert(properties={"plan": 1, "colour": "red"}),
        ["p plan"],
        upsert(properties={"colour": "red"}),
    ),
    "an attribute that was cleared later": (
        upsert(attributes={"first_name": "Ada", "last_name": None}),
        ["a first_name"],
        upsert(attributes={"last_name": None}),
    ),
    "a property of the same name as an attribute": (
        upsert(attributes={"title": "Dr"}, properties={"title": "x"}),
        ["p title"],
        upsert(attributes={"title": "Dr"}),
    ),
    "part of the location": (
        upsert(attributes={"location": {"city": "Rome", "zip": "1"}}),
        ["l city"],
        upsert(attributes={"location": {"zip": "1"}}),
    ),
    "all of the location, and the rest": (
        upsert(attributes={"location": {"city": "Rome"}}, properties={"plan": 1}),
        ["l city"],
        upsert(properties={"plan": 1}),
    ),
    "values of an array that was set later": (
        upsert(append={"tags": ["a"]}, unappend={"tags": ["b"], "sizes": [1]}),
        ["p tags"],
        upsert(unappend={"sizes": [1]}),
    ),
    "a property that is unset": (upsert(unset=("plan", "x")), ["p plan"], upsert(unset=("x",))),
    "a number that was changed later": (
        upsert(
            Identity(email="Ada@acme.example", phone_number="+15550100", external_id="7"),
            properties={"plan": 1},
            phone_as_sent={"phone": "555 0100"},
        ),
        ["i phone_number"],
        upsert(Identity(email="Ada@acme.example", external_id="7"), properties={"plan": 1}),
    ),
    "all": (
        upsert(properties={"plan": 1}, attributes={"title": "Dr"}),
        ["p plan", "a title"],
        None,
    ),
}


@pytest.mark.parametrize("case", UPSERTS)
def test_an_upsert_goes_without_what_is_newer(case: str) -> None:
    operation, newer, expected = UPSERTS[case]
    assert late(operation, *((EMAIL, name) for name in newer)) == expected


def test_what_any_name_of_the_person_knows_counts() -> None:
    both = Identity(email="Ada@acme.example", external_id="7")
    operation = upsert(both, properties={"plan": 1, "colour": "red"})
    left = late(operation, (("external_id", "7"), "p plan"), (EMAIL, "p colour"))
    assert left == upsert(both)


def test_an_upsert_without_traits_is_never_too_late() -> None:
    assert late(upsert(), (EMAIL, "p plan")) == upsert()


def subscribe(**fields: Any) -> Subscribe:
    return Subscribe("m-1", "Ada@acme.example", fields.pop("list_id", "L"), time=TIME, **fields)


def unsubscribe(**fields: Any) -> Unsubscribe:
    return Unsubscribe("m-1", "Ada@acme.example", fields.pop("list_id", None), **fields)


JOIN, LEAVE = AddToList("m-1", ADA, "L"), RemoveFromList("m-1", ADA, "L")
BOTH = {"phone_number": "+15550100"}
STEPS: dict[str, tuple[Operation, list[tuple[Key, str]], Operation | None]] = {
    "joined, left later": (JOIN, [(EMAIL, "leave L")], None),
    "joined, left another list later": (JOIN, [(EMAIL, "leave M")], JOIN),
    "joined, joined again later": (JOIN, [(EMAIL, "join L")], JOIN),
    "left, joined later": (LEAVE, [(EMAIL, "join L")], None),
    "left a list by its name, joined it later": (
        RemoveFromList("m-1", ADA, "L", list_name="News"),
        [(EMAIL, "join named News")],
        None,
    ),
    "subscribed, withdrawn later": (subscribe(), [(EMAIL, "off email.marketing")], None),
    "consented, withdrawn later": (
        subscribe(is_consent=True, list_id=None),
        [(EMAIL, "off email.marketing")],
        None,
    ),
    "consented, left the list later": (subscribe(is_consent=True), [(EMAIL, "leave L")], None),
    "consented on two channels, one withdrawn later": (
        subscribe(is_consent=True, **BOTH),
        [(PHONE, "off sms.marketing")],
        subscribe(is_consent=True),
    ),
    "consented, a family member withdrawn later by the shared number": (
        subscribe(is_consent=True, **BOTH),
        [(PHONE, "off email.marketing")],
        subscribe(is_consent=True, **BOTH),
    ),
    "withdrawn, consented later": (unsubscribe(), [(EMAIL, "on email.marketing")], None),
    "withdrawn, an identify with a list later": (unsubscribe(), [(EMAIL, "join L")], unsubscribe()),
    "withdrawn from a list, consented there later": (
        unsubscribe(list_id="L"),
        [(EMAIL, "given L email.marketing")],
        None,
    ),
    "withdrawn from a list, another channel consented there later": (
        unsubscribe(list_id="L"),
        [(EMAIL, "given L sms.marketing")],
        unsubscribe(list_id="L"),
    ),
    "consented on a list, another channel withdrawn there later": (
        subscribe(is_consent=True),
        [(EMAIL, "unsubscribed L"), (EMAIL, "unsubscribed L sms.marketing")],
        subscribe(is_consent=True),
    ),
    "consented on a list on two channels, one withdrawn there later": (
        subscribe(is_consent=True, **BOTH),
        [(EMAIL, "unsubscribed L"), (EMAIL, "unsubscribed L sms.marketing")],
        subscribe(is_consent=True),
    ),
    "joined, unsubscribed from the list later": (JOIN, [(EMAIL, "unsubscribed L")], None),
    "withdrawn from a list, added later": (
        unsubscribe(list_id="L"),
        [(EMAIL, "join L")],
        unsubscribe(list_id="L"),
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_step_or_a_consent_yields_to_its_opposite(case: str) -> None:
    operation, newer, expected = STEPS[case]
    assert late(operation, *newer) == expected


def test_an_event_never_comes_too_late() -> None:
    assert stake_of(CreateEvent("m-1", ADA, "Viewed", "m-1")) is None


def test_a_deletion_never_comes_too_late_and_is_kept() -> None:
    stake = stake_of(DeleteProfile("m-1", ADA))
    assert stake == Stake([(("email", "ada@acme.example"), ("deleted",))], [])


SETS: dict[str, tuple[Operation, dict[Key, set[str]]]] = {
    "an upsert": (
        upsert(attributes={"title": "Dr", "location": {"city": "Rome"}}, unset=("x",)),
        {EMAIL: {"a title", "l city", "p x"}},
    ),
    "an upsert by a number that several share, beside an address": (
        upsert(Identity(email="ada@acme.example", phone_number="+15550100")),
        {EMAIL: {"i phone_number"}},
    ),
    "an upsert by a number": (
        upsert(Identity(phone_number="+15550100"), properties={"plan": 1}),
        {PHONE: {"p plan"}},
    ),
    "an identify's subscription": (subscribe(), {EMAIL: {"join L", "consent"}}),
    "a consent": (
        subscribe(is_consent=True, **BOTH),
        {
            EMAIL: {
                "on email.marketing",
                "join L",
                "given L email.marketing",
                "given L sms.marketing",
                "consent",
            },
            PHONE: {"on sms.marketing", "consent"},
        },
    ),
    "a withdrawal from a list": (
        unsubscribe(list_id="L", **BOTH),
        {
            EMAIL: {
                "unsubscribed L",
                "unsubscribed L email.marketing",
                "unsubscribed L sms.marketing",
                "consent",
            },
            PHONE: {"consent"},
        },
    ),
    "a withdrawal": (unsubscribe(), {EMAIL: {"off email.marketing", "consent"}}),
}


@pytest.mark.parametrize("case", SETS)
def test_what_an_operation_decides(case: str) -> None:
    operation, expected = SETS[case]
    stake = stake_of(operation)
    assert stake is not None
    found: dict[Key, set[str]] = {}
    for key, names in stake.sets:
        found.setdefault(key, set()).update(names)
    assert found == expected
