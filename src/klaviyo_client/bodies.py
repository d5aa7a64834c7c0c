"""Operations as Klaviyo's JSON:API bodies. Pure.

Every item is serialised once, alone; a bulk body is its items joined, so that a batch can be cut
anywhere, sent again in part and measured in bytes without writing anything twice. Absent attributes
are left out: Klaviyo reads `null` as "clear".
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from klaviyo_mapping.operations import CreateEvent, Identity, Subscribe, UpsertProfile

_encode = msgspec.json.Encoder().encode

_spell_out = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False
).encode


def single_event(operation: CreateEvent) -> bytes:
    """https://developers.klaviyo.com/en/reference/create_event"""
    attributes = _event_attributes(operation)
    attributes["profile"] = _profile_reference(operation.identity)
    return _bytes({"data": {"type": "event", "attributes": attributes}})


def event_item(operation: CreateEvent) -> bytes:
    """One entry of `events-bulk-create`: a profile with one event."""
    return _bytes(
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": _profile_reference(operation.identity),
                "events": {"data": [{"type": "event", "attributes": _event_attributes(operation)}]},
            },
        }
    )


def events_job(items: Iterable[bytes]) -> bytes:
    """A bulk job of `event_item`s.

    https://developers.klaviyo.com/en/reference/bulk_create_events
    """
    return (
        b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
        + b",".join(items)
        + b"]}}}}"
    )


def single_profile(operation: UpsertProfile) -> bytes:
    """https://developers.klaviyo.com/en/reference/create_or_update_profile"""
    return _bytes({"data": _profile(operation, operation.properties)})


def profile_item(operation: UpsertProfile) -> bytes:
    """One profile of an import job.

    A job clears nothing by `null` (https://developers.klaviyo.com/en/docs/data-in), but it unsets
    custom properties that are named.
    """
    unset = [name for name, value in operation.properties.items() if value is None]
    if not unset:
        return _bytes(_profile(operation, operation.properties))
    kept = {name: value for name, value in operation.properties.items() if value is not None}
    profile = _profile(operation, kept)
    profile["meta"] = {"patch_properties": {"unset": unset}}
    return _bytes(profile)


def needs_single(operation: UpsertProfile) -> bool:
    """Whether the upsert clears an attribute, which an import job has no way to do."""
    location = operation.attributes.get("location")
    return None in operation.attributes.values() or (
        isinstance(location, dict) and None in location.values()
    )


def import_job(items: Iterable[bytes], list_ids: Sequence[str]) -> bytes:
    """A bulk job of `profile_item`s that also join the lists.

    https://developers.klaviyo.com/en/reference/bulk_import_profiles
    """
    job = (
        b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
        + b",".join(items)
        + b"]}}"
    )
    if list_ids:
        lists = [{"type": "list", "id": list_id} for list_id in list_ids]
        job += b',"relationships":' + _bytes({"lists": {"data": lists}})
    return job + b"}}"


def subscription_item(operation: Subscribe) -> bytes:
    """One profile of a subscription job: the address and its consent, and nothing else.

    Klaviyo refuses the whole job for any further attribute (names, properties).
    """
    return _bytes(
        {
            "type": "profile",
            "attributes": {
                "email": operation.email,
                "subscriptions": {"email": {"marketing": {"consent": "SUBSCRIBED"}}},
            },
        }
    )


def subscription_job(items: Iterable[bytes], list_id: str) -> bytes:
    """https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles"""
    relationships = {"list": {"data": {"type": "list", "id": list_id}}}
    return (
        b'{"data":{"type":"profile-subscription-bulk-create-job","attributes":{"profiles":{"data":['
        + b",".join(items)
        + b']}},"relationships":'
        + _bytes(relationships)
        + b"}}"
    )


def member_item(profile_id: str) -> bytes:
    """One profile of a list's members, by Klaviyo's own id."""
    return _bytes({"type": "profile", "id": profile_id})


def members(items: Iterable[bytes]) -> bytes:
    """https://developers.klaviyo.com/en/reference/add_profiles_to_list"""
    return b'{"data":[' + b",".join(items) + b"]}"


def _profile_reference(identity: Identity) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": identity.attributes()}}


def _event_attributes(operation: CreateEvent) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "properties": operation.properties,
        "metric": {"data": {"type": "metric", "attributes": {"name": operation.metric}}},
        "unique_id": operation.unique_id,
    }
    if operation.time is not None:
        attributes["time"] = operation.time
    if operation.value is not None:
        attributes["value"] = operation.value
        if operation.value_currency is not None:
            attributes["value_currency"] = operation.value_currency
    if operation.backfill:
        attributes["backfill"] = True
    return attributes


def _profile(operation: UpsertProfile, properties: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = dict(operation.identity.attributes())
    attributes.update(operation.attributes)
    if properties:
        attributes["properties"] = properties
    return {"type": "profile", "attributes": attributes}


def _bytes(document: Any) -> bytes:
    try:
        return _encode(document)
    except UnicodeEncodeError:
        # Half an emoji (a lone surrogate), which some SDKs cut a text into, becomes a
        # question mark.
        return _spell_out(document).encode(errors="replace")
