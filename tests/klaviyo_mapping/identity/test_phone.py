"""Every region's numbers, as people write them, are read as the one number that they are."""

import random
import re

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from klaviyo_mapping import Mapped, Message, Settings, map_message
from klaviyo_mapping.identity.phone import PLAIN, is_plain, to_e164
from operations import UpsertProfile
from tests.klaviyo_mapping.test_cases import NOW

EXAMPLES = {
    region: example
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (example := phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE))
}


def written(region: str, how: int) -> str:
    return phonenumbers.format_number(EXAMPLES[region], how)


def read(text: str, settings: Settings) -> str | None:
    message = Message(type="identify", user_id="ada@example.org", traits={"phone": text})
    mapped = map_message(message, settings, NOW)
    assert isinstance(mapped, Mapped)
    upsert = mapped.operations[0]
    assert isinstance(upsert, UpsertProfile)
    return upsert.identity.phone_number


def test_nearly_every_region_has_an_example() -> None:
    assert set(phonenumbers.SUPPORTED_REGIONS) - set(EXAMPLES) == {"TA"}


@pytest.mark.parametrize("region", EXAMPLES)
def test_a_mobile_number_in_each_notation(region: str) -> None:
    e164 = written(region, PhoneNumberFormat.E164)
    international = written(region, PhoneNumberFormat.INTERNATIONAL)
    notations = {
        "E.164": e164,
        "international": international,
        "as a link": written(region, PhoneNumberFormat.RFC3966),
        "national": written(region, PhoneNumberFormat.NATIONAL),
        "E.164 without its plus": e164.removeprefix("+"),
        "international without its plus": international.removeprefix("+"),
    }
    settings = Settings(default_country=region)
    found = {notation: read(text, settings) for notation, text in notations.items()}
    assert found == dict.fromkeys(notations, e164)


@pytest.mark.parametrize("region", EXAMPLES)
def test_a_number_with_a_plus_needs_no_country(region: str) -> None:
    e164 = written(region, PhoneNumberFormat.E164)
    texts = (e164, written(region, PhoneNumberFormat.INTERNATIONAL))
    assert [read(text, Settings()) for text in texts] == [e164, e164]


@pytest.mark.parametrize("code", PLAIN)
def test_the_library_would_leave_a_plain_number_as_it_is(code: str) -> None:
    dice = random.Random(int(code))
    begin, least, most = PLAIN[code]
    begins = [digit for digit in "0123456789" if re.fullmatch(f"[{begin}]", digit)]
    for length in range(least, most + 1):
        for digit in begins:
            for _ in range(20):
                rest = "".join(dice.choices("0123456789", k=length - 1))
                text = f"+{code}{digit}{rest}"
                assert is_plain(text)
                assert to_e164(text, None) == text


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+4407911123456", "+447911123456"),
        ("+44 (0)7911 123456", "+447911123456"),
        ("+49017012345678", "+4917012345678"),
        ("+6208123456789", "+628123456789"),
        ("+789123456789", "+79123456789"),
        ("+390612345678", "+390612345678"),
        ("+10000000000", "+10000000000"),
        ("+1 000 000 0000", None),
        ("+1415555267", None),
        ("+14155552671234", None),
        ("+4479", None),
        ("+999123", None),
        ("+0123456789", None),
    ],
)
def test_a_number_with_a_plus_is_repaired_or_possible_or_none(text: str, e164: str | None) -> None:
    assert read(text, Settings(default_country="GB")) == e164


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("491701234567", "DE", "+491701234567"),
        ("49 (0) 170 1234567", "DE", "+491701234567"),
        ("0049 170 1234567", "DE", "+491701234567"),
        ("628123456789", "ID", "+628123456789"),
        ("38343201234", "XK", "+38343201234"),
        ("447911123456", "GB", "+447911123456"),
        ("14155552671", "US", "+14155552671"),
        ("14155552671", "CA", "+14155552671"),
        ("491701234567", "FR", None),
        ("491701234567", None, None),
        ("49", "DE", None),
    ],
)
def test_digits_that_begin_with_the_regions_calling_code_lack_only_the_plus(
    text: str, region: str | None, e164: str | None
) -> None:
    assert read(text, Settings(default_country=region)) == e164
