"""What an earlier release has put on a queue is still read, entry by entry.

A release that changes the queue's format adds a file here and leaves the others alone.
"""

import json
from pathlib import Path

from handler.envelope import READABLE_SCHEMAS, SCHEMA, Entry, pack, unpack
from klaviyo_mapping.operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    Identity,
    Subscribe,
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
    Entry(AddToList("m-4", ADA, "WmB7kT", "01PROFILE"), None, None, 1, FAILED, AGAIN),
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


def test_what_schema_1_says_is_what_is_read() -> None:
    assert unpack((ENVELOPES / "schema-1.json").read_text()) == SCHEMA_1


def test_what_is_read_is_written_in_the_present_schema() -> None:
    """While there is one schema, as it was. But for the last two, which could not be read once."""
    document = json.loads((ENVELOPES / "schema-1.json").read_text())
    written = [json.loads(text) for entry in SCHEMA_1[:-2] for text in pack([entry])]
    assert written == [{"schema": SCHEMA, "entries": [entry]} for entry in document["entries"][:-2]]


def test_every_schema_that_is_read_has_its_file() -> None:
    files = {int(path.stem.removeprefix("schema-")) for path in ENVELOPES.glob("schema-*.json")}
    assert files == READABLE_SCHEMAS
