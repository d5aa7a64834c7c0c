"""Klaviyo's texts without the personal data that they quote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_client.redaction import redact, redact_pointer
from klaviyo_mapping.operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    UpsertProfile,
)

ADA = UpsertProfile(
    "msg-1",
    Identity(email="Ada.Lovelace@shop.example", external_id="user-8812"),
    {"first_name": "Ada", "last_name": "Lovelace", "location": {"city": "London", "zip": 2818}},
    {"tags": ["vip guest", {"note": "Likes tea"}], "vip": True, "age": 36},
    {"phone": "(500) 555-0006"},
)
VIEWED = CreateEvent("msg-2", Identity(kx="kx-77"), "Viewed Ada", "u-1", {"who": "Byron"})


@pytest.mark.parametrize(
    ("detail", "operation", "expected"),
    [
        (
            "'ada.lovelace@shop.example' is not a valid email",
            ADA,
            "'***' is not a valid email",
        ),
        ("Unknown bob@other.example here", ADA, "Unknown *** here"),
        ("+1 500-555-0199 is not valid for phone_number", ADA, "*** is not valid for phone_number"),
        ("Got (500) 555-0006.", ADA, "Got ***."),
        ("ADA LOVELACE of London, 2818", ADA, "*** *** of ***, ***"),
        ("external_id user-8812 is taken", ADA, "external_id *** is taken"),
        ("'vip guest' and 'Likes tea' at 36", ADA, "'***' and '***' at ***"),
        ("Adamant first_name and last_name", ADA, "Adamant first_name and last_name"),
        ("True is not a valid vip", ADA, "True is not a valid vip"),
        ("message msg-1", ADA, "message msg-1"),
        ("_kx kx-77 of Byron, metric Viewed Ada", VIEWED, "_kx *** of ***, metric ***"),
        (
            "A list with id L1 does not exist.",
            Subscribe("m", "a@shop.example", "L1"),
            "A list with id L1 does not exist.",
        ),
        (
            "A profile with id 01PROFILE does not exist.",
            AddToList("m", Identity(email="a@shop.example"), "L1", "01PROFILE"),
            "A profile with id *** does not exist.",
        ),
        ("Job J1 not found: m1", CheckImport(None, "J1", ("m1",)), "Job J1 not found: m1"),
        ("/data/attributes/x@shop.example/y", ADA, "/data/attributes/***/y"),
    ],
)
def test_values_are_masked_and_attribute_names_are_kept(
    detail: str, operation: Operation, expected: str
) -> None:
    assert redact(detail, operation) == expected


def test_at_most_500_characters_stay() -> None:
    assert redact("x" * 10_000, ADA) == "x" * 500


@given(
    st.sampled_from(["Ada", "Lovelace", "London", "user-8812", "vip guest"]),
    st.text(" .,:;'\"()[]{}/\\", min_size=1, max_size=5),
    st.text(max_size=20),
)
def test_a_value_is_masked_wherever_it_stands(value: str, around: str, noise: str) -> None:
    detail = f"invalid{around}{value}{around}value"
    assert value.lower() not in redact(detail, ADA).lower()
    assert value.lower() not in redact(f"{detail} {noise}", ADA).lower().replace(noise.lower(), "")


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/data/attributes/properties/Items/0/sku", "/data/attributes/properties/Items/0/sku"),
        ("/data/attributes/properties/ann@shop.example", "/data/attributes/properties/***"),
        ("/data/attributes/properties/+1 415 555 2671/x", "/data/attributes/properties/***/x"),
    ],
)
def test_a_pointer_keeps_its_keys_and_positions(pointer: str, expected: str) -> None:
    assert redact_pointer(pointer) == expected
