"""What of a refused operation is worth sending once more in another form."""

import pytest

from klaviyo_client.api.outcomes import Refused
from klaviyo_client.recovery.other_forms import amended
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

PHONE = Refused(400, "invalid", "The phone number is not valid.", "/data/attributes/phone_number")
PHONE_BY_DETAIL = Refused(400, "invalid", "Invalid phone number format", "/data")
EMAIL = Refused(400, "invalid", "Invalid email address", "/data/attributes/email")
CONFLICT = Refused(409, "duplicate_profile", "A profile already exists.", "/data/attributes")
CONFLICT_IN_A_JOB = Refused(200, "duplicate_profile", "A profile already exists.")


def at(place: str) -> Refused:
    """A refusal that points at an attribute."""
    return Refused(400, "invalid", "Invalid input.", f"/data/attributes/{place}")


BOTH = Identity(email="a@shop.example", phone_number="+15005550006")
E_MAIL = Identity(email="a@shop.example")
ALL = Identity("a@shop.example", "7", "+15005550006", "kx")
NO_PHONE = Identity("a@shop.example", "7", None, "kx")


@pytest.mark.parametrize(
    ("operation", "refused", "expected"),
    [
        pytest.param(
            UpsertProfile("m", BOTH, {"title": "Dr"}, {"plan": "pro"}, {"Phone": "555 0006"}, "t"),
            PHONE,
            UpsertProfile(
                "m", E_MAIL, {"title": "Dr"}, {"plan": "pro", "Phone": "555 0006"}, {}, "t"
            ),
            id="profile: the phone number becomes a custom property, as it was sent",
        ),
        pytest.param(
            UpsertProfile("m", ALL, phone_as_sent={"phone": "1"}),
            PHONE_BY_DETAIL,
            UpsertProfile("m", NO_PHONE, properties={"phone": "1"}),
            id="profile: only the detail names the phone number",
        ),
        pytest.param(
            CreateEvent("m", ALL, "Viewed", "u", {"a": 1}),
            PHONE,
            CreateEvent("m", NO_PHONE, "Viewed", "u", {"a": 1}),
            id="event: the phone number is left out",
        ),
        pytest.param(
            AddToList("m", BOTH, "L"),
            PHONE,
            AddToList("m", E_MAIL, "L"),
            id="list step: the phone number is left out",
        ),
        pytest.param(
            UpsertProfile("m", ALL, phone_as_sent={"phone": "1"}),
            CONFLICT,
            UpsertProfile("m", E_MAIL, properties={"phone": "1"}),
            id="conflict: only the e-mail stays",
        ),
        pytest.param(
            CreateEvent("m", ALL, "Viewed", "u"),
            CONFLICT,
            CreateEvent("m", E_MAIL, "Viewed", "u"),
            id="conflict of an event: only the e-mail stays",
        ),
        pytest.param(
            UpsertProfile("m", Identity(external_id="7", phone_number="+1")),
            CONFLICT,
            UpsertProfile("m", Identity(external_id="7")),
            id="conflict without an e-mail: only the external id stays",
        ),
        pytest.param(
            UpsertProfile("m", ALL, properties={"plan": "pro"}),
            EMAIL,
            UpsertProfile(
                "m",
                Identity(None, "7", "+15005550006", "kx"),
                properties={"email": "a@shop.example", "plan": "pro"},
            ),
            id="profile: the e-mail address beside other identifiers becomes a custom property",
        ),
        pytest.param(
            CreateEvent("m", ALL, "Viewed", "u"),
            EMAIL,
            CreateEvent("m", Identity(None, "7", "+15005550006", "kx"), "Viewed", "u"),
            id="event: the e-mail address beside other identifiers is left out",
        ),
        pytest.param(
            UpsertProfile("m", ALL),
            at("external_id"),
            UpsertProfile(
                "m",
                Identity("a@shop.example", None, "+15005550006", "kx"),
                properties={"external_id": "7"},
            ),
            id="profile: the external id becomes a custom property",
        ),
        pytest.param(
            UpsertProfile("m", E_MAIL, {"location": {"timezone": "Mars", "city": "Rome"}}),
            at("location/timezone"),
            UpsertProfile("m", E_MAIL, {"location": {"city": "Rome"}}, {"timezone": "Mars"}),
            id="profile: a time zone",
        ),
        pytest.param(
            UpsertProfile("m", E_MAIL, {"location": {"latitude": "far"}}, {"latitude": "kept"}),
            at("location/latitude"),
            UpsertProfile("m", E_MAIL, {}, {"latitude": "kept"}),
            id="profile: the last field of the location, whose name is taken",
        ),
        pytest.param(
            UpsertProfile("m", E_MAIL, {"location": {"city": "Rome"}, "title": "Dr"}),
            at("location"),
            UpsertProfile("m", E_MAIL, {"title": "Dr"}, {"location": {"city": "Rome"}}),
            id="profile: the location as a whole",
        ),
        pytest.param(
            UpsertProfile("m", E_MAIL, {"locale": "xx-YY-zz", "title": "Dr"}),
            at("locale"),
            UpsertProfile("m", E_MAIL, {"title": "Dr"}, {"locale": "xx-YY-zz"}),
            id="profile: a locale",
        ),
        pytest.param(
            UpsertProfile("m", E_MAIL, {"title": None}),
            at("title"),
            UpsertProfile("m", E_MAIL),
            id="profile: an attribute that cannot be cleared",
        ),
        pytest.param(
            CreateEvent("m", E_MAIL, "Viewed", "u", {"a": 1}, value=1, value_currency="XXX"),
            at("value_currency"),
            CreateEvent("m", E_MAIL, "Viewed", "u", {"currency": "XXX", "a": 1}, value=1),
            id="event: the value without its currency",
        ),
        pytest.param(
            Subscribe("m", "a@shop.example", "L", "+15005550006"),
            PHONE,
            Subscribe("m", "a@shop.example", "L"),
            id="subscription: e-mail only, the number is refused",
        ),
        pytest.param(
            Subscribe("m", "a@shop.example", "L", "+15005550006"),
            at("age_gated_date_of_birth"),
            Subscribe("m", "a@shop.example", "L"),
            id="subscription: e-mail only, the account has an age gate for SMS",
        ),
        pytest.param(
            Subscribe("m", "a@shop.example", "L", "+15005550006"),
            EMAIL,
            Subscribe("m", None, "L", "+15005550006"),
            id="subscription: SMS only, the address is refused",
        ),
        pytest.param(
            Unsubscribe("m", "a@shop.example", None, "+15005550006"),
            PHONE,
            Unsubscribe("m", "a@shop.example", None),
            id="withdrawal: the channel that is not refused",
        ),
        pytest.param(
            UpsertProfile("m", ALL),
            CONFLICT_IN_A_JOB,
            UpsertProfile("m", E_MAIL),
            id="conflict found by an import job, which has no status",
        ),
    ],
)
def test_the_refusal_is_avoided(
    operation: Operation, refused: Refused, expected: Operation
) -> None:
    assert amended(operation, [refused]) == expected


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        pytest.param(UpsertProfile("m", E_MAIL), EMAIL, id="no other identifier"),
        pytest.param(UpsertProfile("m", BOTH), at("title"), id="an attribute that is not there"),
        pytest.param(UpsertProfile("m", BOTH), at("properties/plan"), id="a custom property"),
        pytest.param(CreateEvent("m", BOTH, "V", "u"), at("time"), id="when an event was"),
        pytest.param(
            Unsubscribe("m", "a@shop.example", None, "+15005550006"),
            at("subscriptions"),
            id="withdrawal: no channel is named",
        ),
        pytest.param(UpsertProfile("m", E_MAIL), PHONE, id="there is no phone number"),
        pytest.param(
            UpsertProfile("m", Identity(phone_number="+1")), PHONE, id="nothing would be left"
        ),
        pytest.param(UpsertProfile("m", E_MAIL), CONFLICT, id="there was only the e-mail already"),
        pytest.param(
            UpsertProfile("m", Identity(phone_number="+1", kx="k")), CONFLICT, id="neither is first"
        ),
        pytest.param(AddToList("m", BOTH, "L", "01P"), PHONE, id="known by Klaviyo's own id"),
        pytest.param(Subscribe("m", "a@shop.example", "L"), CONFLICT, id="subscription"),
        pytest.param(CheckImport(None, "01J"), PHONE, id="check of an import"),
    ],
)
def test_there_is_no_other_form(operation: Operation, refused: Refused) -> None:
    assert amended(operation, [refused]) is None


def test_an_amended_operation_is_not_amended_for_the_same_reason_again() -> None:
    once = amended(UpsertProfile("m", ALL), [PHONE])
    assert once is not None
    assert amended(once, [PHONE]) is None
    twice = amended(once, [CONFLICT])
    assert twice is not None
    assert amended(twice, [CONFLICT]) is None


def test_all_that_an_answer_refuses_gives_way_at_once() -> None:
    attributes = {"location": {"timezone": "Mars", "city": "Rome"}, "locale": "?"}
    operation = UpsertProfile("m", ALL, attributes, phone_as_sent={"Phone": "555"})
    assert amended(operation, [at("location/timezone"), at("locale"), PHONE]) == UpsertProfile(
        "m",
        NO_PHONE,
        {"location": {"city": "Rome"}},
        {"locale": "?", "timezone": "Mars", "Phone": "555"},
    )
