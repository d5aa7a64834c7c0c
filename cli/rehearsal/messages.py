"""What a rehearsal sends: a handful of Segment messages about one made-up person."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from klaviyo_mapping.settings.settings import Settings

MARK = "klaviyo_destination_rehearsal"
"""The trait that says of a person in Klaviyo: made up, by this rehearsal."""

EVENT = "Test Event"
"""As `send --test-event` has it: a metric stays in Klaviyo, so there is one for both."""

ORDER = "Order Completed"

TAG_LENGTH = 6
"""Of the run's name, in the address."""


def new_run() -> str:
    """The name of a rehearsal, which its person and its messages bear."""
    return f"rehearsal-{uuid.uuid4().hex[:12]}"


def address_for(run: str, address: str) -> str:
    """An address that is new to the destination, where the mailbox takes any: the one with a plus.

    The destination subscribes an address once in half an hour, as Klaviyo recommends. Mail for
    you+rehearsal-1f9c2a@ goes where mail for you+rehearsal@ goes.
    """
    mailbox, _, domain = address.rpartition("@")
    return f"{mailbox}-{run[-TAG_LENGTH:]}@{domain}" if "+" in mailbox else address


def messages(
    run: str, address: str, settings: Settings, now: datetime, *, with_order: bool
) -> list[dict[str, Any]]:
    """The messages in the order in which they are sent; the second identify changes the first."""
    about = {"userId": run, "context": {"traits": {"email": address}}}
    made: list[dict[str, Any]] = [
        {"type": "identify", "userId": run, "traits": _person(run, address, "First")},
        {"type": "track", "event": EVENT, "properties": {"rehearsal": run, "step": 1}, **about},
    ]
    if with_order:
        made.append({"type": "track", "event": ORDER, "properties": _order(run), **about})
    if settings.consent_events:
        made.append({"type": "track", "event": settings.subscribe_event, "properties": {}, **about})
    made.append({"type": "identify", "userId": run, "traits": _person(run, address, "Second")})
    return [
        {
            **message,
            "messageId": f"{run}-{number}",
            "timestamp": now.isoformat(timespec="milliseconds"),
        }
        for number, message in enumerate(made, start=1)
    ]


def deletion(run: str, address: str, now: datetime) -> dict[str, Any]:
    """The message that has a destination delete the person, and forget what it has sent."""
    return {
        "type": "delete",
        "messageId": f"{run}-deletion",
        "userId": address,
        "timestamp": now.isoformat(timespec="milliseconds"),
    }


def _person(run: str, address: str, first_name: str) -> Mapping[str, Any]:
    return {
        "email": address,
        "firstName": first_name,
        "lastName": "Rehearsal",
        "title": "Made up",
        "address": {"city": "Boston", "country": "US"},
        MARK: run,
        "rehearsal_number": 7.5,
        "rehearsal_list": ["a", "b"],
        "rehearsal_yes": True,
    }


def _order(run: str) -> Mapping[str, Any]:
    products: Iterable[Mapping[str, Any]] = (
        {"product_id": "rehearsal-1", "name": "Rehearsal one", "price": 0.01, "quantity": 1},
        {"product_id": "rehearsal-2", "name": "Rehearsal two", "price": 0.02, "quantity": 1},
    )
    return {"order_id": run, "revenue": 0.03, "currency": "USD", "products": list(products)}
