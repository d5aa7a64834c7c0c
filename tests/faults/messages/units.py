"""What Segment sends together, and what it must come to."""

from dataclasses import dataclass
from typing import Any

Event = tuple[str, str, str]
"""E-mail address, metric and unique id."""

Place = tuple[str, ...]
"""What an operation is about: `("event", address, metric, unique id)`, `("profile", address)`,
`("member", address)`, `("consent", address)` (withdrawn), or `("message", message id)`; and what
changes: `("trait", address)`, `("membership", address)`, `("consent given", address)`,
`("left", address)`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is said about a place; `number` is the message's, in the order of the times."""

    place: Place
    value: object
    number: int


@dataclass(frozen=True, slots=True)
class Unit:
    """Messages that Segment sends side by side and in order, and what they must come to.

    `events` and `profiles` (properties by address) must arrive, `members` join the list,
    `withdrawn` be unsubscribed; of `consents` Klaviyo may hold a subscription. Who was `out_before`
    has opted out in Klaviyo itself before the run, and who was `on_list_before` has consented and
    is on the list that is left. Of all `changes` of a place the latest must stand. `refused` says
    that Klaviyo will take none of it; `malformed` and `dropped`, that it never gets there.
    """

    kind: str
    messages: tuple[dict[str, Any], ...]
    events: tuple[Event, ...] = ()
    profiles: tuple[tuple[str, dict[str, Any]], ...] = ()
    members: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    out_before: tuple[str, ...] = ()
    on_list_before: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: bool = False
    malformed: bool = False
    dropped: bool = False

    @property
    def people(self) -> list[str]:
        """The addresses of those whose profiles it is about."""
        return [*(each for each, _ in self.profiles), *(each.place[1] for each in self.changes)]

    @property
    def message_ids(self) -> list[str]:
        return [message["messageId"] for message in self.messages]


def message_of(number: int, kind: str, **fields: Any) -> dict[str, Any]:
    """A message, but for its time."""
    return {
        "type": kind,
        "messageId": f"m-{number}",
        "userId": f"user-{number}",
        **fields,
    }


def address_of(kind: str, number: int) -> str:
    """A person's."""
    return f"{kind}{number}@acme-store.example"
