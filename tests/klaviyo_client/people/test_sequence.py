"""Which operations of a batch follow one another."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from klaviyo_client.api.outcomes import Retryable, RetryReason, waiting_for
from klaviyo_client.people.sequence import (
    Acts,
    acts_of,
    held_by_withdrawals,
    holds_back,
    keys_of,
    waits_for,
)
from operations import (
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
from tests.klaviyo_client.fakes import event, upsert
from tests.suite.timing import processor_seconds

NUMBER = "+14155552671"
ANN, BOB = Identity("ann@x.io"), Identity("bob@x.io")
ANN_7, SEVEN = Identity("ANN@x.io", "7"), Identity(external_id="7")
ANN_PHONE = Identity("ann@x.io", phone_number=NUMBER)
BOB_PHONE = Identity("bob@x.io", phone_number=NUMBER)


def joins(identity: Identity = ANN, list_id: str = "L", time: str | None = None) -> AddToList:
    return AddToList("m", identity, list_id, time=time)


def leaves(identity: Identity = ANN, list_id: str = "L", time: str | None = None) -> RemoveFromList:
    return RemoveFromList("m", identity, list_id, time=time)


def gives(
    email: str | None = "ann@x.io", list_id: str | None = None, time: str | None = None
) -> Subscribe:
    return Subscribe("m", email, list_id, time=time, is_consent=True)


def takes(
    email: str | None = "ann@x.io", list_id: str | None = None, time: str | None = None
) -> Unsubscribe:
    return Unsubscribe("m", email, list_id, time=time)


def imports(time: str) -> Subscribe:
    """A consent of long ago, in a message of this time."""
    return replace(
        gives("ann@x.io", "L", time), historical_import=True, consented_at="2024-05-01T10:00:00Z"
    )


def asks(
    email: str | None = "ann@x.io", list_id: str | None = "L", time: str | None = None
) -> Subscribe:
    """What an identify does with a list."""
    return Subscribe("m", email, list_id, time=time)


@pytest.mark.parametrize(
    ("operations", "acts"),
    [
        pytest.param([upsert(0), event(0), joins()], [[0, 1, 2]], id="nothing is undone"),
        pytest.param([gives(), takes("bob@x.io")], [[0, 1]], id="other people"),
        pytest.param([gives("ann@x.io", "L"), takes("ann@x.io", "M")], [[0], [1]], id="two lists"),
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
    assert acts_of(operations, range(len(operations))).acts == acts


@pytest.mark.parametrize(
    ("operations", "too_soon"),
    [
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
    assert acts_of(operations, range(len(operations))).too_soon == too_soon


EARLY, HALF, LATE = "2026-07-15T10:00:00Z", "2026-07-15T10:00:00.500Z", "2026-07-15T10:00:01Z"


@pytest.mark.parametrize(
    ("operations", "superseded"),
    [
        pytest.param([joins(), leaves()], [0], id="in, out"),
        pytest.param([leaves(), joins()], [0], id="out, in"),
        pytest.param([joins(), leaves(), joins()], [1], id="in, out, in"),
        pytest.param([joins(), leaves(), joins(), leaves()], [0, 2], id="in, out, in, out"),
        pytest.param([joins(time=LATE), leaves(time=EARLY)], [1], id="by time"),
        pytest.param([joins(time=HALF), leaves(time=EARLY)], [1], id="within a second"),
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
    assert acts_of(operations, range(len(operations))).superseded == superseded


BOTH = Subscribe("m", "ann@x.io", "L", NUMBER, is_consent=True)
OLD = Subscribe("m", "ann@x.io", "L", historical_import=True, consented_at=EARLY, is_consent=True)


@pytest.mark.parametrize(
    ("operations", "superseded"),
    [
        pytest.param([gives(), takes()], [0], id="given, taken"),
        pytest.param([takes(), gives()], [0], id="taken, given"),
        pytest.param([gives(), gives(), takes(), gives()], [0, 1, 2], id="to and fro"),
        pytest.param([gives(), takes("ANN@x.io")], [0], id="an address in another case"),
        pytest.param([gives(), takes("bob@x.io")], [], id="other people"),
        pytest.param([gives("ann@x.io", "L"), takes("ann@x.io", "L")], [0], id="of one list"),
        pytest.param([gives("ann@x.io", "L"), takes()], [0], id="of a list, then of all"),
        pytest.param([takes(), gives("ann@x.io", "L")], [0], id="of all, then given for a list"),
        pytest.param([gives(), takes("ann@x.io", "L")], [], id="of all, then taken from a list"),
        pytest.param([gives("ann@x.io", "L"), takes("ann@x.io", "M")], [], id="of two lists"),
        pytest.param([gives("ann@x.io", "L"), gives("ann@x.io", "M")], [], id="to two lists"),
        pytest.param([BOTH, takes("ann@x.io", "L")], [], id="one of two channels"),
        pytest.param([gives("ann@x.io", "L"), BOTH], [0], id="one channel, then both"),
        pytest.param([OLD, gives("ann@x.io", "L")], [], id="an old consent asks nobody"),
        pytest.param([OLD, takes("ann@x.io", "L")], [0], id="an old consent, taken"),
        pytest.param([gives(time=LATE), takes(time=EARLY)], [1], id="by time"),
        pytest.param([takes(time=HALF), imports(LATE)], [1], id="taken since an old consent"),
        pytest.param([gives(time=HALF), takes(time=EARLY)], [1], id="within a second"),
        pytest.param([gives(time=LATE), takes()], [0], id="without a time, by position"),
        pytest.param([asks(), asks()], [0], id="asked twice"),
        pytest.param([asks(), gives("ann@x.io", "L")], [0], id="asked, given"),
        pytest.param([gives("ann@x.io", "L"), asks()], [], id="given, asked"),
        pytest.param([asks(), takes()], [0], id="asked, taken"),
        pytest.param([takes("ann@x.io", "L"), asks()], [], id="asking undoes nothing"),
        pytest.param([leaves(), takes("ann@x.io", "L")], [0], id="left, then withdrawn"),
    ],
)
def test_of_consents_the_last_word_stands(
    operations: list[Operation], superseded: list[int]
) -> None:
    assert acts_of(operations, range(len(operations))).superseded == superseded


@pytest.mark.parametrize(
    ("operations", "opted_out"),
    [
        ([takes(), asks()], {1}),
        ([takes("ann@x.io", "L"), asks()], {1}),
        ([takes("ann@x.io", "M"), asks()], set()),
        ([asks(time=EARLY), takes(time=LATE)], set()),
        ([asks(time=LATE), takes(time=EARLY)], {0}),
        ([takes("bob@x.io"), asks()], set()),
        ([takes(), gives("ann@x.io", "L"), asks()], set()),
    ],
)
def test_an_identify_does_not_subscribe_who_has_opted_out_in_the_same_batch(
    operations: list[Operation], opted_out: set[int]
) -> None:
    assert acts_of(operations, range(len(operations))).opted_out == opted_out


@pytest.mark.parametrize(
    "step",
    [
        lambda n: gives() if n % 2 else takes(),
        lambda n: gives("ann@x.io", "L") if n % 2 else takes("ann@x.io", "L"),
        lambda n: Subscribe("m", "ann@x.io", "L", custom_source=str(n), is_consent=True),
        lambda n: joins() if n % 2 else leaves(),
        lambda n: asks(),
    ],
)
def test_four_thousand_words_of_one_person_are_few(step: Callable[[int], Operation]) -> None:
    """In linear time: each further one costs what the ones before it cost."""
    operations = [step(n) for n in range(4000)]
    assert processor_seconds(lambda: acts_of(operations, range(4000)), 1.0) < 1.0
    order = acts_of(operations, range(4000))
    left = set(range(4000)).difference(order.superseded)
    assert len(order.acts) == 1
    assert len(left) == (2000 if isinstance(operations[0], RemoveFromList) else 1)


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
    assert acts_of(operations, range(8)) == Acts(
        acts=[[0, 1, 7]], followers={4: 2, 5: 2, 6: 2}, doomed=frozenset({0, 2, 3, 4, 5, 6})
    )


def test_what_is_older_than_a_deletion_comes_before_it_wherever_it_stands() -> None:
    """It must not bring the person back."""
    operations: list[Operation] = [
        DeleteProfile("m", ANN, time=HALF),
        upsert(0, identity=ANN, time=EARLY),
        gives(time=LATE),
        upsert(1, identity=ANN),
    ]
    assert acts_of(operations, range(4)) == Acts(
        acts=[[1]], followers={2: 0, 3: 0}, doomed=frozenset({0, 1, 2, 3})
    )


def test_of_two_deletions_the_later_one_counts() -> None:
    operations: list[Operation] = [
        DeleteProfile("m", ANN, time=EARLY),
        DeleteProfile("m", ANN, time=LATE),
        upsert(0, identity=ANN, time=HALF),
    ]
    assert acts_of(operations, range(3)) == Acts(acts=[[2]], doomed=frozenset({0, 1, 2}))


def test_a_consent_of_long_ago_that_comes_after_a_deletion_follows_it() -> None:
    operations: list[Operation] = [DeleteProfile("m", ANN, time=HALF), imports(LATE)]
    assert acts_of(operations, range(2)).followers == {1: 0}


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
    (takes(), gives(), True),
    (takes("ann@x.io", "L"), gives(), True),
    (takes("ann@x.io", "L"), takes(), False),
    (takes("ann@x.io", "L"), takes("ann@x.io", "M"), False),
    (takes("ann@x.io", "L"), takes("ann@x.io", "L"), True),
    (takes("ann@x.io", "L"), leaves(), True),
    (takes(), takes("ann@x.io", "L"), False),
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


LEDGER_LATE = Retryable(RetryReason.LEDGER_LATE, 7.0, tried=False)


@pytest.mark.parametrize(
    ("waits", "other", "is_held"),
    [
        (Unsubscribe("m", "ann@x.io", None), Subscribe("m", "ann@x.io", "L"), True),
        (Unsubscribe("m", "ann@x.io", None, NUMBER), Subscribe("m", "ann@x.io", "L"), True),
        (Unsubscribe("m", "bob@x.io", None), Subscribe("m", "ann@x.io", "L"), False),
        (Unsubscribe("m", "ann@x.io", "L"), Subscribe("m", "ann@x.io", "L"), True),
        (Unsubscribe("m", "ann@x.io", "L"), Subscribe("m", "bob@x.io", "L"), False),
        (Unsubscribe("m", "ann@x.io", "L"), Subscribe("m", "ann@x.io", "M"), False),
        (Unsubscribe("m", "ann@x.io", "L"), Subscribe("m", "ann@x.io", None), False),
        (Unsubscribe("m", "ann@x.io", None), Unsubscribe("m", "ann@x.io", "L"), False),
        (Unsubscribe("m", "ann@x.io", None), joins(), False),
        (upsert(identity=ANN), Subscribe("m", "ann@x.io", "L"), False),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_withdrawal_that_waits_holds_back_the_subscriptions_that_would_overtake_it(
    waits: Operation, other: Operation, is_held: bool, place: int
) -> None:
    operations = [other, other]
    operations[place] = waits
    held = {1 - place: waiting_for(LEDGER_LATE)} if is_held else {}
    assert held_by_withdrawals(operations, {place: LEDGER_LATE}) == held


def test_an_unsubscription_from_a_list_that_waits_for_klaviyo_holds_back_no_subscription() -> None:
    operations: list[Operation] = [
        Unsubscribe("m", "ann@x.io", "L"),
        Subscribe("m", "ann@x.io", "L"),
    ]
    too_soon = Retryable(RetryReason.CONSENT_TOO_SOON, 7.0, tried=False)
    assert held_by_withdrawals(operations, {0: too_soon}) == {}


def test_a_check_of_an_import_is_about_nobody() -> None:
    assert keys_of(CheckImport(None, "J", ("m1",))) == []
