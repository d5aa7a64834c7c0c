"""Lists, members and consents in Klaviyo's stand-in."""

import json
from typing import Any

import pytest

from local.klaviyo_stand_in import Account
from tests.local.klaviyo_stand_in.caller import (
    account,
    answer,
    get,
    members,
    new_list,
    post,
    problems,
    profile_without_email,
    request,
    subscriber,
    subscription_job,
    unsubscription_job,
    upserted,
)

Json = Any

MEMBERS = "/api/lists/SINGLE/relationships/profiles"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
EMAIL = "email.marketing"


def consent(made: Account, email: str = "ann@shop.io") -> dict[str, str]:
    """The consents of whoever has this address."""
    profile = made.profiles.by_email(email)
    assert profile is not None
    return profile.consents


def test_profiles_join_a_list_by_id_and_no_consent_is_recorded() -> None:
    made = account()
    ann, bob = upserted(made, email="ann@shop.io"), upserted(made, email="bob@shop.io")
    response = post(made, MEMBERS, members(ann, bob))
    assert (response.status, response.body) == (204, b"")
    assert (made.lists["SINGLE"].members, consent(made)) == ({ann, bob}, {})


def test_profiles_leave_a_list_by_id_and_keep_their_consents() -> None:
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    [ann] = made.profiles
    response = answer(made, request("DELETE", MEMBERS, members(ann.id)))
    assert (response.status, response.body) == (204, b"")
    assert (made.lists["SINGLE"].members, ann.consents) == (set(), {EMAIL: "SUBSCRIBED"})


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_unknown_list_is_404(method: str) -> None:
    made = account()
    path = "/api/lists/NONE/relationships/profiles"
    ann = upserted(made, email="ann@shop.io")
    assert answer(made, request(method, path, members(ann))).status == 404


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_unknown_member_is_404_where_it_stands_and_none_is_moved(method: str) -> None:
    made = account()
    ann, bob = upserted(made, email="ann@shop.io"), upserted(made, email="bob@shop.io")
    post(made, MEMBERS, members(bob))
    response = answer(made, request(method, MEMBERS, members(ann, bob, "01NONE")))
    assert (response.status, problems(response), made.lists["SINGLE"].members) == (
        404,
        [("A profile with id 01NONE does not exist.", "/data/2/id")],
        {bob},
    )


def test_a_list_is_created_with_its_opt_in_process() -> None:
    made = account()
    response = post(made, "/api/lists", new_list(opt_in_process="single_opt_in"))
    data = response.json()["data"]
    assert (response.status, data["attributes"]) == (
        201,
        {
            "name": "VIP",
            "created": "2026-07-15T12:00:00+00:00",
            "updated": "2026-07-15T12:00:00+00:00",
            "opt_in_process": "single_opt_in",
        },
    )
    assert made.lists[data["id"]].name == "VIP"


def test_a_list_without_an_opt_in_process_takes_the_accounts() -> None:
    made = account(policy={"default_opt_in": "single_opt_in"})
    response = post(made, "/api/lists", new_list())
    assert response.json()["data"]["attributes"]["opt_in_process"] == "single_opt_in"


def test_on_a_single_opt_in_list_a_subscriber_is_a_member_at_once() -> None:
    made = account()
    response = post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    [ann] = made.profiles
    single = made.lists["SINGLE"]
    assert (response.status, response.body) == (202, b"")
    assert (single.members, single.pending, consent(made)) == (
        {ann.id},
        {},
        {EMAIL: "SUBSCRIBED"},
    )


def test_on_a_double_opt_in_list_a_subscriber_waits_for_the_confirmation() -> None:
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="DOUBLE"))
    [ann] = made.profiles
    double = made.lists["DOUBLE"]
    assert (double.members, double.pending, ann.consents) == (set(), {ann.id: {EMAIL}}, {})
    assert made.confirm("ann@shop.io", "DOUBLE")
    assert (double.members, double.pending, ann.consents) == ({ann.id}, {}, {EMAIL: "SUBSCRIBED"})


def test_no_one_confirms_who_was_not_asked() -> None:
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="DOUBLE"))
    assert not made.confirm("bob@shop.io", "DOUBLE")
    assert not made.confirm("ann@shop.io", "SINGLE")
    assert not made.confirm("ann@shop.io")


def test_a_member_of_a_double_opt_in_list_is_not_asked_again() -> None:
    made = account()
    job = subscription_job(subscriber(), list_id="DOUBLE")
    post(made, SUBSCRIBE, job)
    made.confirm("ann@shop.io", "DOUBLE")
    post(made, SUBSCRIBE, job)
    assert made.lists["DOUBLE"].pending == {}


def test_a_historical_import_needs_no_confirmation() -> None:
    made = account()
    past = {
        "email": {"marketing": {"consent": "SUBSCRIBED", "consented_at": "2025-01-01T00:00:00Z"}}
    }
    job = subscription_job(subscriber(past), list_id="DOUBLE", historical_import=True)
    assert post(made, SUBSCRIBE, job).status == 202
    [ann] = made.profiles
    assert (made.lists["DOUBLE"].members, consent(made)) == ({ann.id}, {EMAIL: "SUBSCRIBED"})


def test_a_historical_import_ends_the_wait_for_a_confirmation() -> None:
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="DOUBLE"))
    past = {
        "email": {"marketing": {"consent": "SUBSCRIBED", "consented_at": "2025-01-01T00:00:00Z"}}
    }
    job = subscription_job(subscriber(past), list_id="DOUBLE", historical_import=True)
    post(made, SUBSCRIBE, job)
    [ann] = made.profiles
    assert (made.lists["DOUBLE"].members, made.lists["DOUBLE"].pending) == ({ann.id}, {})


def test_without_a_list_a_new_address_makes_no_profile() -> None:
    made = account()
    assert post(made, SUBSCRIBE, subscription_job(subscriber())).status == 202
    assert len(made.profiles) == 0


@pytest.mark.parametrize(
    ("process", "before"), [("single_opt_in", {EMAIL: "SUBSCRIBED"}), ("double_opt_in", {})]
)
def test_without_a_list_the_accounts_opt_in_process_decides(process: str, before: Json) -> None:
    made = account(policy={"default_opt_in": process})
    upserted(made, email="ann@shop.io")
    post(made, SUBSCRIBE, subscription_job(subscriber()))
    assert consent(made) == before
    assert made.confirm("ann@shop.io") == (process == "double_opt_in")
    assert consent(made) == {EMAIL: "SUBSCRIBED"}


def test_channels_are_subscribed_one_by_one() -> None:
    made = account()
    channels = {
        "email": {
            "marketing": {"consent": "SUBSCRIBED"},
            "open_tracking": {"consent": "SUBSCRIBED"},
        },
        "sms": {"transactional": {"consent": "SUBSCRIBED"}},
    }
    job = subscription_job(subscriber(channels, phone_number="+14155550100"), list_id="SINGLE")
    post(made, SUBSCRIBE, job)
    assert consent(made) == {
        EMAIL: "SUBSCRIBED",
        "email.open_tracking": "SUBSCRIBED",
        "sms.transactional": "SUBSCRIBED",
    }


def test_a_known_profile_can_be_subscribed_by_id_alone() -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io")
    person = profile_without_email(subscriptions=subscriber()["attributes"]["subscriptions"])
    assert (
        post(made, SUBSCRIBE, subscription_job({**person, "id": ann}, list_id="SINGLE")).status
        == 202
    )
    assert consent(made) == {EMAIL: "SUBSCRIBED"}


def test_an_unknown_id_in_a_subscription_is_404_where_it_stands() -> None:
    made = account()
    job = subscription_job(subscriber(), {**subscriber(), "id": "01NONE"}, list_id="SINGLE")
    response = post(made, SUBSCRIBE, job)
    assert (response.status, problems(response), len(made.profiles)) == (
        404,
        [
            (
                "A profile with id 01NONE does not exist.",
                "/data/attributes/profiles/data/1/id",
            )
        ],
        0,
    )


def test_one_bad_subscriber_fails_the_whole_job() -> None:
    made = account()
    job = subscription_job(subscriber(), subscriber(email="bob"), list_id="SINGLE")
    response = post(made, SUBSCRIBE, job)
    assert (response.status, problems(response), len(made.profiles)) == (
        400,
        [("Invalid email address", "/data/attributes/profiles/data/1/attributes/email")],
        0,
    )


@pytest.mark.parametrize(
    ("path", "job"),
    [
        (SUBSCRIBE, subscription_job(subscriber(), list_id="NONE")),
        (UNSUBSCRIBE, unsubscription_job(subscriber(consent="UNSUBSCRIBED"), list_id="NONE")),
    ],
    ids=["subscribe", "unsubscribe"],
)
def test_a_subscription_to_an_unknown_list_is_404(path: str, job: Json) -> None:
    response = post(account(), path, job)
    assert (response.status, problems(response)) == (
        404,
        [("A list with id NONE does not exist.", "/data/relationships/list/data/id")],
    )


def subscribed() -> Account:
    """Ann has subscribed on the single opt-in list."""
    made = account()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    return made


def unsubscribe(made: Account, list_id: str | None) -> None:
    job = unsubscription_job(subscriber(consent="UNSUBSCRIBED"), list_id=list_id)
    assert post(made, UNSUBSCRIBE, job).status == 202


def test_a_member_is_unsubscribed_from_that_list_alone() -> None:
    made = subscribed()
    unsubscribe(made, "SINGLE")
    [ann] = made.profiles
    assert (made.lists["SINGLE"].members, ann.consents, set(ann.list_suppressions)) == (
        set(),
        {EMAIL: "SUBSCRIBED"},
        {"SINGLE"},
    )


@pytest.mark.parametrize("list_id", ["DOUBLE", None])
def test_whoever_is_not_on_the_list_is_unsubscribed_globally(list_id: str | None) -> None:
    made = subscribed()
    unsubscribe(made, list_id)
    assert consent(made) == {EMAIL: "UNSUBSCRIBED"}


def test_a_new_subscription_removes_an_unsubscription() -> None:
    made = subscribed()
    unsubscribe(made, "SINGLE")
    unsubscribe(made, None)
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="SINGLE"))
    [ann] = made.profiles
    assert (ann.consents, set(ann.list_suppressions)) == ({EMAIL: "SUBSCRIBED"}, set())


def test_a_deleted_profile_is_on_no_list() -> None:
    made = subscribed()
    post(made, SUBSCRIBE, subscription_job(subscriber(), list_id="DOUBLE"))
    [ann] = made.profiles
    made.exchange(
        request(
            "POST",
            "/api/data-privacy-deletion-jobs",
            {
                "data": {
                    "type": "data-privacy-deletion-job",
                    "attributes": {
                        "profile": {"data": {"type": "profile", "id": ann.id, "attributes": {}}}
                    },
                }
            },
        )
    )
    assert (made.lists["SINGLE"].members, made.lists["DOUBLE"].pending) == (set(), {})


def test_consents_can_be_asked_for() -> None:
    made = subscribed()
    response = get(made, "/api/profiles?additional-fields%5Bprofile%5D=subscriptions")
    [ann] = response.json()["data"]
    since = next(iter(made.profiles)).consented[EMAIL].isoformat()
    assert ann["attributes"]["subscriptions"] == {
        "email": {
            "marketing": {
                "can_receive_email_marketing": True,
                "consent": "SUBSCRIBED",
                "consent_timestamp": since,
                "last_updated": since,
                "suppression": [],
                "list_suppressions": [],
            }
        }
    }


def on_single(made: Account, query: str = "") -> list[str]:
    """The ids of the profiles that the list of members shows."""
    response = get(made, f"/api/lists/SINGLE/profiles{query}")
    assert response.status == 200
    return [each["id"] for each in response.json()["data"]]


def test_the_members_of_a_list_can_be_looked_up_by_address_and_number() -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io", phone_number="+14155550100")
    bob, eve = upserted(made, email="bob@shop.io"), upserted(made, email="eve@shop.io")
    post(made, MEMBERS, members(ann, bob))
    assert on_single(made) == [ann, bob]
    assert on_single(made, "?filter=any(email,%5B%22ANN@shop.io%22,%22eve@shop.io%22%5D)") == [ann]
    assert on_single(made, "?filter=equals(phone_number,%22%2B14155550100%22)") == [ann]
    assert eve not in on_single(made)


def test_the_members_of_a_list_come_in_pages() -> None:
    made = account()
    ids = [upserted(made, email=f"p{n}@shop.io") for n in range(3)]
    post(made, MEMBERS, members(*ids))
    response = get(made, "/api/lists/SINGLE/profiles?page%5Bsize%5D=2")
    following = response.json()["links"]["next"].partition("?")[2]
    assert [each["id"] for each in response.json()["data"]] == ids[:2]
    assert on_single(made, f"?{following}") == ids[2:]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/lists/NONE/profiles", 404),
        ("/api/lists/SINGLE/profiles?filter=equals(external_id,%227%22)", 400),
        ("/api/lists/SINGLE/profiles?filter=any(email,%5B%22" + "a" * 8000 + "%22%5D)", 414),
    ],
    ids=["no such list", "no such filter", "too long"],
)
def test_members_cannot_be_looked_up_otherwise(target: str, status: int) -> None:
    assert get(account(), target).status == status


def test_who_is_known_by_the_address_has_the_number_once_it_is_subscribed() -> None:
    made = account()
    ann = upserted(made, email="ann@shop.io")
    both = {
        "email": {"marketing": {"consent": "SUBSCRIBED"}},
        "sms": {"marketing": {"consent": "SUBSCRIBED"}},
    }
    person = subscriber(both, email="ann@shop.io", phone_number="+14155550100")
    post(made, SUBSCRIBE, subscription_job(person, list_id="SINGLE"))
    [profile] = made.profiles
    assert (profile.id, profile.phone_number) == (ann, "+14155550100")


def test_an_unsubscription_of_both_channels_takes_a_member_off_the_list_once() -> None:
    made = account()
    both = {
        "email": {"marketing": {"consent": "SUBSCRIBED"}},
        "sms": {"marketing": {"consent": "SUBSCRIBED"}},
    }
    person = subscriber(both, phone_number="+14155550100")
    post(made, SUBSCRIBE, subscription_job(person, list_id="SINGLE"))
    [ann] = made.profiles
    ended = json.loads(json.dumps(person).replace("SUBSCRIBED", "UNSUBSCRIBED"))
    post(made, UNSUBSCRIBE, unsubscription_job(ended, list_id="SINGLE"))
    assert (ann.consents, set(ann.list_suppressions)) == (
        {"email.marketing": "SUBSCRIBED", "sms.marketing": "SUBSCRIBED"},
        {"SINGLE"},
    )
