"""Whatever goes wrong: each operation has one outcome, and each event one effect."""

import random
from collections import Counter, deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import UNTRIED, Delivered, Refused, Retryable, RetryReason
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account, Faults, Policy, Weather, serve
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    from_json,
    kind_of,
    to_json,
)
from tests.klaviyo_client.fakes import (
    BAD_PHONE,
    RunningClock,
    Sent,
    answer,
    deliver,
    error,
    event,
    refusal,
    scripted,
    upsert,
)
from tests.suite.effort import examples

LONG_NAME = "M" * 200
"""A metric's name that Klaviyo refuses."""


def traffic(dice: random.Random, number: int) -> list[Operation]:
    """Operations of every kind about a hundred people; some that Klaviyo never accepts."""
    operations: list[Operation] = []
    for n in range(number):
        person = dice.randrange(100)
        identity = Identity(f"p{person}@shop.example")
        bad = dice.random() < 0.01
        match dice.choice(["event", "event", "upsert", "join", "subscribe"]):
            case "event":
                metric = LONG_NAME if bad else "Viewed"
                operations.append(event(n, identity=identity, metric=metric))
            case "upsert":
                phone = BAD_PHONE if dice.random() < 0.02 else None
                attributes: dict[str, Any] = {"title": None} if dice.random() < 0.1 else {}
                operations.append(
                    UpsertProfile(
                        f"m{n}",
                        Identity(identity.email, phone_number=phone),
                        attributes,
                        {f"k{n}": n},
                    )
                )
            case "join":
                operations.append(AddToList(f"m{n}", identity, "NONE" if bad else "L1"))
            case "subscribe":
                operations.append(Subscribe(f"m{n}", f"p{person}@shop.example", "L1"))
    return operations


MEMBERS, SUBSCRIBERS, LEAVERS = (
    [f"{kind}{n}@shop.example" for n in range(40)] for kind in ("member", "subscriber", "leaver")
)


def beyond(dice: random.Random, number: int) -> list[Operation]:
    """Operations that look something up first; none undoes another.

    Some are about lists, profiles or members that there are not.
    """
    operations: list[Operation] = []
    for n in range(number):
        identity = Identity(f"p{dice.randrange(100)}@shop.example")
        match dice.choice(["named", "leave", "stay", "subscribe", "withdraw", "delete", "edit"]):
            case "named":
                name = dice.choice(["vip", "R&D + friends"])
                operations.append(AddToList(f"b{n}", identity, None, list_name=name))
            case "leave":
                who = Identity(dice.choice([*MEMBERS, "nobody@shop.example"]).upper())
                where = dice.choice([("L2", None), (None, "Offers"), ("GONE", None)])
                operations.append(RemoveFromList(f"b{n}", who, where[0], None, where[1]))
            case "stay":
                who = Identity(dice.choice(LEAVERS))
                operations.append(RemoveFromList(f"b{n}", who, None, list_name="no such list"))
            case "subscribe":
                number_of_his = dice.choice([None, BAD_PHONE])
                operations.append(Subscribe(f"b{n}", identity.email, "L1", number_of_his))
            case "withdraw":
                list_id = dice.choice(["L3", "L3", "L4"])
                operations.append(Unsubscribe(f"b{n}", dice.choice(SUBSCRIBERS), list_id))
            case "delete":
                who = Identity(dice.choice(LEAVERS), f"id {n}")
                operations.append(DeleteProfile(f"b{n}", who))
            case "edit":
                operations.append(UpsertProfile(f"b{n}", identity, append={"tags": [f"t{n}"]}))
    return operations


def populated() -> Account:
    """An account with members, subscribers and people who want to be forgotten."""
    account = Account(policy=Policy(refused_phones=frozenset({BAD_PHONE})))
    for number, name in enumerate(("Newsletter", "Offers", "Club", "Other"), start=1):
        account.add_list(f"L{number}", name, "single_opt_in")
    with serve(account) as url:
        setup: list[Operation] = [AddToList("m", Identity(each), "L2") for each in MEMBERS]
        setup += [Subscribe("m", each, "L3") for each in SUBSCRIBERS]
        setup += [UpsertProfile("m", Identity(each)) for each in LEAVERS]
        Klaviyo(url).deliver(setup, "pk_test", 10.0)
    return account


def state_of(account: Account) -> dict[str | None, tuple[set[str], dict[str, str], set[str]]]:
    """Of everybody: the lists that hold them, their consents, and what was appended."""
    lists: dict[str, str] = {}
    for each in account.lists.values():
        if each.members:
            assert each.name not in lists.values(), "two lists of one name in use"
            lists[each.id] = each.name
    return {
        profile.email: (
            {
                name
                for list_id, name in lists.items()
                if profile.id in account.lists[list_id].members
            },
            dict(profile.consents),
            set(profile.properties.get("tags", ())),
        )
        for profile in account.profiles
    }


@pytest.mark.parametrize("seed", range(4))
def test_through_all_faults_everybody_ends_as_without_them(seed: int) -> None:
    dice = random.Random(seed)
    operations = beyond(dice, 1000)
    fine = populated()
    with serve(fine) as url:
        delivery = Klaviyo(url).deliver(operations, "pk_test", 30.0)
    assert {type(result.outcome) for result in delivery.results} == {Delivered}

    account = populated()
    clock = RunningClock()
    waiting = deque(operations)
    ended: Counter[str] = Counter()
    with serve(account) as url:
        klaviyo = Klaviyo(url, probe_seconds=0.1, clock=clock, sleep=clock.skip)
        for turn in range(1000):
            if not waiting:
                break
            batch = [waiting.popleft() for _ in range(min(len(waiting), dice.randrange(1, 200)))]
            account.set_weather(weather(dice) if turn < 100 else Weather())
            delivery = klaviyo.deliver(batch, "pk_test", 0.3)
            for result in delivery.results:
                if isinstance(result.outcome, Retryable):
                    waiting.append(from_json(to_json(result.operation)))
                else:
                    assert isinstance(result.outcome, Delivered)
                    ended[key(result.operation)] += 1
            waiting.extend(delivery.follow_ups)
            clock.skip(dice.uniform(0, 60))

    assert not waiting
    del ended["check_import None"]
    assert ended == Counter(map(key, operations))
    assert state_of(account) == state_of(fine)


def key(operation: Operation) -> str:
    """Names an operation through all its forms."""
    return f"{kind_of(operation)} {operation.message_id}"


def weather(dice: random.Random) -> Weather:
    """Bad or fine, for some requests."""
    return dice.choice(
        [
            Weather(),
            Weather(down=True, times=dice.randrange(1, 6)),
            Weather(
                faults=Faults(
                    seed=dice.randrange(10**6),
                    p_503=0.1,
                    p_502=0.05,
                    p_429=0.1,
                    p_cut_before=0.1,
                    p_cut_after=0.1,
                    p_slow=0.02,
                    slow=0.05,
                )
            ),
            Weather(hang=0.5, times=dice.randrange(1, 3)),
        ]
    )


@pytest.mark.parametrize("seed", range(4))
def test_through_all_faults_everything_arrives_once(seed: int) -> None:
    dice = random.Random(seed)
    operations = traffic(dice, 2000)
    account = Account(policy=Policy(refused_phones=frozenset({BAD_PHONE})))
    account.add_list("L1", "Newsletter", "single_opt_in")
    clock = RunningClock()
    waiting = deque((operation, True) for operation in operations)
    delivered: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    with serve(account) as url:
        klaviyo = Klaviyo(url, probe_seconds=0.1, clock=clock, sleep=clock.skip)
        for turn in range(1000):
            if not waiting:
                break
            batch = [waiting.popleft() for _ in range(min(len(waiting), dice.randrange(1, 400)))]
            account.set_weather(weather(dice) if turn < 100 else Weather())
            delivery = klaviyo.deliver([operation for operation, _ in batch], "pk_test", 0.3)
            for (operation, is_first), result in zip(batch, delivery.results, strict=True):
                assert key(result.operation) == key(operation)
                if isinstance(result.outcome, Retryable):
                    waiting.append((result.operation, is_first))
                elif is_first:
                    ended = delivered if isinstance(result.outcome, Delivered) else refused
                    ended[key(operation)] += 1
            waiting.extend((operation, False) for operation in delivery.follow_ups)
            assert delivery.import_failures == ()
            clock.skip(dice.uniform(0, 60))

    assert not waiting
    poison = {
        key(each)
        for each in operations
        if getattr(each, "metric", None) == LONG_NAME or getattr(each, "list_id", None) == "NONE"
    }
    assert refused == Counter(poison)
    assert delivered == Counter(key(each) for each in operations if key(each) not in poison)
    assert Counter(record.unique_id for record in account.events) == Counter(
        each.unique_id
        for each in operations
        if isinstance(each, CreateEvent) and key(each) not in poison
    )
    for each in operations:
        if key(each) in poison or isinstance(each, CreateEvent | CheckImport):
            continue
        assert isinstance(each, UpsertProfile | AddToList | Subscribe)
        email = each.email if isinstance(each, Subscribe) else each.identity.email
        profile = account.profiles.by_email(email or "")
        assert profile is not None
        if isinstance(each, UpsertProfile):
            assert profile.properties.items() >= each.properties.items()
        else:
            assert profile.id in account.lists["L1"].members


# Whatever Klaviyo answers

IDENTITIES = st.builds(
    Identity,
    email=st.sampled_from([None, "a@x.io", "A@x.io", "b@x.io"]),
    external_id=st.sampled_from([None, "1", "2"]),
    phone_number=st.sampled_from([None, "+1"]),
).filter(lambda identity: identity != Identity())

VALUES = st.sampled_from([None, 0, "x", [1], {"a": None}, {2}, "\ud800"])

OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(
        UpsertProfile,
        message_id=st.just("m"),
        identity=IDENTITIES,
        attributes=st.dictionaries(
            st.sampled_from(["title", "location"]), st.sampled_from([None, "x", {"city": None}])
        ),
        properties=st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2),
        append=st.dictionaries(st.sampled_from("ab"), VALUES, max_size=1),
        unset=st.sampled_from([(), ("a",)]),
    ),
    st.builds(event, st.integers(0, 99), identity=IDENTITIES, unique_id=st.sampled_from("uvwx")),
    st.builds(
        AddToList,
        st.just("m"),
        IDENTITIES,
        st.sampled_from(["L1", "L2", "../x", None]),
        st.sampled_from([None, "P1", "P2"]),
        st.sampled_from([None, "vip", "\ud800"]),
    ),
    st.builds(
        RemoveFromList,
        st.just("m"),
        IDENTITIES,
        st.sampled_from(["L1", "L2", "../x", None]),
        st.sampled_from([None, "P1", "P2"]),
        st.sampled_from([None, "vip"]),
        st.sampled_from([None, "2026-07-15T10:00:00Z", "2026-07-15T10:00:01Z"]),
    ),
    st.builds(
        Subscribe,
        st.just("m"),
        st.sampled_from(["a@x.io", "A@x.io", "b@x.io", None]),
        st.sampled_from(["L1", None]),
        st.sampled_from(["+1", None]),
        st.booleans(),
    ),
    st.builds(
        Unsubscribe,
        st.just("m"),
        st.sampled_from(["a@x.io", "A@x.io", "b@x.io", None]),
        st.sampled_from(["L1", None]),
        st.sampled_from(["+1", None]),
    ),
    st.builds(DeleteProfile, st.just("m"), IDENTITIES),
    st.builds(MergeProfiles, st.just("m"), IDENTITIES, IDENTITIES),
    st.builds(CheckImport, st.none(), st.just("J"), st.just(("m1", "m2"))),
)

POINTERS = st.sampled_from(
    [
        None,
        "",
        "/data",
        "/data/attributes/profiles/data/0/attributes/phone_number",
        "/data/attributes/profiles/data/1",
        "/data/attributes/profiles/data/-1",
        "/data/attributes/profiles/data/99999999999",
        "/data/attributes/events-bulk-create/data/0/attributes",
        "/data/attributes/events-bulk-create/data/23",
        "/data/relationships/lists/data/0/id",
        "/data/relationships/lists/data/7/id",
        "/data/relationships/list/data/id",
        "/data/0/id",
    ]
)

JOBS = st.builds(
    lambda status, failed, following: answer(
        200,
        {
            "data": {
                "type": "profile",
                "id": "X",
                "attributes": {"status": status, "failed_count": failed},
                "relationships": {"lists": {"data": [{"id": "L1"}]}},
            },
            "links": {"next": following},
        },
    ),
    st.sampled_from(["complete", "queued", "cancelled", None]),
    st.sampled_from([0, 1, None, "x"]),
    st.sampled_from([None, "https://k/?a=1", "https://k/?a=2", 4]),
)

ROWS = st.builds(
    lambda kind, attributes, following: answer(
        200,
        {
            "data": [
                {"type": kind, "id": f"P{n}", "attributes": each}
                for n, each in enumerate(attributes)
            ],
            "links": {"next": following},
        },
    ),
    st.sampled_from(["profile", "list"]),
    st.lists(
        st.sampled_from(
            [
                {"email": "a@x.io"},
                {"email": "B@x.io", "external_id": "1", "phone_number": "+1"},
                {"name": "vip", "created": "2026-07-15T10:00:00Z"},
                {"name": "vip", "created": 7},
                {},
                None,
            ]
        ),
        max_size=3,
    ),
    st.sampled_from([None, "https://k/?a=1", "https://k/?a=2"]),
)

IMPORT_ERRORS = st.builds(
    lambda pointer, payload: answer(
        200,
        {
            "data": [
                {"attributes": {**error(pointer, "phone_number"), "original_payload": payload}},
                None,
            ]
        },
    ),
    POINTERS,
    st.sampled_from(
        [None, {}, [], {"data": {"attributes": {"email": "a@x.io", "phone_number": "+1"}}}]
    ),
)

REPLIES: st.SearchStrategy[Answer | Retryable] = st.one_of(
    st.builds(
        lambda status, pointers, detail, code: refusal(
            status, *(error(pointer, detail, code) for pointer in pointers)
        ),
        st.sampled_from([200, 202, 400, 400, 400, 401, 403, 404, 409, 413, 418, 422, 500]),
        st.lists(POINTERS, max_size=3),
        st.sampled_from(["", "phone_number", "A list with id L1 does not exist."]),
        st.sampled_from(["invalid", "duplicate_profile", "authentication_failed"]),
    ),
    st.builds(
        lambda status, body: answer(status, body, Retry_After="1", RateLimit_Remaining="0"),
        st.sampled_from([100, 200, 204, 301, 429, 503, 599]),
        st.sampled_from([None, [], "x", {"data": []}, {"errors": {}}]),
    ),
    JOBS,
    ROWS,
    IMPORT_ERRORS,
    st.sampled_from(list(RetryReason)).map(Retryable),
)


@settings(max_examples=examples(300))
@given(
    operations=st.lists(OPERATIONS, max_size=12),
    many=st.booleans(),
    replies=st.lists(REPLIES, min_size=1, max_size=8),
    patience=st.sampled_from([0.0, 5.0]),
)
def test_whatever_klaviyo_answers_each_operation_has_one_outcome(
    operations: list[Operation],
    many: bool,
    replies: list[Answer | Retryable],
    patience: float,
) -> None:
    count = iter(range(10**9))

    def script(request: Sent) -> Answer | Retryable:
        n = next(count)
        assert n < 5000
        return replies[n % len(replies)]

    batch = [*operations, *(event(n) for n in range(24)), *(upsert(n) for n in range(6))]
    if not many:
        batch = operations
    klaviyo, transport = scripted(script, patience=patience)
    delivery = deliver(klaviyo, *batch)
    assert len(delivery.results) == len(batch)
    assert delivery.requests == len(transport.sent)
    for operation, result in zip(batch, delivery.results, strict=True):
        assert kind_of(result.operation) == kind_of(operation)
        assert isinstance(result.outcome, Delivered | Retryable | Refused)
        assert patience or result.outcome != UNTRIED
    for follow_up in (*delivery.follow_ups, *(each.operation for each in delivery.import_failures)):
        assert to_json(follow_up)["kind"] == kind_of(follow_up)
