"""What of a refused operation is worth sending once more in another form."""

import pytest

from klaviyo_client.amendments import amended
from klaviyo_client.outcomes import Refused
from klaviyo_mapping.operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    UpsertProfile,
)

PHONE = Refused(400, "invalid", "The phone number is not valid.", "/data/attributes/phone_number")
PHONE_BY_DETAIL = Refused(400, "invalid", "Invalid phone number format", "/data")
EMAIL = Refused(400, "invalid", "Invalid email address", "/data/attributes/email")
CONFLICT = Refused(409, "duplicate_profile", "A profile already exists.", "/data/attributes")
CONFLICT_IN_A_JOB = Refused(200, "duplicate_profile", "A profile already exists.")

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
            id="profile: the detail alone names the phone number",
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
            id="conflict: the e-mail alone",
        ),
        pytest.param(
            CreateEvent("m", ALL, "Viewed", "u"),
            CONFLICT,
            CreateEvent("m", E_MAIL, "Viewed", "u"),
            id="conflict of an event: the e-mail alone",
        ),
        pytest.param(
            UpsertProfile("m", Identity(external_id="7", phone_number="+1")),
            CONFLICT,
            UpsertProfile("m", Identity(external_id="7")),
            id="conflict without an e-mail: the external id alone",
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
    assert amended(operation, refused) == expected


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        pytest.param(UpsertProfile("m", BOTH), EMAIL, id="another attribute"),
        pytest.param(UpsertProfile("m", E_MAIL), PHONE, id="there is no phone number"),
        pytest.param(
            UpsertProfile("m", Identity(phone_number="+1")), PHONE, id="nothing would be left"
        ),
        pytest.param(UpsertProfile("m", E_MAIL), CONFLICT, id="the e-mail was alone already"),
        pytest.param(
            UpsertProfile("m", Identity(phone_number="+1", kx="k")), CONFLICT, id="neither is first"
        ),
        pytest.param(AddToList("m", BOTH, "L", "01P"), PHONE, id="known by Klaviyo's own id"),
        pytest.param(Subscribe("m", "a@shop.example", "L"), CONFLICT, id="subscription"),
        pytest.param(CheckImport(None, "01J"), PHONE, id="check of an import"),
    ],
)
def test_there_is_no_other_form(operation: Operation, refused: Refused) -> None:
    assert amended(operation, refused) is None


def test_an_amended_operation_is_not_amended_for_the_same_reason_again() -> None:
    once = amended(UpsertProfile("m", ALL), PHONE)
    assert once is not None
    assert amended(once, PHONE) is None
    twice = amended(once, CONFLICT)
    assert twice is not None
    assert amended(twice, CONFLICT) is None
