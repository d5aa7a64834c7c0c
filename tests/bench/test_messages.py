"""The messages are what they are said to be, and what the handler takes."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import messages
from handler.door.admission import admit
from klaviyo_mapping import Mapped, Message, Settings, map_message

OPERATIONS = {"track": 1, "identify": 1, "order": 1 + messages.PRODUCTS}


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("track", 1_000, 1_750), ("identify", 900, 1_700), ("order", 2_200, 3_000)],
)
def test_whole_messages_have_one_to_three_kilobytes(kind: str, least: int, most: int) -> None:
    sizes = list(messages.sizes(messages.whole(kind, 200)))
    assert min(sizes) > least
    assert max(sizes) < most


@pytest.mark.parametrize("kind", messages.KINDS)
def test_four_thousand_lean_messages_are_the_largest_batch_of_segments(kind: str) -> None:
    lambda_event = messages.call(messages.lean(kind, 4_000))
    assert 3_900_000 < len(lambda_event["body"].encode()) <= 4_000_000


@pytest.mark.parametrize("kind", messages.KINDS)
@pytest.mark.parametrize("number", [1, 50])
def test_every_message_passes_the_door_and_is_mapped(kind: str, number: int) -> None:
    for made in (messages.whole(kind, number), messages.lean(kind, number)):
        admitted = list(admit(messages.call(made), [messages.SECRET], []))
        assert len(admitted) == number
        for message in admitted:
            assert isinstance(message, Message)
            mapped = map_message(message, Settings(), datetime(2026, 11, 23, tzinfo=UTC))
            assert isinstance(mapped, Mapped)
            assert len(mapped.operations) == OPERATIONS[kind]
            assert mapped.warnings == ()


@pytest.mark.parametrize("kind", messages.KINDS)
def test_messages_are_the_same_each_time_and_differ_from_one_another(kind: str) -> None:
    for make in (messages.whole, messages.lean):
        assert make(kind, 20) == make(kind, 20)
        assert len({message["messageId"] for message in make(kind, 20)}) == 20


def test_single_message_is_sent_alone_and_a_batch_as_an_array() -> None:
    first, second = messages.lean("track", 2)
    assert json.loads(messages.call([first])["body"]) == first
    assert json.loads(messages.call([first, second])["body"]) == [first, second]


def test_whole_messages_have_every_key_that_the_libraries_send() -> None:
    """The times, the ids and what the sender says are made up; Segment adds keys on the way."""
    for number, captured in enumerate(messages.CAPTURED):
        for kind in ("track", "identify"):
            made, sent = messages.whole(kind, number + 1)[number], captured[kind]
            assert set(made) >= {key for key, value in sent.items() if value is not None}
            assert {**sent["context"], "traits": 0} == {
                **{key: value for key, value in made["context"].items() if key != "ip"},
                "traits": 0,
            }
            assert made.get("_metadata") == sent.get("_metadata")


def test_a_peer_finds_every_kind_in_its_file(tmp_path: Path) -> None:
    messages.write(tmp_path)
    for kind, (name, number) in messages.FIXTURES.items():
        written = json.loads((tmp_path / f"{name}.json").read_text())
        assert written == messages.whole(kind, number)
    assert json.loads((tmp_path / "track.json").read_text()) == messages.whole("track", 1)[0]
