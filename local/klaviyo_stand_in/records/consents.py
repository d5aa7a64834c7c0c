"""The consents that a subscription or its end concerns, and its effect on an earlier opt-out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from local.klaviyo_stand_in.protocol.exchange import JsonObject

CONSENT_KINDS = (
    "marketing",
    "transactional",
    "conversational",
    "open_tracking",
    "click_tracking",
)

UNDATED_KINDS = frozenset({"open_tracking", "click_tracking"})
"""Consents without a time in the schema."""


def consents_of(profile: JsonObject) -> Iterator[str]:
    """The consents that a subscription's profile names, as in `email.marketing`."""
    for channel, kinds in profile["attributes"]["subscriptions"].items():
        for kind in CONSENT_KINDS:
            if kinds is not None and kinds.get(kind) is not None:
                yield f"{channel}.{kind}"


EMAIL_MARKETING = "email.marketing"

LIFTED = frozenset({"UNSUBSCRIBE", "SPAM_REPORT", "SPAM_COMPLAINT", "USER_SUPPRESSED"})
"""The suppressions that a subscription removes. In bulk_subscribe_profiles, SPAM_REPORT is what
get_profiles calls SPAM_COMPLAINT: https://developers.klaviyo.com/en/reference/"""


@dataclass(frozen=True, slots=True)
class ConsentJob:
    """Profiles whose consents are given or withdrawn once the job is `due`."""

    due: datetime
    profiles: Sequence[JsonObject]
    list_id: str | None
    gives: bool
    historical: bool = False


@dataclass(frozen=True, slots=True)
class Reversal:
    """A subscription has undone somebody's opt-out from a consent at the time `withdrawn`."""

    profile_id: str
    consent: str
    list_id: str | None
    time: datetime
    withdrawn: datetime
