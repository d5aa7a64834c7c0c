"""Phone numbers in E.164, the only form that Klaviyo takes."""

import re

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def is_e164(text: str) -> bool:
    """Whether the text has E.164's shape; whether the number exists is for Klaviyo to judge."""
    return _E164.fullmatch(text) is not None


def to_e164(text: str, region: str | None) -> str | None:
    """The number as E.164, if it is a valid one as dialled in `region` (ISO 3166 alpha-2).

    Without a region only a number that begins with `+` can be read.
    """
    # Imported here because it is large and most numbers arrive in E.164 already.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
