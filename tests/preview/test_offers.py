"""What other settings would change about a message."""

from datetime import UTC, datetime
from typing import Any

import pytest

from klaviyo_mapping import Settings
from preview import Offer, offers

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EMAIL = "maria@acme-store.example"


def offered(message: dict[str, Any], **settings: Any) -> list[Offer]:
    return [each for each in offers(message, Settings(**settings), NOW) if each.is_special]


def texts(message: dict[str, Any], **settings: Any) -> list[str]:
    return [offer.text for offer in offered(message, **settings)]


def message(type_: str, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "messageId": "m-1", "userId": "u-1", **fields}


def track(event: str, **properties: Any) -> dict[str, Any]:
    return message("track", event=event, properties={"email": EMAIL, **properties})


def identify(**traits: Any) -> dict[str, Any]:
    return message("identify", traits={"email": EMAIL, **traits})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            track("User Subscribed"),
            ["With CONSENT_EVENTS=true it would also record the consent to e-mail."],
        ),
        (
            identify(phone="(415) 555-2671"),
            ["With DEFAULT_COUNTRY=US it would set phone_number."],
        ),
        (
            identify(phone="030 123456"),
            ["With DEFAULT_COUNTRY=DE it would set phone_number."],
        ),
        (
            message("delete", context={"traits": {"email": EMAIL}}),
            ["With FORWARD_DELETIONS=true it would delete the profile for good."],
        ),
        (
            message("page", name="Home", properties={"email": EMAIL}),
            ["With FORWARD_TYPES=page it would record the event Viewed Home Page."],
        ),
        (
            message("identify"),
            ["With ENFORCE_EMAIL=false it would create or update the profile."],
        ),
        (track("Lid Lost"), []),
        (identify(plan="pro"), []),
        (message("identify", userId={}), []),
    ],
    ids=[
        "consent",
        "number of the US",
        "number of Germany",
        "deletion",
        "page",
        "no address",
        "plain event",
        "plain person",
        "malformed",
    ],
)
def test_what_is_about_the_message_is_offered(given: dict[str, Any], expected: list[str]) -> None:
    assert texts(given) == expected


def test_setting_that_is_on_is_offered_off() -> None:
    assert "With CONSENT_EVENTS=false it would no longer record the consent to e-mail." in texts(
        track("User Subscribed"), consent_events=True
    )


def test_what_changes_any_message_is_said_apart() -> None:
    found = [(each.variable, each.is_special) for each in offers(identify(), Settings(), NOW)]
    assert found == [("ENFORCE_EMAIL", False), ("LIST_ID", False), ("KEEP_USER_ID", False)]


def test_offer_of_a_dropped_message_lets_it_through() -> None:
    [offer] = offered(message("alias", previousId="u-0"), enforce_email=False)
    assert (offer.setting, offer.value, offer.lets_through) == ("forward_aliases", "true", True)
    assert offer.also == ("merge the two profiles for good",)
