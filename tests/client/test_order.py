"""Which operations of a batch follow one another."""

import pytest

from klaviyo_client.order import Order, holds_back, keys_of, order_of, waits_for
from klaviyo_mapping.operations import (
    AddToList,
    CheckImport,
    DeleteProfile,
    Identity,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)
from tests.client.fakes import event, upsert

NUMBER = "+14155552671"
ANN, BOB = Identity("ann@x.io"), Identity("bob@x.io")
ANN_7, SEVEN = Identity("ANN@x.io", "7"), Identity(external_id="7")
ANN_PHONE = Identity("ann@x.io", phone_number=NUMBER)
BOB_PHONE = Identity("bob@x.io", phone_number=NUMBER)


def joins(identity: Identity = ANN, list_id: str = "L", time: str | None = None) -> AddToList:
    return AddToList("m", identity, list_id, time=time)


def leaves(identity: Identity = ANN, list_id: str = "L", time: str | None = None) -> RemoveFromList:
    return RemoveFromList("m", identity, list_id, time=time)


def gives(email: str | None = "ann@x.io", list_id: str | None = None) -> Subscribe:
    return Subscribe("m", email, list_id)


def takes(email: str | None = "ann@x.io", list_id: str | None = None) -> Unsubscribe:
    return Unsubscribe("m", email, list_id)


@pytest.mark.parametrize(
    ("operations", "acts"),
    [
        pytest.param([upsert(0), event(0), joins()], [[0, 1, 2]], id="nothing is undone"),
        pytest.param([gives(), takes()], [[0], [1]], id="given, taken"),
        pytest.param([takes(), gives()], [[0], [1]], id="taken, given"),
        pytest.param([gives(), gives(), takes(), gives()], [[0, 1], [2], [3]], id="to and fro"),
        pytest.param([gives(), takes("bob@x.io")], [[0, 1]], id="other people"),
        pytest.param([gives(), takes("ANN@x.io")], [[0], [1]], id="an address in another case"),
        pytest.param(
            [Subscribe("m", "ann@x.io", None), Unsubscribe("m", None, None, NUMBER)],
            [[0, 1]],
            id="other channels",
        ),
        pytest.param(
            [Subscribe("m", "ann@x.io", None, NUMBER), Unsubscribe("m", None, None, NUMBER)],
            [[0], [1]],
            id="one of two channels",
        ),
        pytest.param([gives(None, "L"), leaves()], [[0, 1]], id="a nobody"),
        pytest.param([gives("ann@x.io", "L"), leaves()], [[0], [1]], id="subscribed, left"),
        pytest.param([gives("ann@x.io", "L"), leaves(ANN, "M")], [[0, 1]], id="other lists"),
        pytest.param([takes("ann@x.io", "L"), joins()], [[0], [1]], id="withdrawn, joined"),
        pytest.param(
            [upsert(0, identity=ANN_7), gives("ann@x.io", "L"), leaves(SEVEN)],
            [[0, 1], [2]],
            id="an upsert says who is who",
        ),
    ],
)
def test_what_would_undo_something_follows_it(
    operations: list[Operation], acts: list[list[int]]
) -> None:
    assert order_of(operations, range(len(operations))).acts == acts


@pytest.mark.parametrize(
    ("operations", "too_soon"),
    [
        ([gives("ann@x.io", "L"), takes("ann@x.io", "L")], {1}),
        ([gives("ann@x.io", "L"), leaves()], {1}),
        ([gives("ann@x.io", "L"), takes()], set()),
        ([gives("ann@x.io", "L"), takes("ann@x.io", "M")], set()),
        ([takes("ann@x.io", "L"), gives("ann@x.io", "L")], set()),
        ([gives("ann@x.io", "L"), takes("bob@x.io", "L")], set()),
        ([gives("ann@x.io", "L"), joins(), takes()], set()),
    ],
)
def test_who_has_only_just_been_subscribed_cannot_leave_at_once(
    operations: list[Operation], too_soon: set[int]
) -> None:
    assert order_of(operations, range(len(operations))).too_soon == too_soon


EARLY, LATE = "2026-07-15T10:00:00Z", "2026-07-15T10:00:01Z"


@pytest.mark.parametrize(
    ("operations", "superseded"),
    [
        pytest.param([joins(), leaves()], [0], id="in, out"),
        pytest.param([leaves(), joins()], [0], id="out, in"),
        pytest.param([joins(), leaves(), joins()], [1], id="in, out, in"),
        pytest.param([joins(), leaves(), joins(), leaves()], [0, 2], id="in, out, in, out"),
        pytest.param([joins(time=LATE), leaves(time=EARLY)], [1], id="by time"),
        pytest.param([joins(time=LATE), leaves(time=LATE)], [0], id="at one time, by position"),
        pytest.param([joins(time=LATE), leaves()], [0], id="without a time, by position"),
        pytest.param([joins(), leaves(BOB)], [], id="other people"),
        pytest.param([joins(), leaves(ANN, "M")], [], id="other lists"),
        pytest.param([joins(ANN_PHONE), leaves(BOB_PHONE)], [], id="one telephone, two people"),
        pytest.param([joins(ANN), upsert(0, identity=ANN_7), leaves(SEVEN)], [0], id="one person"),
        pytest.param([joins(), takes("ann@x.io", "L")], [0], id="in, withdrawn"),
        pytest.param([takes("ann@x.io", "L"), joins()], [], id="a withdrawal is never left out"),
    ],
)
def test_of_steps_on_one_list_the_latest_stands(
    operations: list[Operation], superseded: list[int]
) -> None:
    assert order_of(operations, range(len(operations))).superseded == superseded


def test_a_deletion_divides_what_is_said_of_its_person() -> None:
    operations: list[Operation] = [
        upsert(0, identity=ANN_7),
        upsert(0, identity=BOB),
        DeleteProfile("m", SEVEN),
        DeleteProfile("m", ANN),
        event(0, identity=ANN),
        gives(),
        DeleteProfile("m", ANN),
        event(1, identity=BOB),
    ]
    assert order_of(operations, range(8)) == Order(
        acts=[[0, 1, 7]], followers={4: 2, 5: 2, 6: 2}, doomed=frozenset({0, 2, 3, 4, 5, 6})
    )


IN_QUEUE: list[tuple[Operation, Operation, bool]] = [
    (UpsertProfile("m", ANN), UpsertProfile("m", ANN_7), True),
    (UpsertProfile("m", ANN), joins(), True),
    (UpsertProfile("m", ANN), gives(), True),
    (UpsertProfile("m", ANN), takes(), True),
    (UpsertProfile("m", ANN), DeleteProfile("m", ANN), True),
    (UpsertProfile("m", ANN), event(0, identity=ANN), False),
    (UpsertProfile("m", ANN), UpsertProfile("m", BOB), False),
    (joins(), leaves(), True),
    (joins(), joins(ANN, "M"), False),
    (UpsertProfile("m", ANN), AddToList("m", ANN, "L", "P"), False),
    (leaves(), AddToList("m", ANN, "L", "P"), True),
    (joins(), UpsertProfile("m", ANN), False),
    (AddToList("m", ANN, None, list_name="vip"), RemoveFromList("m", ANN, "L", None, "vip"), True),
    (joins(), takes("ann@x.io", "L"), True),
    (gives(), takes(), True),
    (gives(), leaves(), False),
    (gives("ann@x.io", "L"), leaves(), True),
    (takes(), UpsertProfile("m", ANN), False),
    (DeleteProfile("m", ANN), UpsertProfile("m", ANN_7), True),
    (event(0, identity=ANN), UpsertProfile("m", ANN), False),
    (CheckImport(None, "J"), UpsertProfile("m", ANN), False),
]


@pytest.mark.parametrize(("earlier", "later", "waits"), IN_QUEUE)
def test_what_waits_in_the_queue_holds_back_what_would_replace_it(
    earlier: Operation, later: Operation, waits: bool
) -> None:
    assert (not set(holds_back(earlier)).isdisjoint(waits_for(later))) == waits


def test_a_check_of_an_import_is_about_nobody() -> None:
    assert keys_of(CheckImport(None, "J", ("m1",))) == []
