"""Traffic about people who change: traits, audiences and consents that are said again, later.

A person's messages are spread over the whole run, in batches of their own, so that old ones come
after new ones: by a queue, or because Segment sends a batch again. The latest by its time stands.
"""

import random
from collections.abc import Iterable
from typing import Any

from tests.faults.messages.units import Change, Place, Unit, address_of, message_of

PEOPLE = 400
"""Of each kind that changes. In 100,000 messages each of them is said to have changed ten times."""

AUDIENCE, AUDIENCE_LIST = "vip", "VipS01"
CONSENT_LIST = "CnsT01"
LEFT_LIST = "LeFt01"

LISTS = (
    (AUDIENCE_LIST, "Audience"),
    (CONSENT_LIST, "Consents"),
    (LEFT_LIST, "Left"),
)
"""Lists of single opt-in."""


def trait(number: int, dice: random.Random) -> Unit:
    person = address_of("changing", dice.randrange(PEOPLE))
    said = message_of(number, "identify", traits={"email": person, "where": number, "name": "Ada"})
    return Unit("trait", (said,), changes=(Change(("trait", person), number, number),))


def audience(number: int, dice: random.Random) -> Unit:
    """Engage says that somebody enters or leaves."""
    person, enters = address_of("engaged", dice.randrange(PEOPLE)), dice.random() < 0.5
    personas = {"computation_class": "audience", "computation_key": AUDIENCE}
    said = message_of(
        number,
        "identify",
        traits={"email": person, AUDIENCE: enters},
        context={"personas": personas},
    )
    return Unit("audience", (said,), changes=(Change(("membership", person), enters, number),))


def consent(number: int, dice: random.Random) -> Unit:
    """Somebody consents, or withdraws it."""
    person, gives = address_of("consenting", dice.randrange(PEOPLE)), dice.random() < 0.5
    name = "User Subscribed" if gives else "User Unsubscribed"
    properties: dict[str, Any] = {"email": person}
    if gives:
        properties["list_id"] = CONSENT_LIST
    said = message_of(number, "track", event=name, properties=properties)
    return Unit(
        "consent",
        (said,),
        events=((person, name, f"m-{number}"),),
        changes=(Change(("consent given", person), gives, number),),
    )


def left(number: int, _: random.Random) -> Unit:
    """Somebody who is on a list unsubscribes from it, and from nothing else."""
    person = address_of("leaving", number)
    name = "User Unsubscribed"
    said = message_of(
        number, "track", event=name, properties={"email": person, "list_id": LEFT_LIST}
    )
    return Unit(
        "left list",
        (said,),
        events=((person, name, f"m-{number}"),),
        consents=(person,),
        on_list_before=(person,),
        changes=(
            Change(("left", person), True, number),
            Change(("consent given", person), True, number),
        ),
    )


def latest(units: Iterable[Unit]) -> dict[Place, tuple[object, int]]:
    """What stands in the end, and how often something was said about it."""
    said: dict[Place, list[Change]] = {}
    for unit in units:
        for change in unit.changes:
            said.setdefault(change.place, []).append(change)
    return {
        place: (max(changes, key=lambda change: change.number).value, len(changes))
        for place, changes in said.items()
    }
