"""Types of messages that settings ask for, from the webhook to what Klaviyo then holds."""

from typing import Any

import pytest

from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, identify, track

ADDRESS, OLD = "person1@acme-store.example", "old@acme-store.example"


def alias(user_id: str = ADDRESS, previous_id: str = OLD) -> dict[str, Any]:
    return {
        "type": "alias",
        "messageId": "alias-1",
        "userId": user_id,
        "previousId": previous_id,
        "timestamp": "2026-11-23T11:00:00.000Z",
    }


def view(type_: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "messageId": f"{type_}-1",
        "userId": ADDRESS,
        "anonymousId": "browser-1",
        "name": "Home",
        "timestamp": "2026-11-23T11:00:00.000Z",
        **changes,
    }


def delivered(answer: tuple[int, dict[str, Any]]) -> int:
    status, body = answer
    assert status == 200
    number: int = body["delivered"]
    return number


def emails(deployment: Deployment) -> list[str | None]:
    return sorted((profile.email for profile in deployment.account.profiles), key=str)


def drained(deployment: Deployment) -> None:
    """Let the retry function have what waits."""
    waiting = [{**entry, "not_before": 0} for entry in deployment.waiting()]
    assert deployment.retry(batch(envelope(*waiting))) == {"batchItemFailures": []}


@pytest.fixture
def forwarding(deployment: Deployment) -> Deployment:
    return deployment.with_settings(FORWARD_ALIASES="true", FORWARD_TYPES="group,page,screen")


@pytest.mark.parametrize("message", [alias(), view("page"), view("screen"), view("group")])
def test_off_the_types_are_dropped(deployment: Deployment, message: dict[str, Any]) -> None:
    _, body = deployment.webhook(call(message))
    assert [each["reason"] for each in body["messages"]] == ["unsupported_type"]
    assert len(deployment.account.profiles) == 0


def test_an_alias_merges_the_previous_profile_into_the_new_one(forwarding: Deployment) -> None:
    forwarding.webhook(call([identify(1), identify(2, traits={"email": OLD, "plan": "pro"})]))
    assert delivered(forwarding.webhook(call(alias()))) == 1
    [profile] = forwarding.account.profiles
    assert (profile.email, profile.properties["plan"]) == (ADDRESS, "pro")


def test_an_alias_by_other_ids_merges_by_the_external_id(forwarding: Deployment) -> None:
    by_id = forwarding.with_settings(ENFORCE_EMAIL="false", FORWARD_ALIASES="true")
    anonymous = {"type": "identify", "messageId": "i", "userId": "guest-9", "traits": {"x": 1}}
    by_id.webhook(call([identify(1), anonymous]))
    assert delivered(by_id.webhook(call(alias("user-1", "guest-9")))) == 1
    assert [profile.external_id for profile in by_id.account.profiles] == ["user-1"]


@pytest.mark.parametrize("known", [[], [1]])
def test_where_there_is_nothing_to_merge_the_message_is_delivered(
    forwarding: Deployment, known: list[int]
) -> None:
    for number in known:
        forwarding.webhook(call(identify(number)))
    assert delivered(forwarding.webhook(call(alias()))) == 1
    assert (len(forwarding.account.profiles), forwarding.waiting(), forwarding.dead()) == (
        len(known),
        [],
        [],
    )


def test_an_alias_and_its_identify_in_one_batch_are_one_person(forwarding: Deployment) -> None:
    forwarding.webhook(call(identify(2, traits={"email": OLD})))
    assert delivered(forwarding.webhook(call([alias(), identify(1)]))) == 2
    assert emails(forwarding) == [ADDRESS]


def test_an_alias_waits_out_an_outage(forwarding: Deployment) -> None:
    forwarding.webhook(call([identify(1), identify(2, traits={"email": OLD})]))
    forwarding.account.set_weather(Weather(down=True))
    _, body = forwarding.webhook(call(alias()))
    assert body["queued"] == 1
    forwarding.account.set_weather()
    drained(forwarding)
    assert (emails(forwarding), forwarding.dead()) == ([ADDRESS], [])


def test_pages_and_screens_are_events(forwarding: Deployment) -> None:
    assert delivered(forwarding.webhook(call([view("page"), view("screen")]))) == 2
    # Two events go at once: which of them arrives first is open.
    assert {
        each.unique_id: (each.metric, each.properties) for each in forwarding.account.events
    } == {
        "page-1": ("Viewed Home Page", {"name": "Home"}),
        "screen-1": ("Viewed Home Screen", {"name": "Home"}),
    }


def test_a_group_is_custom_properties_of_its_member(forwarding: Deployment) -> None:
    group = view(
        "group", groupId="company-7", traits={"name": "Acme", "email": "office@acme.example"}
    )
    assert delivered(forwarding.webhook(call(group))) == 1
    [profile] = forwarding.account.profiles
    assert (profile.email, profile.properties) == (
        ADDRESS,
        {"group_name": "Acme", "group_email": "office@acme.example", "group_id": "company-7"},
    )


def test_events_of_a_browser_become_a_persons(deployment: Deployment) -> None:
    """So the stand-in does; what Klaviyo does is not documented for its server API."""
    naming = deployment.with_settings(
        SEND_ANONYMOUS_ID="true", FALLBACK_ON_ANONYMOUS_ID="true", ENFORCE_EMAIL="false"
    )
    before = {**track(1), "userId": None, "anonymousId": "browser-1", "properties": {}}
    before["context"] = {}
    after = {**track(2), "anonymousId": "browser-1", "properties": {"email": ADDRESS}}
    assert delivered(naming.webhook(call(before))) == 1
    assert [profile.identifiers for profile in naming.account.profiles] == [
        {"anonymous_id": "browser-1"}
    ]
    assert delivered(naming.webhook(call(after))) == 1
    assert [profile.email for profile in naming.account.profiles] == [ADDRESS]


def test_the_context_fills_locale_and_address(deployment: Deployment) -> None:
    sending = deployment.with_settings(SEND_CONTEXT="true")
    context = {"locale": "en_GB", "ip": "203.0.113.9"}
    assert delivered(sending.webhook(call(identify(1, context=context)))) == 1
    [profile] = sending.account.profiles
    assert (profile.attributes["locale"], profile.location["ip"]) == ("en-GB", "203.0.113.9")


def test_a_list_that_is_created_has_the_opt_in_process_of_the_setting(
    deployment: Deployment,
) -> None:
    creating = deployment.with_settings(AUDIENCE_LISTS="auto", LIST_OPT_IN="single")
    context = {"personas": {"computation_class": "audience", "computation_key": "vips"}}
    entered = {**track(1), "context": context, "properties": {"email": ADDRESS, "vips": True}}
    assert delivered(creating.webhook(call(entered))) == 1
    [vips] = [each for each in creating.account.lists.values() if each.name == "vips"]
    assert (vips.opt_in_process, len(vips.members)) == ("single_opt_in", 1)
