"""Whether Klaviyo takes a phone number.

It must be in E.164 and exist, in a country that the account may text. Both error texts are
Klaviyo's, as its SDKs and their users have recorded them.
"""

import re
from functools import lru_cache

import phonenumbers

from local.klaviyo_stand_in.protocol.policy import Policy

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)

NOT_E164 = "Invalid phone number format (Example of a valid format: +12345678901)"
OTHER_REGION = "Phone number is valid but is not in a supported region for this account."


def refusal(phone: str, policy: Policy) -> str | None:
    """Why the number is refused, in Klaviyo's words, or `None`."""
    if not E164.fullmatch(phone):
        return NOT_E164
    region = _region(phone)
    if region is None:
        return NOT_E164
    regions = policy.sms_regions
    if phone in policy.refused_phones or (regions and region not in regions):
        return OTHER_REGION
    return None


@lru_cache(maxsize=65_536)
def _region(phone: str) -> str | None:
    number = phonenumbers.parse(phone)
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.region_code_for_number(number) or "001"
