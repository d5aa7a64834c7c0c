"""What is beyond the old destination, from the webhook to what Klaviyo then holds."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local.klaviyo_stand_in import Account, Weather
from local.klaviyo_stand_in.records.profiles import Profile
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope, identify, order, track

EMAIL, SMS = "email.marketing", "sms.marketing"
ADDRESS, PHONE = "person1@acme-store.example", "+14155550101"
CUSTOMERS, NEWSLETTER = "WmB7kT", "Y6nRLr"

FIRST_SYNC = (range(3_400), range(3_400, 6_800), range(6_800, 10_000))
"""The members, in batches near Segment's limit."""


@pytest.fixture
def audiences(deployment: Deployment) -> Deployment:
    """`vips` are on the list of the customers."""
    return deployment.with_settings(AUDIENCE_LISTS=f'{{"vips": "{CUSTOMERS}"}}')


@pytest.fixture
def consents(deployment: Deployment) -> Deployment:
    return deployment.with_settings(CONSENT_EVENTS="true")


def audience(number: int, is_member: bool, second: int = 0, **changes: Any) -> dict[str, Any]:
    """What Engage sends as somebody enters an audience, or exits it."""
    return {
        "type": "track",
        "messageId": f"audience-{number}-{second}",
        "userId": None,
        "event": "Audience Entered" if is_member else "Audience Exited",
        "timestamp": f"2026-11-23T10:00:{second:02}.000Z",
        "context": {
            "personas": {"computation_class": "audience", "computation_key": "vips"},
            "traits": {"email": f"person{number}@acme-store.example"},
        },
        "properties": {"audience_key": "vips", "vips": is_member},
        "integrations": {"All": False},
        **changes,
    }


def consent(event_name: str, number: int = 1, second: int = 0, **properties: Any) -> dict[str, Any]:
    email = f"person{number}@acme-store.example"
    return track(
        number,
        messageId=f"consent-{number}-{second}",
        event=event_name,
        timestamp=f"2026-11-23T10:00:{second:02}.000Z",
        properties={"email": email, **properties},
    )


def person(account: Account, number: int = 1) -> Profile:
    profile = account.profiles.by_email(f"person{number}@acme-store.example")
    assert profile is not None
    return profile


def members(account: Account, list_id: str = CUSTOMERS) -> set[str | None]:
    """The addresses on a list."""
    emails = {profile.id: profile.email for profile in account.profiles}
    return {emails[each] for each in account.lists[list_id].members}


def metrics(account: Account) -> Counter[str]:
    return Counter(event.metric for event in account.events)


def delivered(answer: tuple[int, dict[str, Any]]) -> int:
    """How many messages were delivered; all the others must have a fate of their own."""
    status, body = answer
    assert status == 200
    return int(body["delivered"])


def drained(deployment: Deployment, at: int = 0) -> None:
    """Have the retry function deliver all that waits from this entry on, as if it were due."""
    waiting = [{**entry, "not_before": 0} for entry in deployment.waiting()[at:]]
    assert deployment.retry(batch(envelope(*waiting))) == {"batchItemFailures": []}


def synced(deployment: Deployment, is_member: bool) -> Counter[str]:
    """The requests that it takes to tell of 10,000 members, by endpoint."""
    before, waiting = len(deployment.account.requests), len(deployment.waiting())
    for numbers in FIRST_SYNC:
        messages = [audience(number, is_member, int(not is_member)) for number in numbers]
        status, body = deployment.webhook(call(messages))
        assert (status, body["delivered"] + body["queued"]) == (200, len(numbers))
    drained(deployment, waiting)
    return Counter(each.endpoint for each in deployment.account.requests[before:])


# Audiences


def test_who_enters_an_audience_joins_its_list_and_no_event_is_recorded(
    audiences: Deployment,
) -> None:
    assert delivered(audiences.webhook(call([audience(1, True), audience(2, True)]))) == 2
    assert members(audiences.account) == {ADDRESS, "person2@acme-store.example"}
    assert audiences.account.events_recorded == 0


def test_who_exits_an_audience_leaves_its_list(audiences: Deployment) -> None:
    audiences.webhook(call([audience(1, True), audience(2, True)]))
    assert delivered(audiences.webhook(call(audience(1, False, 1)))) == 1
    assert members(audiences.account) == {"person2@acme-store.example"}


def test_an_identify_keeps_the_audience_as_a_property_besides(audiences: Deployment) -> None:
    message = audience(1, True)
    traits = {"email": ADDRESS, "vips": True}
    message = {**message, "type": "identify", "traits": traits}
    assert delivered(audiences.webhook(call(message))) == 1
    assert members(audiences.account) == {ADDRESS}
    assert person(audiences.account).properties == {"vips": True}


def test_auto_creates_the_list_once_however_many_functions_there_are(
    deployment: Deployment,
) -> None:
    """Each call here is a function that has just started."""
    auto = deployment.with_settings(AUDIENCE_LISTS="auto")
    for number in range(3):
        assert delivered(auto.webhook(call(audience(number, True)))) == 1
    [vips] = [each for each in deployment.account.lists.values() if each.name == "vips"]
    assert len(vips.members) == 3
    assert deployment.account.counts["create_list", 201] == 1


def test_without_the_setting_an_audience_is_an_event(deployment: Deployment) -> None:
    assert delivered(deployment.webhook(call(audience(1, True)))) == 1
    assert members(deployment.account) == set()
    assert metrics(deployment.account) == {"Audience Entered": 1}


@pytest.mark.parametrize(
    ("steps", "is_member"),
    [
        ([(True, 0), (False, 1)], False),
        ([(False, 0), (True, 1)], True),
        ([(True, 1), (False, 0)], True),
        ([(True, 0), (False, 1), (True, 2)], True),
    ],
)
@pytest.mark.parametrize("others", [0, 30])
def test_entering_and_exiting_in_one_batch_end_as_the_one_sent_later_says(
    audiences: Deployment, steps: Sequence[tuple[bool, int]], is_member: bool, others: int
) -> None:
    beside = [audience(number, True) for number in range(2, 2 + others)]
    messages = [*beside, *(audience(1, *step) for step in steps)]
    assert delivered(audiences.webhook(call(messages))) == len(messages)
    assert (ADDRESS in members(audiences.account)) is is_member
    assert len(members(audiences.account)) == others + is_member


@pytest.mark.parametrize("is_member", [True, False])
def test_steps_that_waited_in_the_queue_apply_in_the_order_in_which_they_were_sent(
    audiences: Deployment, is_member: bool
) -> None:
    audiences.account.set_weather(Weather(down=True))
    audiences.webhook(call(audience(1, is_member, second=2)))
    audiences.webhook(call(audience(1, not is_member, second=1)))
    audiences.account.set_weather()
    assert len(audiences.waiting()) == 2
    drained(audiences)
    assert (ADDRESS in members(audiences.account)) is is_member
    assert audiences.dead() == []


@pytest.mark.alone
def test_a_first_sync_of_10000_members_takes_3_requests_and_its_end_220_at_most(
    audiences: Deployment,
) -> None:
    """What a webhook call has no time for, the retry function sends."""
    account = audiences.account
    added = synced(audiences, True)
    assert added["bulk_import_profiles"] <= 3
    assert added.keys() <= {"bulk_import_profiles", "get_bulk_import_profiles_job"}
    assert len(members(account)) == 10_000
    removed = synced(audiences, False)
    assert sum(removed.values()) - removed["get_bulk_import_profiles_job"] <= 220
    assert members(account) == set()
    assert audiences.dead() == []


# Consent


def test_consent_to_both_channels_is_given_and_withdrawn_and_told_as_events(
    consents: Deployment,
) -> None:
    account = consents.account
    given = consent("User Subscribed", phone=PHONE, list_id=CUSTOMERS)
    assert delivered(consents.webhook(call(given))) == 1
    assert person(account).consents == {EMAIL: "SUBSCRIBED", SMS: "SUBSCRIBED"}
    assert members(account) == {ADDRESS}
    withdrawn = consent("User Unsubscribed", phone=PHONE)
    assert delivered(consents.webhook(call(withdrawn))) == 1
    assert person(account).consents == {EMAIL: "UNSUBSCRIBED", SMS: "UNSUBSCRIBED"}
    assert metrics(account) == {"User Subscribed": 1, "User Unsubscribed": 1}


def test_one_channel_is_withdrawn_and_the_other_stays(consents: Deployment) -> None:
    consents.webhook(call(consent("User Subscribed", phone=PHONE, list_id=CUSTOMERS)))
    assert delivered(
        consents.webhook(call(consent("User Unsubscribed", phone=PHONE, channels="sms")))
    )
    assert person(consents.account).consents == {EMAIL: "SUBSCRIBED", SMS: "UNSUBSCRIBED"}


def test_who_is_not_on_the_list_is_not_unsubscribed_from_everything(consents: Deployment) -> None:
    """Which is what Klaviyo itself would do."""
    consents.webhook(call(consent("User Subscribed", list_id=CUSTOMERS)))
    withdrawn = consent("User Unsubscribed", list_id=NEWSLETTER)
    assert delivered(consents.webhook(call(withdrawn))) == 1
    assert person(consents.account).consents == {EMAIL: "SUBSCRIBED"}
    assert members(consents.account) == {ADDRESS}


def test_a_consent_given_earlier_asks_nobody_to_confirm(consents: Deployment) -> None:
    message = consent(
        "User Subscribed",
        list_id=NEWSLETTER,
        historical_import=True,
        consented_at="2024-05-01T10:00:00Z",
    )
    assert delivered(consents.webhook(call(message))) == 1
    assert person(consents.account).consents == {EMAIL: "SUBSCRIBED"}
    assert (members(consents.account, NEWSLETTER), pending(consents.account)) == ({ADDRESS}, 0)


def pending(account: Account) -> int:
    """How many are asked to confirm."""
    return len(account.lists[NEWSLETTER].pending)


def test_a_consent_without_its_time_is_warned_of_and_asks_nobody(consents: Deployment) -> None:
    message = consent("User Subscribed", list_id=NEWSLETTER, historical_import=True)
    _, body = consents.webhook(call(message))
    assert body["messages"] == [
        {
            "message_id": "consent-1-0",
            "outcome": "delivered",
            "warnings": ["consented_at_missing"],
        }
    ]
    assert (members(consents.account, NEWSLETTER), pending(consents.account)) == (set(), 0)


def test_a_number_that_klaviyo_refuses_is_warned_of(
    consents: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    consents.account.set_weather(
        Weather(refuse_items="pointer", refuses=lambda attributes: "phone_number" in attributes)
    )
    message = consent("User Subscribed", list_id=CUSTOMERS, phone=PHONE, channels=["email", "sms"])
    capsys.readouterr()
    _, body = consents.webhook(call(message))
    assert [each["warnings"] for each in body["messages"]] == [["channel_left_out"]]
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [line["OperationsWarned"] for line in logged if "OperationsWarned" in line]
    assert counted == [[1.0], [1.0]], "in all, and by reason"


def test_a_number_that_is_none_does_not_cost_the_address_its_subscription(
    consents: Deployment,
) -> None:
    message = consent("User Subscribed", list_id=CUSTOMERS, phone="12", channels=["email", "sms"])
    _, body = consents.webhook(call(message))
    assert [each["warnings"] for each in body["messages"]] == [["channel_left_out"]]
    assert person(consents.account).consents == {EMAIL: "SUBSCRIBED"}


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (["User Subscribed", "User Unsubscribed"], "UNSUBSCRIBED"),
        (["User Unsubscribed", "User Subscribed"], "SUBSCRIBED"),
    ],
)
@pytest.mark.parametrize("is_down", [False, True])
def test_consents_of_one_person_apply_in_the_order_in_which_they_were_sent(
    consents: Deployment, names: Sequence[str], state: str, is_down: bool
) -> None:
    """In one batch, and after they have waited in the queue."""
    single = consents.with_settings(LIST_ID=CUSTOMERS)
    messages = [consent(name, second=second, all_lists=True) for second, name in enumerate(names)]
    if is_down:
        consents.account.set_weather(Weather(down=True))
    single.webhook(call(messages))
    consents.account.set_weather()
    if is_down:
        drained(single)
    assert person(consents.account).consents[EMAIL] == state


# Deletion


def deletion(user_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "delete",
        "messageId": f"delete-{user_id}",
        "userId": user_id,
        "timestamp": "2026-11-23T11:00:00.000Z",
        **changes,
    }


@pytest.mark.parametrize(
    ("settings", "user_id"),
    [({}, ADDRESS), ({"ENFORCE_EMAIL": "false"}, "user-1")],
)
def test_a_person_is_deleted_by_the_address_or_the_external_id(
    deployment: Deployment, settings: dict[str, str], user_id: str
) -> None:
    forwarding = deployment.with_settings(FORWARD_DELETIONS="true", **settings)
    forwarding.webhook(call([identify(1), identify(2)]))
    gone = person(deployment.account).id
    assert delivered(forwarding.webhook(call(deletion(user_id)))) == 1
    assert deployment.account.deleted == [gone]
    assert [profile.email for profile in deployment.account.profiles] == [
        "person2@acme-store.example"
    ]


def test_nobody_there_is_nobody_to_delete(deployment: Deployment) -> None:
    forwarding = deployment.with_settings(FORWARD_DELETIONS="true")
    assert delivered(forwarding.webhook(call(deletion("nobody@acme-store.example")))) == 1
    assert (deployment.account.deleted, deployment.waiting(), deployment.dead()) == ([], [], [])


def test_off_a_deletion_is_dropped(deployment: Deployment) -> None:
    deployment.webhook(call(identify(1)))
    _, body = deployment.webhook(call(deletion(ADDRESS)))
    assert [each["reason"] for each in body["messages"]] == ["unsupported_type"]
    assert len(deployment.account.profiles) == 1


def test_a_deletion_that_waited_is_carried_out_after_what_was_sent_before_it(
    deployment: Deployment,
) -> None:
    forwarding = deployment.with_settings(FORWARD_DELETIONS="true")
    deployment.account.set_weather(Weather(down=True))
    forwarding.webhook(call(deletion(ADDRESS)))
    forwarding.webhook(call(identify(1)))
    deployment.account.set_weather()
    drained(forwarding)
    assert len(deployment.account.profiles) == 0
    assert len(deployment.account.deleted) == 1


def test_a_deletion_that_the_key_may_not_ask_for_is_redriven_once_it_may(
    deployment: Deployment,
) -> None:
    forwarding = deployment.with_settings(FORWARD_DELETIONS="true")
    forwarding.webhook(call(identify(1)))
    deployment.account.set_weather(Weather(status=403))
    _, body = forwarding.webhook(call(deletion(ADDRESS)))
    assert [each["reason"] for each in body["messages"]] == ["forbidden"]
    old = [{**entry, "first_failed_at": 1.0, "not_before": 0} for entry in deployment.waiting()]
    forwarding.retry(batch(envelope(*old)))
    [letter] = deployment.dead()
    assert letter["operation"]["kind"] == "delete_profile"
    assert letter["reason"]["code"] == "retries_exhausted"
    deployment.account.set_weather()
    forwarding.retry(batch(envelope(letter)))
    assert len(deployment.account.profiles) == 0


# Edits


@pytest.mark.parametrize("others", [0, 30])
def test_custom_properties_are_edited_where_they_are(deployment: Deployment, others: int) -> None:
    """In a single request, and in an import job."""
    traits = {"badges": ["silver"], "interests": ["chess", "go"], "trial_ends": "soon"}
    deployment.webhook(call(identify(1, traits={"email": ADDRESS, **traits})))
    edits = {
        "fieldsToAppend": ["badges"],
        "fieldsToUnappend": ["interests"],
        "fieldsToUnset": ["trial_ends"],
    }
    message = identify(
        1,
        messageId="edit",
        traits={"email": ADDRESS, "badges": "gold", "interests": "chess", "plan": "pro"},
        integrations={"Klaviyo": edits},
    )
    beside = [identify(number) for number in range(2, 2 + others)]
    assert delivered(deployment.webhook(call([*beside, message]))) == 1 + others
    assert person(deployment.account).properties == {
        "badges": ["silver", "gold"],
        "interests": ["go"],
        "plan": "pro",
    }
    assert (deployment.account.counts["bulk_import_profiles", 202] == 1) is (others > 0)


# Klaviyo's own names


def test_klaviyos_flows_find_their_metrics(deployment: Deployment) -> None:
    named = deployment.with_settings(ECOMMERCE_METRICS="klaviyo", ORDER_PROPERTY_NAMES="klaviyo")
    product = {"product_id": "p-1", "name": "Mug", "price": 10, "quantity": 2}
    events = ["Product Viewed", "Product Added", "Checkout Started", "Order Refunded"]
    messages = [
        track(
            1,
            messageId=name,
            event=name,
            properties={"email": ADDRESS, "order_id": "o-1", **product},
        )
        for name in events
    ]
    assert delivered(named.webhook(call([*messages, order(1, 1)]))) == 5
    assert {event.metric: event.unique_id for event in deployment.account.events} == {
        "Viewed Product": "Product Viewed",
        "Added to Cart": "Product Added",
        "Started Checkout": "o-1_1795428000",
        "Refunded Order": "o-1",
        "Placed Order": "o-1",
        "Ordered Product": "o-1_p-0",
    }
    [placed] = [each for each in deployment.account.events if each.metric == "Placed Order"]
    assert placed.properties is not None
    assert placed.properties["ItemNames"] == ["Thing"]


# Rules and the user id


def test_rules_decide_what_goes_through_and_how_it_is_called(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        '[events]\ndeny = ["Debug *"]\n[rename]\n"Purchase Made" = "Order Completed"\n'
        '[traits]\nleave_out = ["ssn"]\n'
    )
    ruled = deployment.with_settings(RULES_FILE=str(file))
    _, body = ruled.webhook(
        call(
            [
                track(1, event="Debug Me"),
                {**order(2, 1), "event": "purchase_made"},
                identify(1, traits={"email": ADDRESS, "ssn": "1", "plan": "pro"}),
            ]
        )
    )
    assert (body["delivered"], body["messages"]) == (
        2,
        [{"message_id": "track-1", "outcome": "dropped", "reason": "denied_by_rules"}],
    )
    assert metrics(deployment.account) == {"Order Completed": 1, "Ordered Product": 1}
    assert person(deployment.account).properties == {"plan": "pro"}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [
        line["MessagesDropped"]
        for line in lines
        if line.get("reason") == "denied_by_rules" and "MessagesDropped" in line
    ]
    assert counted == [[1.0]]


def test_the_user_id_is_kept_where_it_names_nobody(deployment: Deployment) -> None:
    keeping = deployment.with_settings(KEEP_USER_ID="user_id")
    assert delivered(keeping.webhook(call(identify(1)))) == 1
    assert person(deployment.account).properties == {"user_id": "user-1"}
    assert person(deployment.account).external_id is None
