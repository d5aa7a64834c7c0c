"""The stand-in's judge against two others: a JSON Schema validator and Klaviyo's own SDK."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import fastjsonschema
import pytest
from openapi_client import models

from local.klaviyo_stand_in.checks.schema import compile_schema
from local.klaviyo_stand_in.protocol.exchange import Json
from local.klaviyo_stand_in.protocol.findings import CheckContext, Findings
from local.klaviyo_stand_in.protocol.openapi import BODIES, DEFINITIONS
from local.klaviyo_stand_in.protocol.policy import Policy
from tests.local.klaviyo_stand_in.caller import (
    NOW,
    deletion,
    entry,
    event,
    events_job,
    import_job,
    members,
    merge,
    new_list,
    profile,
    recorded,
    subscriber,
    subscription_job,
    unsubscription_job,
)

PERSON = profile(
    phone_number="+14155550100",
    external_id="7",
    location={"city": "Boston", "latitude": 42.3},
    properties={"plan": "pro"},
)
META = {
    "patch_properties": {"append": {"a": 1}, "unset": ["c"]},
    "patch_identifiers": {"append": {"email": "b@shop.io"}},
}

SAMPLES: dict[str, tuple[Json, Any]] = {
    "create_event": (
        event(
            {**PERSON, "meta": META}, value=1.5, value_currency="USD", time="2026-07-15T12:00:00Z"
        ),
        models.EventCreateQueryV2,
    ),
    "bulk_create_events": (
        events_job(entry(recorded(unique_id="1", backfill=True), person={**PERSON, "meta": META})),
        models.EventsBulkCreateJob,
    ),
    "create_or_update_profile": (
        {"data": {**PERSON, "meta": META}},
        models.ProfileUpsertQuery,
    ),
    "bulk_import_profiles": (
        import_job(PERSON, profile(), lists=("SINGLE",)),
        models.ProfileImportJobCreateQuery,
    ),
    "bulk_subscribe_profiles": (
        subscription_job(subscriber(), list_id="SINGLE", historical_import=False),
        models.SubscriptionCreateJobCreateQuery,
    ),
    "bulk_unsubscribe_profiles": (
        unsubscription_job(subscriber(consent="UNSUBSCRIBED"), list_id="SINGLE"),
        models.SubscriptionDeleteJobCreateQuery,
    ),
    "add_profiles_to_list": (members("01A"), models.ListMembersAddQuery),
    "remove_profiles_from_list": (members("01A"), models.ListMembersDeleteQuery),
    "create_list": (new_list(opt_in_process="single_opt_in"), models.ListCreateQuery),
    "request_profile_deletion": (deletion(profile()), models.DataPrivacyCreateDeletionJobQuery),
    "merge_profiles": (merge("01A", "01B"), models.ProfileMergeQuery),
}


def test_every_body_has_a_sample() -> None:
    assert SAMPLES.keys() == BODIES.keys()


@pytest.mark.parametrize("operation", BODIES)
def test_what_the_stand_in_accepts_is_what_klaviyos_sdk_accepts(operation: str) -> None:
    document, model = SAMPLES[operation]
    assert _is_right(operation, document)
    assert model.from_dict(document) is not None


@pytest.mark.parametrize("operation", BODIES)
def test_the_stand_in_knows_the_fields_that_klaviyos_sdk_knows(operation: str) -> None:
    _, model = SAMPLES[operation]
    document = model.model_json_schema(by_alias=True)
    of_sdk = set(_fields(document, document.get("$defs", {})))
    assert set(_fields(BODIES[operation], DEFINITIONS)) == of_sdk


@pytest.mark.parametrize("operation", BODIES)
def test_every_wrong_type_and_key_is_judged_as_json_schema_judges_it(operation: str) -> None:
    validate = fastjsonschema.compile(
        {**BODIES[operation], "$defs": DEFINITIONS}, use_formats=False
    )
    verdicts = [
        (place, _is_right(operation, bent), _is_valid(validate, bent))
        for place, bent in _bent(SAMPLES[operation][0])
    ]
    assert [verdict for verdict in verdicts if verdict[1] != verdict[2]] == []
    assert {valid for _, _, valid in verdicts} == {True, False}


def test_a_rule_on_a_place_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="/data/colour"):
        compile_schema(BODIES["create_list"], DEFINITIONS, {"/data/colour": ()})


def _is_right(operation: str, document: Json) -> bool:
    findings = Findings(CheckContext(NOW, Policy()))
    compile_schema(BODIES[operation], DEFINITIONS, {})(document, findings)
    return not findings.problems


def _fields(schema: Any, definitions: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """The places of all fields that a schema names."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for option in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _fields(option, definitions, place)
    if "items" in schema:
        yield from _fields(schema["items"], definitions, f"{place}/*")
    for name, field in schema.get("properties", {}).items():
        yield f"{place}/{name}"
        yield from _fields(field, definitions, f"{place}/{name}")


def _is_valid(validate: Any, document: Json) -> bool:
    try:
        validate(copy.deepcopy(document))
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def _bent(document: Json) -> Iterator[tuple[str, Json]]:
    """Every document with one value replaced, one key removed or one key added."""
    for path in _paths(document):
        values: tuple[Json, ...] = (None, True, 1, 1.5, "text", [], {})
        for value in values:
            yield f"{path} = {value!r}", _replaced(document, path, value)
        inner = _at(document, path)
        if isinstance(inner, dict):
            yield f"{path} + key", _replaced(document, path, {**inner, "surplus": 1})
            for key in inner:
                rest = {name: value for name, value in inner.items() if name != key}
                yield f"{path} - {key}", _replaced(document, path, rest)


def _paths(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    entries = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in entries:
        yield from _paths(inner, (*path, key))


def _at(document: Json, path: tuple[str | int, ...]) -> Json:
    for key in path:
        document = document[key]
    return document


def _replaced(document: Json, path: tuple[str | int, ...], value: Json) -> Json:
    if not path:
        return value
    changed = copy.deepcopy(document)
    _at(changed, path[:-1])[path[-1]] = value
    return changed
