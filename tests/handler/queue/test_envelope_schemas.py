"""What an earlier release has put on a queue is still read, entry by entry.

A release that changes the queue's format, or adds to it, adds a file here and leaves the others
alone. A file is called after the schema, and after what was added.
"""

import json
from pathlib import Path

import pytest

from handler.queue.envelope import SCHEMA, Entry, pack
from handler.queue.unpacking import READABLE_SCHEMAS, unpack
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Identity,
    MergeProfiles,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

ENVELOPES = Path(__file__).parent / "envelopes"

ADA = Identity(email="ada@acme-store.example")
FAILED, AGAIN = 1795428000.5, 1795428020.5

SCHEMA_1 = [
    Entry(
        operation=UpsertProfile(
            "m-1",
            Identity(
                email="ada@acme-store.example",
                external_id="user-1",
                phone_number="+14155550100",
                kx="kx-1",
            ),
            {
                "first_name": "Adélé",
                "title": None,
                "location": {"city": "London", "latitude": 51.5},
            },
            {"plan": "pro", "seats": 3, "beta": None, "tags": ["a", "b"]},
            {"phone": "(415) 555-0100"},
            "2026-11-23T10:00:00.000Z",
        ),
        attempts=2,
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(
        operation=CreateEvent(
            "m-2",
            ADA,
            "Order Completed",
            "order-7",
            {"OrderId": "order-7", "Items": [{"ProductID": "p-1", "Quantity": 2}]},
            "2026-11-23T10:00:01Z",
            39.95,
            "EUR",
            True,
        ),
        attempts=1,
        first_failed_at=1795428000,
    ),
    Entry(operation=CreateEvent(None, Identity(external_id="user-2"), "Item Added", "m-3")),
    Entry(
        operation=AddToList("m-4", ADA, "WmB7kT", "01PROFILE"),
        attempts=1,
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(operation=AddToList("m-5", Identity(external_id="user-2"), "WmB7kT")),
    Entry(
        operation=Subscribe("m-6", "ada@acme-store.example", "Y6nRLr"),
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(operation=CheckImport(None, "job-1", ("m-7", None, "m-8"))),
    Entry(
        operation=Subscribe("m-9", "refused@acme-store.example", "Y6nRLr"),
        reason={
            "code": "refused",
            "status": 400,
            "klaviyo_code": "invalid",
            "detail": "Invalid input.",
            "pointer": "/data/attributes",
        },
    ),
    Entry(
        message={"type": "track", "messageId": "m-10", "userId": {}, "event": "Item Added"},
        reason={
            "code": "invalid_message",
            "field": "userId",
            "detail": "must be string or number or null",
        },
    ),
    Entry(
        message=None,
        reason={"code": "invalid_message", "field": "message", "detail": "must be object"},
    ),
    Entry(
        unreadable='{"schema":99,"entries":[]}',
        reason={"code": "unreadable", "detail": "not an envelope that this release knows"},
    ),
    Entry(message={"type": "track"}),
]


SCHEMA_1_LISTS = [
    Entry(
        operation=UpsertProfile(
            "m-1",
            ADA,
            properties={"plan": "pro"},
            time="2026-11-23T10:00:00Z",
            append={"badges": ["gold"]},
            unappend={"interests": "chess"},
            unset=("trial_ends",),
        ),
        attempts=2,
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(AddToList("m-2", ADA, None, None, "repeat_buyers", "2026-11-23T10:00:01Z")),
    Entry(RemoveFromList("m-3", ADA, "WmB7kT", "01PROFILE", None, "2026-11-23T10:00:02Z")),
    Entry(
        Subscribe(
            "m-4",
            "ada@acme-store.example",
            "Y6nRLr",
            "+14155550100",
            True,
            "2024-05-01T10:00:00Z",
            "Till",
            "2026-11-23T10:00:03Z",
        )
    ),
    Entry(Unsubscribe("m-5", None, None, "+14155550100", "2026-11-23T10:00:04Z")),
    Entry(
        operation=DeleteProfile("m-6", Identity(external_id="user-2"), "2026-11-23T10:00:05Z"),
        reason={"code": "retries_exhausted", "last": "forbidden", "status": 403},
    ),
]

SCHEMA_1_MERGES = [
    Entry(
        MergeProfiles("m-1", ADA, Identity(external_id="user-0"), "2026-11-23T10:00:00Z"),
        attempts=1,
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(
        CreateEvent(
            "m-2",
            Identity("ada@acme-store.example", anonymous_id="a-1"),
            "Viewed Home Page",
            "m-2",
        )
    ),
    Entry(AddToList("m-3", ADA, None, list_name="repeat_buyers", opt_in_process="double_opt_in")),
]

SCHEMA_1_SENT = [
    Entry(
        Subscribe(
            "m-1",
            "ada@acme-store.example",
            "Y6nRLr",
            time="2026-11-23T10:00:00Z",
            is_consent=True,
            sent_at=FAILED,
        ),
        attempts=1,
        first_failed_at=FAILED,
        not_before=AGAIN,
    ),
    Entry(
        Unsubscribe(
            "m-2",
            "ada@acme-store.example",
            None,
            time="2026-11-23T10:00:01Z",
            channels=("email.marketing",),
            sent_at=FAILED,
        )
    ),
]

SCHEMA_1_MESSAGES = [
    Entry(
        messages='[{"type":"track","messageId":"m-1"},null]',
        first_failed_at=FAILED,
        not_before=FAILED,
    ),
]

FILES = {
    "schema-1.json": SCHEMA_1,
    "schema-1-lists.json": SCHEMA_1_LISTS,
    "schema-1-merges.json": SCHEMA_1_MERGES,
    "schema-1-messages.json": SCHEMA_1_MESSAGES,
    "schema-1-sent.json": SCHEMA_1_SENT,
}


@pytest.mark.parametrize(("file", "entries"), FILES.items(), ids=FILES)
def test_what_the_file_says_is_what_is_read(file: str, entries: list[Entry]) -> None:
    assert unpack((ENVELOPES / file).read_text()) == entries


@pytest.mark.parametrize(("file", "entries"), FILES.items(), ids=FILES)
def test_what_is_read_is_written_in_the_present_schema(file: str, entries: list[Entry]) -> None:
    """While there is one schema, as it was; but for what could not be read once."""
    listed = json.loads((ENVELOPES / file).read_text())["entries"]
    kept = [n for n, document in enumerate(listed) if "unreadable" not in document]
    written = [json.loads(text) for n in kept for text in pack([entries[n]])]
    assert written == [{"schema": SCHEMA, "entries": [listed[n]]} for n in kept]


def test_every_schema_that_is_read_has_its_file_and_every_file_is_read() -> None:
    files = {path.name for path in ENVELOPES.glob("*.json")}
    assert files == FILES.keys()
    assert {int(name.removesuffix(".json").split("-")[1]) for name in files} == READABLE_SCHEMAS
