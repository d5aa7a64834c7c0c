"""Consents by any channel that Klaviyo knows: the client against the stand-in over HTTP."""

from typing import Any

import pytest

from klaviyo_client.api.answers import Answer
from klaviyo_client.delivery import Klaviyo
from local.klaviyo_stand_in import Account
from local.klaviyo_stand_in.protocol.openapi import BODIES, DEFINITIONS
from local.klaviyo_stand_in.records.profiles import Profile
from operations import Identity, Subscribe, Unsubscribe
from operations.channels import EVERY_CHANNEL, SPOKEN, SUBSCRIBABLE, WITHDRAWABLE
from tests.klaviyo_client.fakes import Sent, answer, deliver, kinds, scripted, upsert

ADDRESS, NUMBER = "ann@shop.example", "+14155550100"
EARLIER = "2024-05-01T10:00:00Z"


def subscribe(*channels: str, email: str | None = ADDRESS, **more: Any) -> Subscribe:
    given = {"phone_number": NUMBER, "channels": channels, "is_consent": True, **more}
    return Subscribe("m", email, "SINGLE", **given)


def ann(account: Account) -> Profile:
    profile = account.profiles.by_email(ADDRESS)
    assert profile is not None
    return profile


@pytest.fixture(autouse=True)
def a_list_that_asks_nobody(account: Account) -> None:
    account.add_list("SINGLE", "Newsletter", "single_opt_in")


@pytest.mark.parametrize("is_historical", [False, True])
@pytest.mark.parametrize("channel", sorted(SUBSCRIBABLE))
def test_klaviyo_takes_each_channel_by_itself(
    klaviyo: Klaviyo, account: Account, channel: str, is_historical: bool
) -> None:
    deliver(klaviyo, upsert(identity=Identity(ADDRESS, phone_number=NUMBER)))
    more: dict[str, Any] = (
        {"historical_import": True, "consented_at": EARLIER} if is_historical else {}
    )
    assert kinds(deliver(klaviyo, subscribe(channel, **more))) == {"Delivered": 1}
    assert ann(account).consents == {channel: "SUBSCRIBED"}


@pytest.mark.parametrize("channel", sorted(WITHDRAWABLE))
def test_klaviyo_ends_each_channel_by_itself(
    klaviyo: Klaviyo, account: Account, channel: str
) -> None:
    deliver(klaviyo, upsert(identity=Identity(ADDRESS, phone_number=NUMBER)))
    step = Unsubscribe("m", ADDRESS, None, NUMBER, channels=(channel,))
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert ann(account).consents == {channel: "UNSUBSCRIBED"}


def test_consents_of_one_person_to_several_channels_add_up(
    klaviyo: Klaviyo, account: Account
) -> None:
    steps = [
        subscribe("sms.transactional", email=None),
        subscribe("whatsapp.marketing"),
        subscribe("email.marketing", phone_number=None),
    ]
    deliver(klaviyo, upsert(identity=Identity(ADDRESS, phone_number=NUMBER)))
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 3}
    assert ann(account).consents == dict.fromkeys(
        ("sms.transactional", "whatsapp.marketing", "email.marketing"), "SUBSCRIBED"
    )


def test_withdrawals_of_one_person_from_several_channels_add_up(
    klaviyo: Klaviyo, account: Account
) -> None:
    deliver(klaviyo, upsert(identity=Identity(ADDRESS, phone_number=NUMBER)))
    steps = [
        Unsubscribe("m", None, None, NUMBER, channels=(channel,))
        for channel in ("sms.marketing", "whatsapp.marketing", "sms.marketing")
    ]
    assert kinds(deliver(klaviyo, *steps)) == {"Delivered": 3}
    assert ann(account).consents == dict.fromkeys(
        ("sms.marketing", "whatsapp.marketing"), "UNSUBSCRIBED"
    )


def test_who_leaves_a_list_by_whatsapp_keeps_the_marketing_by_sms() -> None:
    def script(request: Sent) -> Answer:
        found = {"type": "profile", "id": "01ANN", "attributes": {"phone_number": NUMBER}}
        return answer(200, {"data": [found]}) if request.method == "GET" else answer(202)

    klaviyo, transport = scripted(script)
    step = Unsubscribe("m", None, "L1", NUMBER, channels=("whatsapp.marketing",))
    assert kinds(deliver(klaviyo, step)) == {"Delivered": 1}
    assert transport.sent[-1].profiles == [
        {
            "phone_number": NUMBER,
            "subscriptions": {"whatsapp": {"marketing": {"consent": "UNSUBSCRIBED"}}},
        }
    ]


def test_all_consent_is_every_channel_of_the_schema_but_push() -> None:
    """Push is withdrawn by the tokens of devices, which the schema demands."""
    assert set(EVERY_CHANNEL) == {
        each for each in schema("bulk_unsubscribe_profiles") if not each.startswith("push.")
    }
    assert set(EVERY_CHANNEL) >= SUBSCRIBABLE - {"push.marketing"}
    assert schema("bulk_subscribe_profiles") >= SUBSCRIBABLE
    assert set(SPOKEN.values()) == SUBSCRIBABLE | WITHDRAWABLE


def schema(operation: str) -> set[str]:
    """The channels and kinds that the endpoint takes."""

    def inside(node: Any, *path: str) -> Any:
        for step in ("", *path):
            if step:
                node = node["items"] if step == "*" else node["properties"][step]
            if "$ref" in node:
                node = DEFINITIONS[node["$ref"].rpartition("/")[2]]
        return node

    place = ("data", "attributes", "profiles", "data", "*", "attributes", "subscriptions")
    channels = inside(BODIES[operation], *place)["properties"]
    return {
        f"{channel}.{kind}"
        for channel, of_channel in channels.items()
        for kind in inside(of_channel)["properties"]
        if kind not in ("tokens", "anonymous_id")
    }
