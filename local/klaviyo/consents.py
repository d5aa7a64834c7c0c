"""Which consents a subscription or its end is about."""

from collections.abc import Iterator

from local.klaviyo.exchange import JsonObject

CONSENT_KINDS = (
    "marketing",
    "transactional",
    "conversational",
    "open_tracking",
    "click_tracking",
)

UNDATED_KINDS = frozenset({"open_tracking", "click_tracking"})
"""Consents that the schema gives no time to."""


def consents_of(profile: JsonObject) -> Iterator[str]:
    """The consents that a subscription's profile names, as in `email.marketing`."""
    for channel, kinds in profile["attributes"]["subscriptions"].items():
        for kind in CONSENT_KINDS:
            if kinds is not None and kinds.get(kind) is not None:
                yield f"{channel}.{kind}"
