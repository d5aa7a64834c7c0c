"""Klaviyo's texts without the personal data that they quote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_client.api.redaction import redact, redact_code, redact_pointer
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Operation,
    Subscribe,
    UpsertProfile,
)
from tests.suite.timing import processor_seconds

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
        ("'ada.lovelace@shop.example' is not a valid email", ADA, "'***' is not a valid email"),
        ("Unknown bob@other.example here", ADA, "Unknown *** here"),
        (
            "+1 500-555-0199 is not valid for phone_number",
            ADA,
            "+*** *** is not valid for phone_number",
        ),
        ("Got (500) 555-0006.", ADA, "Got (***) ***."),
        ("ADA LOVELACE of London, 2818", ADA, "*** *** of ***, ***"),
        ("external_id user-8812 is taken", ADA, "external_id user-*** is taken"),
        ("'vip guest' and 'Likes tea' at 36", ADA, "'*** ***' and '*** ***' at ***"),
        ("Adamant first_name and last_name", ADA, "*** first_name and last_name"),
        ("True is not a valid vip", ADA, "True is not a valid ***"),
        ("value_Ada_is bad, AdaAda too", ADA, "value_***_is bad, *** too"),
        ('got "O\\u2019Ada"', ADA, 'got "***"'),
        ("got &#x27;Ada&#x27;, Ada%20Lovelace", ADA, "got &#***;, ***"),
        ("'Lovel…' and Zäphöd and Za\u0308phod", ADA, "'***' and *** and ***"),
        ("A neighbour's: Grace Hopper", ADA, "A ***'***: *** ***"),
        (
            "Must have 128 characters, not 40123 or 255",
            ADA,
            "Must have 128 characters, not *** or ***",
        ),
        ("/data/attributes/x@shop.example/y", ADA, "***"),
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
        ("Job J1 not found: m1", CheckImport(None, "J1", ("m1",)), "Job J1 not found: ***"),
        (
            "Profile import errors: events-bulk-create, address1, ProductID",
            VIEWED,
            "Profile import errors: events-bulk-create, address1, ProductID",
        ),
        (
            "Request was throttled. Expected available in 1 second.",
            ADA,
            "Request was throttled. Expected available in 1 second.",
        ),
        ("", ADA, ""),
    ],
)
def test_what_klaviyo_says_stays_and_what_it_quotes_is_masked(
    detail: str, operation: Operation, expected: str
) -> None:
    assert redact(detail, operation) == expected


def test_at_most_500_characters_stay() -> None:
    assert redact("not " * 10_000, ADA) == ("not " * 125)


@given(
    st.sampled_from(["Ada", "Lovelace", "London", "user-8812", "vip guest", "Hopper"]),
    st.text(" .,:;'\"()[]{}/\\_", min_size=1, max_size=5),
    st.text(max_size=20),
)
def test_a_value_is_masked_wherever_it_stands(value: str, around: str, noise: str) -> None:
    """Whoever it is, and whatever stands around it."""
    for detail in (f"invalid{around}{value}{around}value", f"{noise} {value.upper()} {noise}"):
        assert value.lower() not in redact(detail, VIEWED).lower()


LINEAR_SECONDS = 0.05


@pytest.mark.parametrize(
    "text",
    [
        "a" * 64_000,
        "1-" * 32_000,
        "1" + "(" * 64_000,
        "a@" * 32_000,
        "***" * 20_000,
        "word " * 20_000,
    ],
)
def test_a_long_text_takes_no_longer_than_its_length_asks_for(text: str) -> None:
    def read() -> None:
        redact(text, ADA)
        redact_pointer(text)
        redact_code(text)

    assert processor_seconds(read, LINEAR_SECONDS) < LINEAR_SECONDS


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/data/attributes/properties/Items/0/sku", "/data/attributes/properties/Items/0/sku"),
        ("/data/attributes/profiles/data/12/id", "/data/attributes/profiles/data/12/id"),
        ("/data/attributes/properties/ann@shop.example", "/data/attributes/properties/***"),
        (
            "/data/attributes/properties/+1 415 555 2671/x",
            "/data/attributes/properties/+*** *** *** ***/***",
        ),
        ("/data/attributes/properties/Marvin/1234567", "/data/attributes/properties/***/***"),
    ],
)
def test_a_pointer_keeps_positions_and_the_names_of_fields(pointer: str, expected: str) -> None:
    assert redact_pointer(pointer) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("invalid", "invalid"), ("duplicate_profile", "duplicate_profile"), ("bad_Ada", "bad_***")],
)
def test_a_code_is_masked_where_it_quotes(code: str, expected: str) -> None:
    assert redact_code(code) == expected
