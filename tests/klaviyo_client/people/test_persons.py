"""Which operations of a batch are about one person."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_client.people.persons import distinct_events, identifiers, persons_of
from operations import (
    AddToList,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    UpsertProfile,
)

A, B, C = (Identity(email=f"{name}@shop.example") for name in "abc")
A_UPPER = Identity(email="A@Shop.example")
ONE, TWO = Identity(external_id="1"), Identity(external_id="2")
A_ONE, A_TWO, B_ONE = (
    Identity("a@shop.example", "1"),
    Identity("a@shop.example", "2"),
    Identity("b@shop.example", "1"),
)


A_PHONE, B_PHONE = (
    Identity(email="a@shop.example", phone_number="+14155552671"),
    Identity(email="b@shop.example", phone_number="+14155552671"),
)


def upsert(identity: Identity) -> UpsertProfile:
    return UpsertProfile("m", identity)


def join(identity: Identity, list_id: str = "L", profile_id: str | None = None) -> AddToList:
    return AddToList("m", identity, list_id, profile_id)


@pytest.mark.parametrize(
    ("identities", "rounds"),
    [
        pytest.param([A, B, C], [[[0], [1], [2]]], id="strangers"),
        pytest.param([A, B, A], [[[0, 2], [1]]], id="the same address"),
        pytest.param([A, A_UPPER], [[[0, 1]]], id="an address in another case"),
        pytest.param([A, A_ONE, ONE], [[[0, 1, 2]]], id="better known by and by"),
        pytest.param([A, ONE, B, A_ONE], [[[0, 1, 3], [2]]], id="two turn out to be one"),
        pytest.param([A_PHONE, B_PHONE, A], [[[0, 2], [1]]], id="a phone that several people have"),
        pytest.param([A_ONE, A_TWO], [[[0]], [[1]]], id="another user of one address"),
        pytest.param([A_ONE, B_ONE], [[[0]], [[1]]], id="another address of one user"),
        pytest.param([A_ONE, B_ONE, B_ONE], [[[0]], [[1, 2]]], id="and again"),
        pytest.param([A_ONE, B_ONE, A], [[[0]], [[1]], [[2]]], id="the old address comes later"),
        pytest.param([A_ONE, B_ONE, C, ONE], [[[0], [2]], [[1, 3]]], id="others do not wait"),
        pytest.param([A_ONE, A_TWO, A_ONE], [[[0]], [[1]], [[2]]], id="back and forth"),
        pytest.param(
            [A_ONE, A_TWO, B, TWO], [[[0], [2]], [[1, 3]]], id="who came later stands for both"
        ),
    ],
)
def test_upserts_of_one_person_meet_and_contradictions_follow_one_another(
    identities: Sequence[Identity], rounds: list[list[list[int]]]
) -> None:
    operations = [upsert(identity) for identity in identities]
    found = persons_of(operations, range(len(operations)))
    assert [[person.covers for person in persons] for persons in found] == rounds


def test_a_list_step_hangs_on_its_person_unless_the_profile_id_is_known() -> None:
    operations: list[Operation] = [
        upsert(A),
        join(A, "L1"),
        join(A, "L2"),
        join(A, "L1"),
        join(B, "L1"),
        join(C, "L1", "01P"),
        Subscribe("m", "a@shop.example", "L1"),
    ]
    [persons] = persons_of(operations, range(len(operations)))
    assert [(person.covers, person.joins) for person in persons] == [
        ([0], {"L1": [1, 3], "L2": [2]}),
        ([], {"L1": [4]}),
    ]


def test_what_has_its_outcome_takes_no_part() -> None:
    [persons] = persons_of([upsert(A), upsert(A), upsert(B)], [1, 2])
    assert [person.covers for person in persons] == [[1], [2]]


IDENTITIES = st.builds(
    Identity,
    email=st.sampled_from([None, "a@x.io", "A@x.io", "b@x.io"]),
    external_id=st.sampled_from([None, "1", "2"]),
    phone_number=st.sampled_from([None, "+1", "+2"]),
).filter(lambda identity: identity != Identity())


@given(st.lists(IDENTITIES, max_size=12))
def test_whoever_shares_an_address_or_an_id_stays_in_message_order(
    identities: list[Identity],
) -> None:
    operations = [upsert(identity) for identity in identities]
    rounds = persons_of(operations, range(len(operations)))
    place = {
        position: (number, person)
        for number, persons in enumerate(rounds)
        for person in persons
        for position in person.covers
    }
    assert sorted(place) == list(range(len(operations)))
    for later, identity in enumerate(identities):
        for earlier in range(later):
            shared = set(identifiers(identities[earlier])) & set(identifiers(identity))
            if any(name != "phone_number" for name, _ in shared):
                (first, one), (second, other) = place[earlier], place[later]
                assert first < second or one is other
    for persons in rounds:
        for person in persons:
            assert person.covers == sorted(person.covers)


def event(identity: Identity, metric: str = "M", unique_id: str = "u") -> CreateEvent:
    return CreateEvent("m", identity, metric, unique_id)


@pytest.mark.parametrize(
    ("events", "groups"),
    [
        pytest.param([event(A), event(B)], [[(0,), (1,)]], id="other people"),
        pytest.param([event(A), event(A, "N")], [[(0,), (1,)]], id="another metric"),
        pytest.param([event(A), event(A, "M", "v")], [[(0,), (1,)]], id="another unique id"),
        pytest.param([event(A), event(B), event(A)], [[(0, 2), (1,)]], id="a repeat"),
        pytest.param([event(A), event(A_UPPER)], [[(0, 1)]], id="a repeat in another case"),
        pytest.param([event(A_ONE), event(A)], [[(0, 1)]], id="a repeat, less well known"),
        pytest.param(
            [event(A_ONE), event(A_TWO), event(B)],
            [[(0,), (2,)], [(1,)]],
            id="a contradiction goes in a request of its own",
        ),
    ],
)
def test_events_that_klaviyo_may_take_for_one_share_no_request(
    events: list[CreateEvent], groups: list[list[tuple[int, ...]]]
) -> None:
    assert distinct_events(events, range(len(events))) == groups


@given(st.lists(IDENTITIES, max_size=12))
def test_in_a_group_no_two_events_share_an_identifier(identities: list[Identity]) -> None:
    events = [event(identity) for identity in identities]
    groups = distinct_events(events, range(len(events)))
    positions = sorted(n for group in groups for repeats in group for n in repeats)
    assert positions == list(range(len(events)))
    for group in groups:
        keys = [key for repeats in group for key in identifiers(identities[repeats[0]])]
        assert len(keys) == len(set(keys))
