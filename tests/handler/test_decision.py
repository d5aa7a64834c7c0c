"""One message never costs its neighbours, not even where the mapping fails on it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from handler import decision
from handler.decision import Unmapped, decide
from handler.door.validation import Malformed, validate
from klaviyo_mapping import Dropped, DropReason, Mapped, Message, Settings, map_message
from tests.deployment import Deployment
from tests.handler.calls import call, track

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def failing(message: Message, settings: Settings, now: datetime) -> Mapped | Dropped:
    if message.message_id == "track-2":
        raise RuntimeError("ada@example.org")
    return map_message(message, settings, now)


def decided(raw: Any) -> decision.Decision:
    return decide(validate(raw), Settings(), NOW)


def test_a_message_is_mapped_dropped_or_malformed() -> None:
    assert isinstance(decided(track()), Mapped)
    assert decided({**track(), "type": "teleport"}) == Dropped(DropReason.UNSUPPORTED_TYPE)
    malformed = decided({"messageId": "m-1"})
    assert isinstance(malformed, Malformed)
    assert (malformed.message_id, malformed.field) == ("m-1", "type")


def test_a_message_that_the_mapping_fails_on_is_kept_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decision, "map_message", failing)
    unmapped = decided(track(2))
    assert isinstance(unmapped, Unmapped)
    assert unmapped.raw == track(2)
    assert "ada" not in repr(unmapped)


def test_its_neighbours_are_delivered(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "map_message", failing)
    status, answer = deployment.webhook(call([track(1), track(2), track(3)]))
    assert (status, answer["delivered"], answer["rejected"]) == (200, 2, 1)
    assert answer["messages"] == [
        {"message_id": "track-2", "outcome": "rejected", "reason": "internal_error"}
    ]
