"""Phone numbers in E.164, the only form that Klaviyo takes."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")

PLAIN = {
    "1": ("2-9", 10, 10),
    "44": ("1-9", 9, 10),
    "49": ("1-9", 8, 11),
    "33": ("1-9", 9, 9),
    "39": ("3", 9, 10),
    "34": ("1-9", 9, 9),
    "31": ("1-9", 9, 9),
    "61": ("1-9", 9, 9),
    "32": ("1-9", 8, 9),
    "41": ("1-9", 9, 9),
    "43": ("1-9", 8, 12),
    "45": ("1-9", 8, 8),
    "46": ("1-9", 7, 10),
    "47": ("1-9", 8, 8),
    "48": ("1-9", 9, 9),
    "52": ("1-9", 10, 10),
    "55": ("1-8", 10, 11),
    "64": ("1-9", 8, 10),
    "7": ("3489", 10, 10),
    "81": ("1-9", 9, 10),
    "91": ("1-9", 10, 10),
    "351": ("1-9", 9, 9),
    "353": ("1-9", 8, 9),
    "358": ("1-9", 8, 10),
    "420": ("1-9", 9, 9),
}
"""By calling code, how the numbers begin and how many digits they have that the library would
leave as they are: for these it need not be loaded, which takes 15 ms, nor asked, which takes 20 µs.
"""

_PLAIN = re.compile(
    "|".join(
        rf"\+{code}[{begin}][0-9]{{{least - 1},{most - 1}}}"
        for code, (begin, least, most) in PLAIN.items()
    )
)


def is_plain(text: str) -> bool:
    """Whether the text is a number in E.164 that needs no repair."""
    return _PLAIN.fullmatch(text) is not None


def to_e164(text: str, region: str | None) -> str | None:
    """The number as E.164, as dialled in `region` (ISO 3166 alpha-2); None where it is not valid.

    Without a region only a number that begins with `+` can be read. Text of E.164's shape may be
    any number that is possible: whether it exists is for Klaviyo to judge.
    """
    # Imported here because it is large and most numbers are plain.
    import phonenumbers

    if text.startswith("+"):
        number = _parsed(text, None)
        if number is None or phonenumbers.is_valid_number(number):
            return _written(number)
        is_sent_as_is = _E164.fullmatch(text) and phonenumbers.is_possible_number(number)
        return text if is_sent_as_is else None
    if region is not None:
        # Digits that begin with the region's calling code: only their `+` is missing.
        number = _parsed(f"+{text}", None)
        if (
            number is not None
            and number.country_code == phonenumbers.country_code_for_region(region)
            and phonenumbers.is_valid_number(number)
        ):
            return _written(number)
    number = _parsed(text, region)
    if number is None or not phonenumbers.is_valid_number(number):
        return None
    return _written(number)


def _parsed(text: str, region: str | None) -> "PhoneNumber | None":
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _written(number: "PhoneNumber | None") -> str | None:
    import phonenumbers

    if number is None:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
