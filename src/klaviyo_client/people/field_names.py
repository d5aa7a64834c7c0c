"""The names of the fields of a person's record. Pure.

What is stored is a hash of the name, so whoever writes a field and whoever reads it take its name
from here: another spelling would be another field, and nobody would notice.
"""

from collections.abc import Iterable

CONSENT = "consent"
"""Decided by everything about a person's consents, so that two of these are never under way at
once: a subscription that Klaviyo takes last would undo an opt-out."""

DELETED = "deleted"

GIVEN, UNSUBSCRIBED = "given", "unsubscribed"
"""What was said about a list: see `of_list` and `of_each`."""


def attribute(name: str) -> str:
    """A profile's attribute of Klaviyo's own."""
    return f"a {name}"


def part_of_location(name: str) -> str:
    """One part of the location, such as the city."""
    return f"l {name}"


def custom(name: str) -> str:
    """A custom property."""
    return f"p {name}"


def identifier(name: str) -> str:
    """An identifier of which an e-mail address may get a new one."""
    return f"i {name}"


def beside(address: str) -> str:
    """That a user id has stood beside this address."""
    return f"beside {address.lower()}"


def joined(list_id: str | None) -> str:
    """Membership of a list."""
    return f"join {list_id}"


def left(list_id: str | None) -> str:
    """The end of a membership."""
    return f"leave {list_id}"


def of_list(what: str, list_id: str | None) -> str:
    """What was said about a list, on whichever channel."""
    return f"{what} {list_id}"


def of_each(what: str, list_id: str, channels: Iterable[str]) -> tuple[str, ...]:
    """What was said about a list, on each of these channels."""
    return tuple(f"{what} {list_id} {channel}" for channel in channels)


def on(channel: str) -> str:
    """A channel's consent for the whole account."""
    return f"on {channel}"


def off(channel: str) -> str:
    """The withdrawal of a channel's consent from the whole account."""
    return f"off {channel}"


def is_of_consent(name: str) -> bool:
    """Whether the field says that a consent was given or withdrawn."""
    return name.startswith(_OF_CONSENT)


_OF_CONSENT = tuple(f"{what} " for what in ("on", "off", GIVEN, UNSUBSCRIBED))


def done(what: str, channel: str, list_id: str | None) -> str:
    """That a consent of a list was changed so: the field's time is that of the message."""
    return f"done {what} {channel} {list_id}"


def sent(what: str) -> str:
    """That something was sent, such as `off(channel)`: the field's time is that of sending."""
    return f"sent {what}"


SENT_SUBSCRIPTION, SENT_DELETION = sent("subscribe"), sent("deletion")
