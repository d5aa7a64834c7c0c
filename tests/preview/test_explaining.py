"""What a preview says of messages: the decision on each, and the requests as they would leave."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import BULK_CREATE_EVENTS, BULK_IMPORT_PROFILES, CREATE_EVENT
from klaviyo_client.api.revision import REVISION
from klaviyo_client.planning import steps
from klaviyo_mapping import Settings
from klaviyo_mapping.settings.rules_file import read_rules
from local.klaviyo_stand_in import Account, Request
from operations import CreateEvent, Json
from preview import (
    ADVICE,
    Advice,
    MappingVerdict,
    MessagePreview,
    Preview,
    Source,
    UnreadableText,
    WayOut,
    explain,
    to_json,
)
from preview.provenance import PARTS, Budget

NOW = datetime(2026, 11, 1, tzinfo=UTC)

PROPERTIES: Mapping[str, Json] = {"email": "maria@acme-store.example"}
TRACK = {
    "type": "track",
    "messageId": "m-1",
    "userId": "u-1",
    "event": "Product Viewed",
    "timestamp": "2026-10-28T13:32:00Z",
    "properties": {**PROPERTIES, "price": 5},
}
IDENTIFY = {
    "type": "identify",
    "messageId": "m-2",
    "userId": "u-1",
    "traits": {"email": "maria@acme-store.example", "firstName": "Maria"},
}


def identify(number: int, **fields: Json) -> dict[str, Json]:
    traits = {"email": f"p{number}@acme-store.example", **fields.pop("traits", {})}
    return {
        "type": "identify",
        "messageId": f"i-{number}",
        "userId": "u",
        "traits": traits,
        **fields,
    }


def on_list(confirm_optin: bool) -> dict[str, Json]:
    return {"Klaviyo": {"listId": "WmB7kT", "confirmOptin": confirm_optin}}


def preview_of(*messages: Json, **settings: Any) -> Preview:
    return explain(messages, Settings(**settings), NOW)


def the_message(preview: Preview) -> MessagePreview:
    [message] = preview.messages
    return message


def sources(preview: Preview, request: int = 1) -> dict[str, list[str]]:
    """By pointer, the sources of one request as `message:path`, a setting as its name."""
    found = preview.requests[request - 1].traces
    return {trace.pointer: [_told(source) for source in trace.sources] for trace in found}


def _told(source: Source) -> str:
    return source.path if source.message is None else f"{source.message}:{source.path}"


# Decisions


def test_mapped_message_names_the_requests_that_carry_it() -> None:
    message = the_message(preview_of(TRACK))
    assert (message.verdict, message.requests) == (MappingVerdict.MAPPED, (1,))
    assert (message.message_id, message.type, message.event_name) == (
        "m-1",
        "track",
        "Product Viewed",
    )


def test_dropped_message_has_its_reason_and_the_switch_that_lets_it_through() -> None:
    message = the_message(preview_of({**TRACK, "properties": {}}))
    assert message.verdict is MappingVerdict.DROPPED
    assert message.reason == ADVICE["missing_email"]
    assert message.ways_out == (WayOut("enforce_email", False),)


def test_drop_that_no_switch_changes_has_no_way_out() -> None:
    message = the_message(preview_of({"type": "unknown", "userId": "u-1"}))
    assert (message.reason, message.ways_out) == (ADVICE["unsupported_type"], ())


def test_way_out_of_a_type_adds_it_to_those_that_are_forwarded() -> None:
    page = {**TRACK, "type": "page", "name": "Home"}
    assert the_message(preview_of(page)).ways_out == (WayOut("forward_types", "page"),)
    assert the_message(preview_of(page, forward_types=("group",))).ways_out == (
        WayOut("forward_types", "group,page"),
    )


def test_way_out_is_tried_with_the_other_settings_as_they_are() -> None:
    anonymous = {**TRACK, "userId": None, "anonymousId": "a-1"}
    assert the_message(preview_of(anonymous)).ways_out == (
        WayOut("fallback_on_anonymous_id", True),
    )


def test_malformed_message_names_the_field() -> None:
    message = the_message(preview_of({**TRACK, "userId": [1]}))
    assert message.verdict is MappingVerdict.REJECTED
    assert message.reason == ADVICE["invalid_message"]
    assert (message.field, message.detail) == ("userId", "must be string or number or null")


def test_rejected_message_costs_its_neighbours_nothing() -> None:
    preview = preview_of({**TRACK, "event": 7}, IDENTIFY)
    assert [message.verdict for message in preview.messages] == [
        MappingVerdict.REJECTED,
        MappingVerdict.MAPPED,
    ]
    assert preview.messages[1].requests == (1,)


def test_message_that_nests_too_deeply_is_rejected() -> None:
    deep = '{"type":"track","properties":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}"
    message = the_message(explain(deep, Settings(), NOW))
    assert (message.verdict, message.detail) == (
        MappingVerdict.REJECTED,
        "nests too deeply to be read",
    )


def test_warnings_come_with_their_advice() -> None:
    order = {**TRACK, "event": "Order Completed"}
    order["properties"] = {**PROPERTIES, "products": [{"name": "Mug"}, 7]}
    assert the_message(preview_of(order)).warnings == (
        ADVICE["product_without_id"],
        ADVICE["product_not_an_object"],
    )


def test_a_warning_about_an_option_names_it() -> None:
    message = the_message(preview_of({**IDENTIFY, "integrations": {"Klaviyo": {"listId": 7}}}))
    advice = ADVICE["option_ignored"]
    meaning = f"integrations.Klaviyo.listId: {advice.meaning}"
    assert message.warnings == (Advice(advice.code, meaning, advice.remedy),)


# Requests


def test_request_is_as_the_client_sends_it() -> None:
    [request] = preview_of(TRACK).requests
    assert (request.number, request.endpoint, request.method, request.path) == (
        1,
        "create_event",
        "POST",
        "/api/events",
    )
    assert request.title == "Record an event"
    assert request.items == (("", (1,)),)
    assert request.body["data"]["attributes"]["unique_id"] == "m-1"


def test_list_step_waits_for_the_profile_of_the_request_before() -> None:
    [upsert, join] = preview_of(identify(1, integrations=on_list(False))).requests
    assert (upsert.endpoint, upsert.after) == ("create_or_update_profile", None)
    assert (join.path, join.after) == ("/api/lists/WmB7kT/relationships/profiles", 1)
    assert join.body == {"data": [{"type": "profile", "id": "<the-id-in-the-answer-to-request-1>"}]}


def test_many_profiles_are_one_import_that_is_looked_at_later() -> None:
    messages = [identify(number, integrations=on_list(False)) for number in range(6)]
    [job, check] = preview_of(*messages).requests
    assert job.endpoint == BULK_IMPORT_PROFILES.name
    assert job.items[5] == ("/data/attributes/profiles/data/5", (6,))
    assert job.body["data"]["relationships"]["lists"]["data"] == [{"type": "list", "id": "WmB7kT"}]
    assert (check.method, check.after, check.body) == ("GET", 1, None)
    assert check.note == "About a minute later, by way of the retry queue."


def test_upserts_of_one_person_are_one_item_of_several_messages() -> None:
    preview = preview_of(identify(1, traits={"a": 1}), identify(1, traits={"b": 2}))
    [request] = preview.requests
    assert request.items == (("", (1, 2)),)
    assert sources(preview)["/data/attributes/properties/a"] == ["1:traits.a"]
    assert sources(preview)["/data/attributes/email"] == ["2:traits.email"]


@pytest.mark.parametrize("number", [1, 5, 6, 23, 24, 30])
def test_stand_in_accepts_every_request_that_needs_no_answer(number: int) -> None:
    messages = [
        message
        for each in range(number)
        for message in (
            {**TRACK, "messageId": f"t-{each}"},
            identify(each, integrations=on_list(True)),
        )
    ]
    account = Account(keys={"pk"})
    account.add_list("WmB7kT", name="Customers")
    headers = {
        "authorization": "Klaviyo-API-Key pk",
        "revision": REVISION,
        "content-type": "application/vnd.api+json",
    }
    for request in preview_of(*messages).requests:
        if request.after is None:
            body = json.dumps(request.body).encode()
            reply = account.exchange(Request.of(request.method, request.path, headers, body))
            assert reply.response is not None
            assert reply.response.status in (200, 201, 202)


# Tracing


def test_attributes_are_traced_to_the_keys_in_their_own_spelling() -> None:
    traits = {"E-Mail": "maria@acme-store.example", "first_name": "Maria", "Favourite Tea": "green"}
    preview = preview_of({"type": "identify", "user_id": "u-1", "traits": traits})
    assert sources(preview) == {
        "/data/attributes/email": ["1:traits.E-Mail"],
        "/data/attributes/first_name": ["1:traits.first_name"],
        "/data/attributes/properties/Favourite Tea": ['1:traits["Favourite Tea"]'],
    }


def test_fallback_that_says_the_same_does_not_hide_the_source() -> None:
    message = {**IDENTIFY, "userId": "maria@acme-store.example"}
    assert sources(preview_of(message))["/data/attributes/email"] == ["1:traits.email"]


def test_renamed_trait_is_traced_to_the_key_that_was_sent() -> None:
    rules = read_rules('[traits.rename]\ngiven = "firstName"\nplanName = "plan"')
    traits = {"email": "maria@acme-store.example", "given": "Maria", "planName": "pro"}
    found = sources(preview_of({**IDENTIFY, "traits": traits}, rules=rules))
    assert found["/data/attributes/first_name"] == ["1:traits.given", "RULES"]
    assert found["/data/attributes/properties/plan"] == ["1:traits.planName", "RULES"]


def test_value_made_of_two_keys_names_both() -> None:
    product = {"product_id": "p", "price": 3, "quantity": 2}
    order = {**TRACK, "event": "Order Completed"}
    order["properties"] = {**PROPERTIES, "order_id": "o", "products": [product]}
    assert sources(preview_of(order), request=2)["/data/attributes/value"] == [
        "1:properties.products[0].price",
        "1:properties.products[0].quantity",
    ]


def test_part_of_an_object_that_goes_as_it_is_names_the_very_key() -> None:
    track = {**TRACK, "properties": {**PROPERTIES, "cart": {"lines": [{"sku": "s"}]}}}
    assert sources(preview_of(track))["/data/attributes/properties/cart/lines/0/sku"] == [
        "1:properties.cart.lines[0].sku"
    ]


def test_setting_that_decides_is_named() -> None:
    found = sources(preview_of(IDENTIFY, list_id="Y6nRLr"), request=2)
    assert found["/data/relationships/list/data/id"] == ["LIST_ID"]


def test_list_in_the_path_is_traced_to_its_key() -> None:
    found = sources(preview_of(identify(1, integrations=on_list(False))), request=2)
    assert found == {"": ["1:integrations.Klaviyo.listId"]}


def test_property_that_a_bulk_import_clears_is_traced() -> None:
    messages = [identify(number, traits={"plan": None}) for number in range(6)]
    found = sources(preview_of(*messages))
    pointer = "/data/attributes/profiles/data/2/meta/patch_properties/unset/0"
    assert found[pointer] == ["3:traits.plan"]


def test_events_in_bulk_are_traced_to_their_own_messages() -> None:
    messages = [{**TRACK, "messageId": f"t-{number}"} for number in range(24)]
    preview = preview_of(*messages)
    [request] = preview.requests
    assert request.endpoint == BULK_CREATE_EVENTS.name
    inner = "attributes/events/data/0/attributes/unique_id"
    pointer = f"/data/attributes/events-bulk-create/data/23/{inner}"
    assert sources(preview)[pointer] == ["24:messageId"]


def test_every_trace_points_into_its_body() -> None:
    messages = [
        {**TRACK, "messageId": f"t-{n}", "properties": {"a/b~c": {"": n}, **PROPERTIES}}
        for n in range(24)
    ]
    for request in preview_of(*messages, *(identify(n) for n in range(6))).requests:
        for trace in request.traces:
            value = request.body
            for step in trace.pointer.split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                value = value[int(key)] if isinstance(value, list) else value[key]
            assert not isinstance(value, dict | list)


def test_field_that_takes_no_mark_costs_the_others_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = bodies.single_event

    def choosy(operation: CreateEvent) -> bytes:
        return {"Product Viewed": write}[operation.metric](operation)

    monkeypatch.setattr(steps, "CREATE_EVENT", replace(CREATE_EVENT, write_item=choosy))
    found = sources(preview_of(TRACK))
    assert "/data/attributes/metric/data/attributes/name" not in found
    assert found["/data/attributes/unique_id"] == ["1:messageId"]


def test_what_is_too_much_to_trace_is_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tenth of the budget: to spend all of it takes seconds."""
    monkeypatch.setattr("preview.explaining.Budget", partial(Budget, PARTS // 10))
    order = {**TRACK, "event": "Order Completed"}
    order["properties"] = {
        **PROPERTIES,
        "products": [{"product_id": str(n), "price": n} for n in range(1000)],
    }
    preview = preview_of(order)
    assert preview.is_traced is False
    assert len(preview.requests) == 2


def test_without_tracing_there_are_no_traces() -> None:
    preview = explain([TRACK], Settings(), NOW, is_traced=False)
    assert (preview.is_traced, preview.requests[0].traces) == (False, ())


# Texts


@pytest.mark.parametrize(
    ("text", "line", "column", "detail"),
    [
        ('{"type":\n "track",,}', 2, 10, "a key in double quotes should stand here"),
        ('{"a": 1 "b": 2}', 1, 9, "a comma or a closing bracket is missing before this"),
        ('[{"a": tru}]', 1, 8, "a value should stand here"),
        ('{"a": 1}\n{"a": 2}', 2, 1, "there is something after the end of the message"),
        ('{"a": "b', 1, 7, "this text has no closing quote"),
        ('{"NaN": 1,\n"a": NaN}', 2, 6, "NaN is not a JSON number; write null"),
    ],
)
def test_text_that_is_no_json_is_told_with_its_place(
    text: str, line: int, column: int, detail: str
) -> None:
    with pytest.raises(UnreadableText, match=f"^line {line}, column {column}: {detail}$") as caught:
        explain(text, Settings(), NOW)
    error = caught.value
    assert (error.code, error.line, error.column, error.detail) == (
        "not_json",
        line,
        column,
        detail,
    )


@pytest.mark.parametrize(
    ("text", "code"), [("", "no_message"), ("7", "no_message"), ("x" * 6_300_000, "too_large")]
)
def test_text_without_a_message_has_no_place_to_point_at(text: str, code: str) -> None:
    with pytest.raises(UnreadableText) as caught:
        explain(text, Settings(), NOW)
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, None, None)


def test_text_of_an_array_is_as_many_messages() -> None:
    preview = explain(json.dumps([TRACK, IDENTIFY]), Settings(), NOW)
    assert [message.message_id for message in preview.messages] == ["m-1", "m-2"]


def test_preview_is_json() -> None:
    document = to_json(preview_of(TRACK, {"type": "page"}, {"type": 7}))
    assert json.loads(json.dumps(document)) == document
    assert document["requests"][0]["traces"]["/data/attributes/unique_id"] == [
        {"path": "messageId", "message": 1}
    ]
