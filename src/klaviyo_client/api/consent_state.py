"""One profile's consents, as Klaviyo's answers have them. Pure.

https://developers.klaviyo.com/en/reference/get_profiles with `additional-fields[profile]`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from operations.instants import instant

OPT_OUTS = frozenset({"UNSUBSCRIBE", "SPAM_REPORT", "SPAM_COMPLAINT", "USER_SUPPRESSED"})
"""Suppressions that the person wanted, and that a subscription would remove. The others are of
addresses that do not work."""

SHOWN_AS = {"push": "mobile_push"}
"""Channels that have another name in a profile than in the jobs."""


class Standing(Struct, frozen=True):
    """`subscriptions` as Klaviyo shows them; None if the answer has none although we asked.

    `left` are the lists that the person has left, with the time: Unix seconds, None if it cannot
    be read.
    """

    email: str | None = None
    phone_number: str | None = None
    subscriptions: Mapping[str, Any] | None = None
    left: Mapping[str, float | None] = {}

    @property
    def says_consents(self) -> bool:
        """Whether anything is known of the consents."""
        return self.subscriptions is not None

    def is_subscribed(self, channel: str) -> bool:
        """Whether the person has given the consent, spelled as in `EVERY_CHANNEL`."""
        return self._consent(channel).get("consent") == "SUBSCRIBED"

    def has_opted_out(self, channel: str) -> bool:
        """Whether the person has withdrawn the consent, or is suppressed for whatever reason."""
        consent = self._consent(channel)
        return consent.get("consent") == "UNSUBSCRIBED" or any(_entries(consent, "suppression"))

    def opted_out_at(self, channel: str) -> float | None:
        """When the person last withdrew the consent; None if never, or if it is unknown."""
        consent = self._consent(channel)
        times = [
            instant(_text(entry.get("timestamp")))
            for entry in _entries(consent, "suppression")
            if entry.get("reason") in OPT_OUTS
        ]
        if consent.get("consent") == "UNSUBSCRIBED":
            times += [
                instant(_text(consent.get(name))) for name in ("consent_timestamp", "last_updated")
            ]
        return max((time for time in times if time is not None), default=None)

    def _consent(self, channel: str) -> Mapping[str, Any]:
        name, _, kind = channel.partition(".")
        return _object(_object(self.subscriptions, SHOWN_AS.get(name, name)), kind)


def standing_of(attributes: Mapping[str, Any]) -> Standing:
    """The consents in a profile's attributes."""
    if "subscriptions" not in attributes:
        return Standing(_text(attributes.get("email")), _text(attributes.get("phone_number")))
    found = attributes["subscriptions"]
    subscriptions = found if isinstance(found, dict) else {}
    marketing = _object(_object(subscriptions, "email"), "marketing")
    left = {
        list_id: instant(_text(entry.get("timestamp")))
        for entry in _entries(marketing, "list_suppressions")
        if (list_id := _text(entry.get("list_id"))) is not None
    }
    return Standing(
        _text(attributes.get("email")), _text(attributes.get("phone_number")), subscriptions, left
    )


def _object(place: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    value = None if place is None else place.get(name)
    return value if isinstance(value, dict) else {}


def _entries(consent: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    listed = consent.get(name)
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict):
            yield entry


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
