"""Merges of two profiles: the client against the stand-in over HTTP."""

from collections import Counter

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.outcomes import (
    Delivered,
    DeliveryWarning,
    Outcome,
    Refused,
    Retryable,
    RetryReason,
)
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Result
from local.klaviyo_stand_in import Account, Weather, serve
from operations import (
    AddToList,
    CreateEvent,
    DeleteProfile,
    Identity,
    MergeProfiles,
    Operation,
    from_json,
    to_json,
)
from tests.klaviyo_client.fakes import (
    Sent,
    answer,
    deliver,
    error,
    event,
    kinds,
    refusal,
    scripted,
    upsert,
)

OLD, NEW = Identity(external_id="old"), Identity("ann@shop.example", "new")
NOTHING = (DeliveryWarning.NOTHING_TO_MERGE,)
MERGE = MergeProfiles("m", Identity(external_id="new"), OLD)


def outcomes(klaviyo: Klaviyo, *operations: Operation) -> list[Outcome]:
    return [result.outcome for result in deliver(klaviyo, *operations).results]


def requests(account: Account) -> Counter[str]:
    """How often each endpoint was called."""
    return Counter(record.endpoint for record in account.requests)


def held(account: Account) -> list[tuple[str | None, str | None]]:
    """The address and the external id of each profile."""
    return [(profile.email, profile.external_id) for profile in account.profiles]


def found(*profiles: tuple[str, str]) -> Answer:
    """The profiles of a look-up, by id and external id."""
    return answer(
        200,
        {
            "data": [
                {"type": "profile", "id": each, "attributes": {"external_id": external_id}}
                for each, external_id in profiles
            ]
        },
    )


def known(request: Sent) -> Answer:
    """Both profiles are there; whatever is not a look-up is accepted."""
    if request.method == "POST":
        return answer(202)
    return found(("01OLD", "old")) if "old" in request.path else found(("01NEW", "new"))


def test_the_previous_profile_is_merged_into_the_new_one(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=OLD, properties={"plan": "pro"}), upsert(1, identity=NEW))
    assert kinds(deliver(klaviyo, MERGE)) == {"Delivered": 1}
    assert held(account) == [("ann@shop.example", "new")]
    assert [profile.properties for profile in account.profiles] == [{"plan": "pro"}]


def test_a_merge_names_both_profiles_by_klaviyos_ids() -> None:
    klaviyo, transport = scripted(known)
    deliver(klaviyo, MERGE)
    assert [(request.method, request.body) for request in transport.sent] == [
        ("GET", None),
        ("GET", None),
        (
            "POST",
            {
                "data": {
                    "type": "profile-merge",
                    "id": "01NEW",
                    "relationships": {"profiles": {"data": [{"type": "profile", "id": "01OLD"}]}},
                }
            },
        ),
    ]


@pytest.mark.parametrize(
    "people",
    [
        pytest.param([], id="neither"),
        pytest.param([upsert(identity=OLD)], id="no new one"),
        pytest.param([upsert(identity=NEW)], id="no previous one"),
        pytest.param([upsert(identity=Identity("ann@shop.example", "old"))], id="one and the same"),
    ],
)
def test_where_there_are_not_two_profiles_there_is_nothing_to_merge(
    klaviyo: Klaviyo, account: Account, people: list[Operation]
) -> None:
    deliver(klaviyo, *people)
    before = held(account)
    merge = MergeProfiles("m", Identity("ann@shop.example", "new"), OLD)
    assert deliver(klaviyo, merge).results == (Result(merge, Delivered(), NOTHING),)
    assert (held(account), requests(account)["merge_profiles"]) == (before, 0)


def test_whoever_is_not_found_by_one_identifier_is_looked_up_by_the_next(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(
        klaviyo,
        upsert(identity=Identity("old@shop.example")),
        upsert(1, identity=Identity("ann@shop.example")),
    )
    merge = MergeProfiles("m", NEW, Identity("OLD@shop.example", "old"))
    assert kinds(deliver(klaviyo, merge)) == {"Delivered": 1}
    assert held(account) == [("ann@shop.example", None)]


def test_people_are_looked_up_together_and_merged_one_by_one(
    klaviyo: Klaviyo, account: Account
) -> None:
    old = [Identity(external_id=f"old{n}") for n in range(10)]
    new = [Identity(external_id=f"new{n}") for n in range(10)]
    deliver(klaviyo, *(upsert(identity=identity) for identity in (*old, *new)))
    before = requests(account)
    merges = [MergeProfiles("m", new[n // 2], old[n // 2]) for n in range(20)]
    assert kinds(deliver(klaviyo, *merges)) == {"Delivered": 20}
    assert {external_id for _, external_id in held(account)} == {f"new{n}" for n in range(10)}
    assert requests(account) - before == {"get_profiles": 2, "merge_profiles": 10}


@pytest.mark.parametrize("number", [1, 30])
def test_what_came_before_is_done_before(klaviyo: Klaviyo, account: Account, number: int) -> None:
    """Not in an import job: a profile that is not there yet could not be merged."""
    old = [Identity(external_id=f"old{n}") for n in range(number)]
    steps: list[Operation] = []
    for n, identity in enumerate(old):
        steps += [
            upsert(identity=identity, properties={"n": n}),
            event(n, identity=identity),
            AddToList("m", identity, "L1"),
            MergeProfiles("m", upsert(n).identity, identity),
            upsert(n),
        ]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 5 * number}
    assert {profile.email: profile.properties for profile in account.profiles} == {
        f"p{n}@shop.example": {"n": n} for n in range(number)
    }
    assert len(account.lists["L1"].members) == number
    assert requests(account)["bulk_import_profiles"] == 0


@pytest.mark.parametrize("identity", [OLD, Identity(external_id="new")], ids=["previous", "new"])
@pytest.mark.parametrize("kind", ["upsert", "event", "list step"])
def test_a_merge_does_not_overtake_what_must_come_again(
    klaviyo: Klaviyo, account: Account, kind: str, identity: Identity
) -> None:
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    steps: dict[str, Operation] = {
        "upsert": upsert(identity=identity),
        "event": event(identity=identity),
        "list step": AddToList("m", identity, "L1"),
    }
    step = steps[kind]
    account.set_weather(Weather(down=True, times=1))
    first, second = outcomes(klaviyo, step, MERGE)
    assert isinstance(first, Retryable)
    assert isinstance(second, Retryable)
    assert second.reason is RetryReason.WAITS_FOR_PROFILE
    assert kinds(deliver(klaviyo, step, MERGE)) == {"Delivered": 2}
    assert held(account) == [("ann@shop.example", "new")]


def test_a_deletion_comes_after_the_merge(klaviyo: Klaviyo, account: Account) -> None:
    """Or else what the previous id had would stay behind."""
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    steps: list[Operation] = [MERGE, DeleteProfile("m", Identity(external_id="new"))]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 2}
    assert held(account) == []


def test_a_deletion_waits_for_a_merge_that_must_come_again(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    account.set_weather(Weather(endpoints=frozenset({"merge_profiles"}), throttle=42))
    steps: list[Operation] = [MERGE, DeleteProfile("m", Identity(external_id="new"))]
    assert outcomes(klaviyo, *steps) == [
        Retryable(RetryReason.THROTTLED, 42.0, 429),
        Retryable(RetryReason.WAITS_FOR_PROFILE, 42.0, 429),
    ]
    assert len(held(account)) == 2


def test_a_merge_after_a_deletion_waits_until_klaviyo_has_deleted(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    [_, outcome] = outcomes(klaviyo, DeleteProfile("m", OLD), MERGE)
    assert isinstance(outcome, Retryable)
    assert outcome.reason is RetryReason.WAITS_FOR_PROFILE
    assert held(account) == [("ann@shop.example", "new")]


def test_beyond_10_a_second_merges_spread_themselves_without_a_refusal() -> None:
    account = Account(limits="published")
    with serve(account) as url:
        klaviyo = Klaviyo(url)
        old = [Identity(external_id=f"old{n}") for n in range(12)]
        deliver(klaviyo, *(upsert(identity=each) for each in old), *map(upsert, range(12)))
        merges = [MergeProfiles("m", upsert(n).identity, old[n]) for n in range(12)]
        assert kinds(deliver(klaviyo, *merges)) == {"Delivered": 12}
    assert len(account.profiles) == 12
    assert 429 not in {record.status for record in account.requests}


def test_a_merge_waits_in_the_queue_as_it_came(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    account.set_weather(Weather(endpoints=frozenset({"merge_profiles"}), down=True))
    [result] = deliver(klaviyo, MERGE).results
    assert isinstance(result.outcome, Retryable)
    assert from_json(to_json(result.operation)) == MERGE


def test_a_merge_whose_answer_was_lost_is_harmless(klaviyo: Klaviyo, account: Account) -> None:
    deliver(klaviyo, upsert(identity=OLD), upsert(1, identity=NEW))
    account.set_weather(Weather(endpoints=frozenset({"merge_profiles"}), cut="after", times=1))
    deliver(klaviyo, MERGE)
    account.set_weather()
    assert outcomes(klaviyo, MERGE) == [Delivered()]
    assert held(account) == [("ann@shop.example", "new")]


def test_a_profile_that_is_gone_by_now_is_no_error() -> None:
    klaviyo, _ = scripted(lambda request: refusal(404, error()) if request.body else known(request))
    assert deliver(klaviyo, MERGE).results == (Result(MERGE, Delivered(), NOTHING),)


def test_a_merge_that_klaviyo_refuses_is_refused() -> None:
    klaviyo, _ = scripted(lambda request: refusal(400, error()) if request.body else known(request))
    assert outcomes(klaviyo, MERGE) == [Refused(400, "invalid", "Invalid input.")]


def test_events_by_the_same_browser_are_not_one_persons(klaviyo: Klaviyo, account: Account) -> None:
    """An anonymous id is shared by whoever uses the browser."""
    events = [
        event(n, identity=Identity(email=f"p{n}@shop.example", anonymous_id="a"), unique_id="u")
        for n in range(2)
    ]
    assert outcomes(klaviyo, *events) == [Delivered()] * 2
    assert requests(account)["create_event"] == 2


def test_an_event_that_repeats_under_an_anonymous_id_is_sent_once(
    klaviyo: Klaviyo, account: Account
) -> None:
    once = CreateEvent("m", Identity(anonymous_id="a"), "Viewed", "u")
    assert outcomes(klaviyo, *[once] * 30) == [Delivered()] * 30
    assert [(record.unique_id, record.sent) for record in account.events] == [("u", 1)]
