"""However a text of 32 KB is made, it takes no longer to read than its length asks for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from klaviyo_mapping import Message, Settings, canonical, map_message
from tests.suite.timing import processor_seconds

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SETTINGS = Settings(consent_events=True, default_country="US", audience_lists="auto")

LENGTH = 32_000
SECONDS = 0.02

PIECES = ["a", "1", "(", "+1(", "a.", "a@", "@a.", "-a", ", ;", ";ext=1", "~", " ", "\\", "\u00e9"]

NAMES = [
    "email",
    "phone",
    "name",
    "birthday",
    "$locale",
    "$timezone",
    "address",
    "country",
    "currency",
    "revenue",
    "products",
    "channels",
    "consented_at",
    "list_id",
    "order_id",
]


def message(name: str, text: str, kind: str) -> Message:
    sent: dict[str, Any] = {"email": "ada@acme-store.example", "order_id": "o-1"}
    whole = {
        "type": "identify" if kind == "identify" else "track",
        "messageId": "m-1",
        "userId": "user-1",
        "timestamp": text if name == "consented_at" else "2026-11-23T10:00:00Z",
        "event": kind,
        "traits" if kind == "identify" else "properties": {**sent, name: text},
    }
    return Message.from_canonical(canonical(whole))


@pytest.mark.parametrize("kind", ["identify", "Order Completed", "User Subscribed"])
@pytest.mark.parametrize("piece", PIECES)
def test_no_field_takes_long(kind: str, piece: str) -> None:
    for name in NAMES:
        sent = message(name, piece * (LENGTH // len(piece)) + "!", kind)
        took = processor_seconds(lambda: map_message(sent, SETTINGS, NOW), SECONDS, 5)  # noqa: B023
        assert took < SECONDS, name
