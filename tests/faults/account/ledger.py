"""Where everything is: in Klaviyo or in one of the queues; and what is lost."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from klaviyo_client.one_delivery import FRESH_SECONDS
from local.klaviyo_stand_in import Account
from local.klaviyo_stand_in.records.consents import Reversal
from tests.faults.messages.changes import AUDIENCE_LIST, LEFT_LIST, latest
from tests.faults.messages.traffic import LIST_ID
from tests.faults.messages.units import Event, Place, Unit

MARKETING = "email.marketing"

CONSENT_GIVEN = "consent given"

AT_ONCE = timedelta(seconds=FRESH_SECONDS + 1.0)
"""Between an answer about a person's consents and what is sent on the strength of it, there and
back."""


Misfit = tuple[str, Place]
"""What is not as it should be: its kind, and where."""


@dataclass(frozen=True, slots=True)
class Klaviyo:
    """What the account holds. `copies` counts the events of one address, metric and unique id;
    `audience` and `listed` are on the lists that people change, and `everywhere` are those whose
    unsubscription from a list became one from everything."""

    events: Mapping[Event, int]
    properties: Mapping[str, Mapping[str, Any]]
    members: frozenset[str]
    consents: Mapping[str, str]
    copies: Counter[Event]
    audience: frozenset[str]
    listed: frozenset[str]
    everywhere: tuple[str, ...]

    @classmethod
    def of(cls, account: Account) -> "Klaviyo":
        addresses = {profile.id: profile.email or "" for profile in account.profiles}

        def members(list_id: str) -> frozenset[str]:
            return frozenset(addresses[each] for each in account.lists[list_id].members)

        events = {
            (addresses[event.profile_id], event.metric, event.unique_id): event.sent
            for event in account.events
        }
        return cls(
            events,
            {profile.email or "": profile.properties for profile in account.profiles},
            members(LIST_ID),
            {
                profile.email or "": profile.consents[MARKETING]
                for profile in account.profiles
                if MARKETING in profile.consents
            },
            Counter(
                (addresses[event.profile_id], event.metric, event.unique_id)
                for event in account.events
            ),
            members(AUDIENCE_LIST),
            members(LEFT_LIST),
            tuple(addresses[each] for each in account.withdrawn_everywhere),
        )

    def holds(self, place: Place) -> object:
        """What stands at a place that changes; `None` if nothing does."""
        kind, person = place
        if kind == "trait":
            return self.properties.get(person, {}).get("where")
        if kind == "membership":
            return person in self.audience if person in self.properties else None
        if kind == "left":
            return person not in self.listed
        # A withdrawal before there is a profile leaves no trace, and is none to leave.
        return self.consents.get(person) == "SUBSCRIBED"


@dataclass(slots=True)
class Held:
    """What a queue holds: places with how often, the reasons that stand there, and the messages
    that something is of."""

    places: Counter[Place] = field(default_factory=Counter)
    reasons: dict[Place, set[str]] = field(default_factory=dict)
    message_ids: set[str] = field(default_factory=set)
    entries: int = 0

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]], addresses: Mapping[str, str]) -> "Held":
        """`addresses` says whose profile a message was about, for the looks at import jobs."""
        held = cls()
        for entry in entries:
            held.entries += 1
            code = (entry.get("reason") or {}).get("code", "")
            held.message_ids.update(_message_ids(entry))
            for place in _places(entry, addresses):
                held.places[place] += 1
                held.reasons.setdefault(place, set()).add(code)
        return held


def _message_ids(entry: Mapping[str, Any]) -> list[str]:
    """What there was no time to map waits as it came: one message, or many as text. A check of an
    import job is of many messages, which count as delivered until then."""
    operation = entry.get("operation")
    if operation is not None:
        return [operation["message_id"]] if "message_id" in operation else []
    messages = json.loads(entry["messages"]) if "messages" in entry else [entry.get("message")]
    return [str((message or {}).get("messageId")) for message in messages]


def _places(entry: Mapping[str, Any], addresses: Mapping[str, str]) -> Iterator[Place]:
    operation = entry.get("operation")
    if operation is None:
        for message_id in _message_ids(entry):
            yield "message", message_id
        return
    address = operation.get("identity", {}).get("email")
    if operation["kind"] == "create_event":
        yield "event", address, operation["metric"], operation["unique_id"]
    elif operation["kind"] == "upsert_profile":
        yield "profile", address
    elif operation["kind"] in ("add_to_list", "remove_from_list"):
        yield "member", address
    elif operation["kind"] == "subscribe":
        yield "member", operation["email"]
    elif operation["kind"] == "unsubscribe":
        yield "consent", operation["email"]
    else:
        for message_id in operation["message_ids"]:
            yield "profile", addresses[message_id]


def lost(
    units: Iterable[Unit], klaviyo: Klaviyo, waiting: Held, dead: Held
) -> tuple[list[Misfit], list[Misfit]]:
    """What of these units is neither where it must end nor waiting in a queue; and apart from
    that, what is there without its last word."""
    missing: list[Misfit] = []
    stale: list[Misfit] = []
    for unit in units:
        if not unit.malformed and any(
            ("message", message_id) in waiting.places for message_id in unit.message_ids
        ):
            continue  # not mapped yet: what it comes to is in no queue and not in Klaviyo
        for place in _wanted(unit):
            if place in waiting.places or _is_settled(unit, place, klaviyo, dead):
                continue
            is_there = place[0] == "profile" and place[1] in klaviyo.properties
            (stale if is_there and not unit.refused else missing).append((unit.kind, place))
    return missing, stale


DECIDED_BY = {
    "trait": ("profile",),
    "membership": ("member",),
    "left": ("consent",),
    CONSENT_GIVEN: ("member", "consent"),
}
"""The places of operations that change a place of this kind."""


def changed(
    units: Sequence[Unit], klaviyo: Klaviyo, waiting: Held
) -> tuple[list[Misfit], list[Misfit]]:
    """Of what changes, and about which nothing waits, what is not there at all; and what is there
    without its last word."""
    missing: list[Misfit] = []
    stale: list[Misfit] = []
    unread = {
        change.place
        for unit in units
        for change in unit.changes
        if any(("message", message_id) in waiting.places for message_id in unit.message_ids)
    }
    for place, (value, times) in latest(units).items():
        if place in unread or any((by, place[1]) in waiting.places for by in DECIDED_BY[place[0]]):
            continue
        found = klaviyo.holds(place)
        if found != value:
            is_missing = found is None or times == 1
            (missing if is_missing else stale).append((place[0], place))
    return missing, stale


def warned(units: Iterable[Unit], stale: Iterable[Misfit], unchecked: Set[str]) -> list[Misfit]:
    """Of what is stale, that about which a message was sent whose order was not checked."""
    about: set[Place] = set()
    for unit in units:
        if not unchecked.isdisjoint(unit.message_ids):
            about.update(change.place for change in unit.changes)
            about.update(_wanted(unit))
    return [misfit for misfit in stale if misfit[1] in about]


def doubled(klaviyo: Klaviyo) -> list[Misfit]:
    """The events that are there more than once."""
    return [("event", ("event", *event)) for event, copies in klaviyo.copies.items() if copies > 1]


def widened(
    units: Iterable[Unit], klaviyo: Klaviyo, reversals: Mapping[str, Reversal]
) -> tuple[list[Misfit], list[Misfit]]:
    """The people whom Klaviyo counts as subscribed, and who have not consented or have withdrawn
    it since; and those whose opt-out was undone on the way (`reversals`), though they have not.

    Those apart whose opt-out came in the moment in which it was undone.
    """
    units = list(units)
    given = {address for unit in units for address in unit.consents}
    consented = {
        place[1]: value for place, (value, _) in latest(units).items() if place[0] == CONSENT_GIVEN
    }
    given |= {address for address, value in consented.items() if value}
    given -= {address for unit in units for address in unit.withdrawn}
    subscribed = (
        address for address, consent in klaviyo.consents.items() if consent == "SUBSCRIBED"
    )
    # Of those who say both, only the end counts: in between each of it was said.
    found = dict.fromkeys([*subscribed, *(each for each in reversals if each not in consented)])
    wrong: list[Misfit] = []
    overtaken: list[Misfit] = []
    for address in found:
        if address not in given:
            undone = reversals.get(address)
            is_at_once = undone is not None and undone.time - undone.withdrawn < AT_ONCE
            (overtaken if is_at_once else wrong).append(("consent", ("consent", address)))
    return wrong, overtaken


def _wanted(unit: Unit) -> Iterator[Place]:
    yield from (("event", *event) for event in unit.events)
    yield from (("profile", address) for address, _ in unit.profiles)
    yield from (("member", address) for address in unit.members)
    yield from (("consent", address) for address in unit.withdrawn)
    if unit.malformed:
        yield from (("message", message_id) for message_id in unit.message_ids)


def _is_settled(unit: Unit, place: Place, klaviyo: Klaviyo, dead: Held) -> bool:
    if unit.malformed:
        return dead.reasons.get(place) == {"invalid_message"}
    if unit.refused:
        return dead.reasons.get(place) == {"refused"}
    if place[0] == "event":
        return place[1:] in klaviyo.events
    if place[0] == "member":
        return place[1] in klaviyo.members
    if place[0] == "consent":
        return klaviyo.consents.get(place[1]) == "UNSUBSCRIBED"
    return klaviyo.properties.get(place[1]) == dict(unit.profiles)[place[1]]


def surplus(units: Sequence[Unit], klaviyo: Klaviyo, dead: Held) -> list[Misfit]:
    """What is somewhere where nothing of these units belongs."""
    taken = [unit for unit in units if not (unit.refused or unit.malformed or unit.dropped)]
    dead_units = [unit for unit in units if unit.refused or unit.malformed]
    events = {event for unit in taken for event in unit.events}
    members = {address for unit in taken for address in unit.members}
    people = {address for unit in taken for address, _ in unit.profiles}
    people |= {change.place[1] for unit in taken for change in unit.changes}
    people |= {address for address, _, _ in events}
    letters = {place for unit in dead_units for place in _wanted(unit)}
    return [
        *(("event", ("event", *event)) for event in klaviyo.events if event not in events),
        *(("member", ("member", each)) for each in klaviyo.members if each not in members),
        *(("profile", ("profile", each)) for each in klaviyo.properties if each not in people),
        *(("dead letter", place) for place in dead.places if place not in letters),
    ]
