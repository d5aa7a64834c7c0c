"""The text of the queues' messages."""

import json
import random
from typing import Any

import pytest

from handler.queue.envelope import MAX_BYTES, Entry, Packer, pack
from handler.queue.unpacking import unpack
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Identity,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
)

EVENT = CreateEvent("m-1", Identity(email="a@shop.example"), "Item Added", "u-1", {"n": "é \uffff"})
SUBSCRIBE = Subscribe("m-2", "a@shop.example", "LIST1")


def test_an_envelope_names_its_schema_and_holds_what_each_entry_needs() -> None:
    entries = [
        Entry(operation=SUBSCRIBE, attempts=2, first_failed_at=10.5, not_before=20.0),
        Entry(message={"type": "track"}, reason={"code": "invalid_message"}),
    ]
    assert [json.loads(text) for text in pack(entries)] == [
        {
            "schema": 1,
            "entries": [
                {
                    "operation": {
                        "kind": "subscribe",
                        "message_id": "m-2",
                        "email": "a@shop.example",
                        "list_id": "LIST1",
                    },
                    "attempts": 2,
                    "first_failed_at": 10.5,
                    "not_before": 20.0,
                },
                {"message": {"type": "track"}, "reason": {"code": "invalid_message"}},
            ],
        }
    ]


def test_what_was_packed_is_unpacked_in_order() -> None:
    entries = [
        Entry(operation=EVENT, attempts=1, first_failed_at=1.0, not_before=6.0),
        Entry(operation=SUBSCRIBE),
        Entry(message={"type": "track", "event": None}),
    ]
    assert [entry for text in pack(entries) for entry in unpack(text)] == entries


def test_an_envelope_is_ascii_since_sqs_refuses_some_characters() -> None:
    assert all(text.isascii() for text in pack([Entry(operation=EVENT)]))


def test_entries_are_cut_into_as_few_envelopes_as_fit() -> None:
    entries = [Entry(message="x" * 300_000) for _ in range(7)]
    texts = list(pack(entries))
    assert [len(unpack(text)) for text in texts] == [3, 3, 1]
    assert all(len(text) <= MAX_BYTES for text in texts)


def test_what_is_about_one_person_stays_together() -> None:
    """Two envelopes may be taken by two functions at once, and then there is no order."""
    ada, bob = Identity(email="ada@shop.example"), Identity(external_id="bob")
    known_by_both = Identity(email="bob@shop.example", external_id="bob")
    large = {"text": "x" * 300_000}
    entries = [
        Entry(operation=operation)
        for operation in (
            UpsertProfile("m-1", ada, {}, large),
            UpsertProfile("m-2", bob, {}, large),
            CreateEvent("m-3", ada, "Item Added", "m-3", large),
            UpsertProfile("m-4", known_by_both, {}, large),
            Subscribe("m-5", "Ada@shop.example", "LIST1"),
        )
    ]
    packed = [unpack(text) for text in pack(entries)]
    assert [
        [entry.operation.message_id for entry in each if entry.operation] for each in packed
    ] == [
        ["m-1", "m-3", "m-5"],
        ["m-2", "m-4"],
    ]


def test_lists_consent_and_deletion_of_one_person_stay_together_in_order() -> None:
    ada = Identity(email="ada@shop.example", phone_number="+14155550100")
    large = "x" * 300_000
    entries = [
        Entry(operation=operation)
        for operation in (
            AddToList("m-1", ada, None, list_name=large),
            RemoveFromList("m-2", Identity(email="bob@shop.example"), "LIST1", list_name=large),
            Unsubscribe("m-3", "ADA@shop.example", None),
            Subscribe("m-4", None, None, "+14155550100", custom_source=large),
            RemoveFromList("m-5", Identity(email="ada@shop.example"), None, list_name="vips"),
            CheckImport("m-6", "job", ("x" * 300_000,)),
            DeleteProfile("m-7", Identity(email="bob@shop.example")),
        )
    ]
    packed = [unpack(text) for text in pack(entries)]
    assert [
        [entry.operation.message_id for entry in each if entry.operation] for each in packed
    ] == [
        ["m-1", "m-3", "m-4", "m-5", "m-2", "m-7"],
        ["m-6"],
    ]


def test_of_one_person_too_much_for_an_envelope_is_cut() -> None:
    large = [UpsertProfile("m", Identity(email="a@shop.example"), {}, {"t": "x" * 300_000})] * 4
    texts = list(pack(Entry(operation=operation) for operation in large))
    assert [len(unpack(text)) for text in texts] == [3, 1]


def test_nothing_to_pack_is_no_envelope() -> None:
    assert list(pack([])) == []


def test_an_entry_larger_than_a_message_is_packed_into_an_envelope_of_its_own() -> None:
    large = [Entry(message={"é": "x" * 5 * MAX_BYTES}, reason={"code": "invalid_message"})]
    small = [Entry(message={"a": 1}), Entry(message={"b": 2})]
    texts = list(pack([small[0], *large, small[1]]))
    assert all(len(text) < MAX_BYTES for text in texts)
    assert [unpack(text) for text in texts] == [small[:1], large, small[1:]]


def test_an_entry_that_no_envelope_can_hold_leaves_its_neighbours_alone() -> None:
    noise = random.Random(1).randbytes(MAX_BYTES).hex()
    small, large = Entry(message={"a": 1}), Entry(message=3 * noise)
    not_json = Entry(message={"a": float("inf")})
    packer = Packer()
    [envelope] = packer.pack([large, small, not_json, small])
    assert (envelope.entries, unpack(envelope.text)) == ([small, small], [small, small])
    assert packer.unfit == [large, not_json]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": 1, "entries": [NaN]}', "not JSON"),
        ("[]", "not an envelope that this release knows"),
        ('{"schema": 99, "entries": []}', "not an envelope that this release knows"),
        ('{"schema": 1, "entries": {}}', "entries: expected a list"),
    ],
)
def test_an_envelope_that_cannot_be_read_is_kept_as_it_is(text: str, detail: str) -> None:
    assert unpack(text) == [Entry(unreadable=text, reason={"code": "unreadable", "detail": detail})]


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        (5, "entry: expected an object"),
        ({}, "entry: neither operation nor message"),
        ({"packed": "?"}, "packed: cannot be unpacked"),
        ({"packed": "AAAA"}, "packed: cannot be unpacked"),
        ({"packed": "eJxTAAAAIQAh"}, "packed: cannot be unpacked"),
        ({"operation": 5}, "operation: expected an object"),
        ({"operation": {"kind": "?"}}, "operation: kind: Invalid value '?'"),
        (
            {"operation": {"kind": "create_event"}},
            "operation: Object missing required field `identity`",
        ),
        (
            {"operation": {"kind": "subscribe", "email": 5}},
            "operation: email: Expected `str | null`, got `int`",
        ),
    ],
)
def test_one_bad_entry_leaves_its_neighbours_alone(entry: Any, detail: str) -> None:
    good = {"message": {"type": "track"}}
    first, bad, last = unpack(json.dumps({"schema": 1, "entries": [good, entry, good]}))
    assert first == last == Entry(message={"type": "track"})
    assert bad.reason == {"code": "unreadable", "detail": detail}
    assert json.loads(bad.unreadable or "") == {"schema": 1, "entries": [entry]}


def test_a_dead_letter_that_could_not_be_read_is_read_again_when_it_is_redriven() -> None:
    [inner] = pack([Entry(operation=EVENT)])
    [outer] = pack([Entry(unreadable=inner, reason={"code": "unreadable"})])
    assert unpack(outer) == [Entry(operation=EVENT)]


def test_a_redriven_dead_letter_is_known_by_its_reason() -> None:
    letter = Entry(operation=EVENT, reason={"code": "refused"})
    [text] = pack([letter])
    assert unpack(text) == [letter]


def test_fields_of_a_later_release_are_ignored() -> None:
    [text] = pack([Entry(operation=SUBSCRIBE)])
    document = json.loads(text)
    document["entries"][0]["colour"] = document["entries"][0]["operation"]["colour"] = "blue"
    assert unpack(json.dumps(document)) == [Entry(operation=SUBSCRIBE)]
