"""Seeded traffic: messages of all kinds, what each of them must come to, and Segment's batches."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.faults.messages import changes
from tests.faults.messages.units import Unit, address_of, message_of

LIST_ID = "WmB7kT"
"""A single opt-in list: who subscribes is a member at once."""

Sizes = tuple[tuple[int, int, int], ...]
"""Of Segment's batches: from, to and how often."""

LARGE: Sizes = ((1, 1, 8), (2, 50, 30), (51, 400, 40), (1000, 1000, 20), (4000, 4000, 2))
SMALL: Sizes = ((1, 1, 20), (2, 20, 40), (21, 100, 35), (500, 500, 5))

APART = timedelta(milliseconds=1)
"""Between the times of two messages: some have a fraction of a second, and a few have none."""


LONG_AGO = timedelta(days=365)


def traffic(seed: int, number: int, began: datetime) -> list[Unit]:
    """So many messages, the same for the same seed, but for their times."""
    dice = random.Random(seed)
    units: list[Unit] = []
    made = 0
    while made < number:
        unit = dice.choices(MAKERS, WEIGHTS)[0](made, dice)
        if made + len(unit.messages) <= number:
            # Whoever has opted out before the run has said what is replayed long before that.
            since = began - LONG_AGO if unit.out_before else began
            for said in unit.messages:
                said["timestamp"] = (since + made * APART).isoformat()
                made += 1
            units.append(unit)
    return units


def cut(units: Sequence[Unit], sizes: Sizes, dice: random.Random) -> Iterator[list[Unit]]:
    """The units in order, in batches of many sizes (of messages, roughly)."""
    batch: list[Unit] = []
    wanted, held = _size(sizes, dice), 0
    for unit in units:
        batch.append(unit)
        held += len(unit.messages)
        if held >= wanted:
            yield batch
            batch, wanted, held = [], _size(sizes, dice), 0
    if batch:
        yield batch


def _size(sizes: Sizes, dice: random.Random) -> int:
    least, most, _ = dice.choices(sizes, [weight for *_, weight in sizes])[0]
    return dice.randint(least, most)


def _track(number: int, dice: random.Random) -> Unit:
    """Of a few thousand people, each with many."""
    address = address_of("buyer", dice.randrange(5_000))
    said = message_of(
        number,
        "track",
        event=f"Metric {number % 7}",
        properties={"email": address, "price": number % 100, "colour": "red", "text": "x" * 80},
    )
    return Unit("track", (said,), events=((address, f"Metric {number % 7}", f"m-{number}"),))


def _order(number: int, dice: random.Random) -> Unit:
    address, order_id = address_of("buyer", dice.randrange(5_000)), f"o-{number}"
    products = [{"product_id": f"p-{each}", "price": 10} for each in range(dice.randint(1, 3))]
    said = message_of(
        number,
        "track",
        event="Order Completed",
        properties={"email": address, "order_id": order_id, "revenue": 20.0, "products": products},
    )
    lines = (
        (address, "Ordered Product", f"{order_id}_{product['product_id']}") for product in products
    )
    return Unit("order", (said,), events=((address, "Order Completed", order_id), *lines))


def _identify(number: int, dice: random.Random) -> Unit:
    """One to four of one person, whose last word on `step` must stand."""
    address = address_of("person", number)
    messages = tuple(
        message_of(
            number + each,
            "identify",
            traits={"email": address, "firstName": "Ada", "step": each, f"step{each}": True},
        )
        for each in range(dice.choice((1, 1, 2, 3, 4)))
    )
    last = len(messages) - 1
    expected = {"step": last, **{f"step{each}": True for each in range(last + 1)}}
    return Unit("identify", messages, profiles=((address, expected),))


def _listed(number: int, opt_in: bool) -> Unit:
    address = address_of("listed", number)
    said = message_of(
        number,
        "identify",
        traits={"email": address, "plan": f"plan {number}"},
        integrations={"Klaviyo": {"listId": LIST_ID, "confirmOptin": opt_in}},
    )
    return Unit(
        "subscribe" if opt_in else "add to list",
        (said,),
        profiles=((address, {"plan": f"plan {number}"}),),
        members=(address,),
        consents=(address,) if opt_in else (),
    )


def _identified_for_list(number: int, address: str, plan: str) -> dict[str, Any]:
    """An identify that asks to subscribe the person to the list."""
    return message_of(
        number,
        "identify",
        traits={"email": address, "plan": plan},
        integrations={"Klaviyo": {"listId": LIST_ID, "confirmOptin": True}},
    )


def _opted_out(number: int, _: random.Random) -> Unit:
    """Somebody withdraws consent, and is identified for a list later: they stay unsubscribed."""
    address = address_of("out", number)
    messages = (
        message_of(number, "track", event="User Unsubscribed", properties={"email": address}),
        _identified_for_list(number + 1, address, "out"),
    )
    return Unit(
        "opt-out",
        messages,
        events=((address, "User Unsubscribed", f"m-{number}"),),
        profiles=((address, {"plan": "out"}),),
        withdrawn=(address,),
    )


def _replayed(number: int, _: random.Random) -> Unit:
    """Segment replays a consent and an identify with a list of somebody who has opted out since."""
    address = address_of("replayed", number)
    messages = (
        message_of(number, "track", event="User Subscribed", properties={"email": address}),
        _identified_for_list(number + 1, address, "replayed"),
    )
    return Unit(
        "replay",
        messages,
        events=((address, "User Subscribed", f"m-{number}"),),
        profiles=((address, {"plan": "replayed"}),),
        withdrawn=(address,),
        out_before=(address,),
    )


def _subscribed(number: int, _: random.Random) -> Unit:
    return _listed(number, opt_in=True)


def _added(number: int, _: random.Random) -> Unit:
    return _listed(number, opt_in=False)


def _dropped(number: int, dice: random.Random) -> Unit:
    said = dice.choice(
        (
            message_of(number, "page"),
            message_of(number, "track", event="No address"),
            message_of(number, "track", event="X", integrations={"Klaviyo": False}),
        )
    )
    return Unit("dropped", (said,), dropped=True)


def _malformed(number: int, dice: random.Random) -> Unit:
    wrong: dict[str, Any] = dice.choice(({"userId": {}}, {"properties": 5}, {"event": ["x"]}))
    return Unit("malformed", (message_of(number, "track", **wrong),), malformed=True)


def _poison_event(number: int, _: random.Random) -> Unit:
    address = address_of("buyer", number % 5_000)
    said = message_of(
        number, "track", event="Poison", properties={"email": address, "poison": True}
    )
    events = ((address, "Poison", f"m-{number}"),)
    return Unit("poison event", (said,), events=events, refused=True)


def _poison_profile(number: int, _: random.Random) -> Unit:
    address = address_of("poison", number)
    said = message_of(number, "identify", traits={"email": address, "poison": True})
    return Unit("poison profile", (said,), profiles=((address, {}),), refused=True)


KINDS = (
    (_track, 40),
    (_order, 6),
    (_identify, 11),
    (_subscribed, 6),
    (_added, 6),
    (_opted_out, 3),
    (_replayed, 2),
    (changes.trait, 4),
    (changes.audience, 3),
    (changes.consent, 2),
    (changes.left, 2),
    (_dropped, 6),
    (_malformed, 3),
    (_poison_event, 2),
    (_poison_profile, 2),
)
MAKERS = [maker for maker, _ in KINDS]
WEIGHTS = [weight for _, weight in KINDS]
