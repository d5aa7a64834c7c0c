"""Operations as Klaviyo's JSON:API bodies. Pure.

Every item is serialised once, by itself. A bulk body is its items joined, so a batch can be cut
anywhere, sent again in part and measured in bytes without writing anything twice. Absent attributes
are left out: Klaviyo reads `null` as "clear".
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from operations import (
    CreateEvent,
    Identity,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    channels_of,
)
from operations.channels import identifier_of

_encode = msgspec.json.Encoder().encode

_spell_out = json.JSONEncoder(
    separators=(",", ":"),
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    default=msgspec.to_builtins,
).encode


class _Event(msgspec.Struct, omit_defaults=True):
    """An event's attributes. Such a structure takes half the time of a dict of dicts."""

    properties: Any
    metric: msgspec.Raw
    unique_id: str
    time: str | None = None
    value: float | None = None
    value_currency: str | None = None
    backfill: bool = False
    profile: msgspec.Raw | None = None


def single_event(operation: CreateEvent) -> bytes:
    """https://developers.klaviyo.com/en/reference/create_event"""
    event = _event(operation)
    event.profile = msgspec.Raw(_profile_reference(operation.identity))
    return b'{"data":{"type":"event","attributes":' + _bytes(event) + b"}}"


def event_item(operation: CreateEvent) -> bytes:
    """One entry of `events-bulk-create`: a profile with one event."""
    return (
        b'{"type":"event-bulk-create","attributes":{"profile":%b,"events":{"data":['
        b'{"type":"event","attributes":%b}]}}}'
        % (_profile_reference(operation.identity), _bytes(_event(operation)))
    )


WriteBody = Callable[[Sequence[bytes], Sequence[str], bytes], bytes]
"""The items of a request as its body, with the lists that they are about and the settings that they
share, as far as an endpoint takes these."""


def not_by_itself(what: object) -> bytes:
    """Raises `TypeError`: the endpoint has no items that are written one by one."""
    raise TypeError(f"{type(what).__name__} is no item of this endpoint")


def only(items: Sequence[bytes], _lists: Sequence[str] = (), _settings: bytes = b"") -> bytes:
    """The one item that there must be. Raises `ValueError` for several."""
    [item] = items
    return item


def nothing(_items: Sequence[bytes], _lists: Sequence[str] = (), _settings: bytes = b"") -> bytes:
    """A GET has no body; its items stand in the path."""
    return b""


def events_job(items: Sequence[bytes], _lists: Sequence[str] = (), _settings: bytes = b"") -> bytes:
    """A bulk job of `event_item`s.

    https://developers.klaviyo.com/en/reference/bulk_create_events
    """
    begin = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
    return _around(items, begin, b"]}}}}")


def single_profile(operation: UpsertProfile) -> bytes:
    """https://developers.klaviyo.com/en/reference/create_or_update_profile"""
    return _bytes({"data": _profile(operation)})


def profile_item(operation: UpsertProfile) -> bytes:
    """One profile of an import job."""
    return _bytes(_profile(operation))


def needs_single(operation: UpsertProfile) -> bool:
    """Whether the upsert clears an attribute, which an import job has no way to do."""
    attributes = operation.attributes
    if None in attributes.values():
        return True
    location = attributes.get("location")
    return isinstance(location, dict) and None in location.values()


def import_job(items: Sequence[bytes], list_ids: Sequence[str], _settings: bytes = b"") -> bytes:
    """A bulk job of `profile_item`s that also join the lists.

    https://developers.klaviyo.com/en/reference/bulk_import_profiles
    """
    begin = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
    end = b"]}}"
    if list_ids:
        lists = [{"type": "list", "id": list_id} for list_id in list_ids]
        end += b',"relationships":' + _bytes({"lists": {"data": lists}})
    return _around(items, begin, end + b"}}")


def subscription_item(operation: Subscribe) -> bytes:
    """One profile of a subscription job: only the address and its consent.

    Klaviyo refuses the whole job for any further attribute (names, properties).
    """
    consent = {"consent": "SUBSCRIBED"}
    if operation.historical_import and operation.consented_at is not None:
        consent["consented_at"] = operation.consented_at
    return _consents(operation, consent)


def subscription_settings(operation: Subscribe) -> bytes:
    """What a subscription job says of all of its profiles."""
    settings: dict[str, Any] = {}
    if operation.historical_import:
        settings["historical_import"] = True
    if operation.custom_source is not None:
        settings["custom_source"] = operation.custom_source
    return _bytes(settings)[1:-1]


def subscription_job(
    items: Sequence[bytes], list_ids: Sequence[str], settings: bytes = b""
) -> bytes:
    """A job of `subscription_item`s with their `subscription_settings`.

    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    return _consent_job("profile-subscription-bulk-create-job", items, list_ids, settings)


def unsubscription_item(operation: Unsubscribe) -> bytes:
    """One profile of an unsubscription job."""
    return _consents(operation, {"consent": "UNSUBSCRIBED"})


def unsubscription_job(
    items: Sequence[bytes], list_ids: Sequence[str], _settings: bytes = b""
) -> bytes:
    """https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles"""
    return _consent_job("profile-subscription-bulk-delete-job", items, list_ids)


def member_item(profile_id: str) -> bytes:
    """One profile of a list's members, by Klaviyo's own id."""
    return _bytes({"type": "profile", "id": profile_id})


def members(items: Sequence[bytes], _lists: Sequence[str] = (), _settings: bytes = b"") -> bytes:
    """https://developers.klaviyo.com/en/reference/add_profiles_to_list, and the same to remove
    them: https://developers.klaviyo.com/en/reference/remove_profiles_from_list"""
    return _around(items, b'{"data":[', b"]}")


def new_list(name: str, opt_in_process: str | None = None) -> bytes:
    """https://developers.klaviyo.com/en/reference/create_list

    Without an opt-in process the list gets the account's own.
    """
    attributes = {"name": name}
    if opt_in_process is not None:
        attributes["opt_in_process"] = opt_in_process
    return _bytes({"data": {"type": "list", "attributes": attributes}})


def merge(profile_id: str, source_id: str) -> bytes:
    """https://developers.klaviyo.com/en/reference/merge_profiles: the source's profile into the
    other; the source is gone then."""
    source = {"type": "profile", "id": source_id}
    return _bytes(
        {
            "data": {
                "type": "profile-merge",
                "id": profile_id,
                "relationships": {"profiles": {"data": [source]}},
            }
        }
    )


def deletion(profile_id: str) -> bytes:
    """https://developers.klaviyo.com/en/reference/request_profile_deletion

    Exactly one identifier is allowed. By an address or a number, Klaviyo would delete whoever
    else has it.
    """
    profile = {"type": "profile", "id": profile_id, "attributes": {}}
    return _bytes(
        {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": {"data": profile}},
            }
        }
    )


def _consents(operation: Subscribe | Unsubscribe, consent: dict[str, str]) -> bytes:
    """A channel whose identifier is missing is left out: Klaviyo would refuse the whole job."""
    attributes: dict[str, Any] = {}
    if operation.email is not None:
        attributes["email"] = operation.email
    if operation.phone_number is not None:
        attributes["phone_number"] = operation.phone_number
    if not attributes:
        raise ValueError("neither an e-mail address nor a phone number")
    subscriptions: dict[str, Any] = {}
    for each in channels_of(operation):
        needed = identifier_of(each)
        if needed is None or needed in attributes:
            channel, _, kind = each.partition(".")
            subscriptions.setdefault(channel, {})[kind] = consent
    attributes["subscriptions"] = subscriptions
    return _bytes({"type": "profile", "attributes": attributes})


def _consent_job(
    kind: str, items: Sequence[bytes], list_ids: Sequence[str], settings: bytes = b""
) -> bytes:
    begin = b'{"data":{"type":"%b","attributes":{' % kind.encode()
    if settings:
        begin += settings + b","
    end = b"]}}"
    if list_ids:
        [list_id] = list_ids
        relationships = {"list": {"data": {"type": "list", "id": list_id}}}
        end += b',"relationships":' + _bytes(relationships)
    return _around(items, begin + b'"profiles":{"data":[', end + b"}}")


def _around(items: Sequence[bytes], begin: bytes, end: bytes) -> bytes:
    """The whole body, its items parted by commas. They have megabytes, and are copied once."""
    separated = [piece for item in items for piece in (b",", item)]
    return b"".join((begin, *separated[1:], end))


def _profile_reference(identity: Identity) -> bytes:
    return b'{"data":{"type":"profile","attributes":' + _bytes(identity) + b"}}"


def _event(operation: CreateEvent) -> _Event:
    metric = operation.metric
    return _Event(
        operation.properties,
        _metric(metric) if len(metric) <= LETTERS_KEPT else _metric.__wrapped__(metric),
        operation.unique_id,
        operation.time,
        operation.value,
        None if operation.value is None else operation.value_currency,
        operation.backfill,
    )


LETTERS_KEPT = 500
"""Of a metric's name: a longer one is written each time, so that what is kept stays small."""


@lru_cache(maxsize=256)
def _metric(name: str) -> msgspec.Raw:
    metric = {"data": {"type": "metric", "attributes": {"name": name}}}
    return msgspec.Raw(_bytes(metric))


def _profile(operation: UpsertProfile) -> dict[str, Any]:
    """A profile with its custom properties and their edits.

    A job clears nothing by `null` (https://developers.klaviyo.com/en/docs/data-in), so a custom
    property that is null is unset by its name, in a job and by itself alike.
    """
    attributes: dict[str, Any] = {**operation.identity.attributes(), **operation.attributes}
    profile: dict[str, Any] = {"type": "profile", "attributes": attributes}
    properties = operation.properties
    unset: dict[str, None] = {}
    if None in properties.values():
        unset = {name: None for name, value in properties.items() if value is None}
        properties = {name: value for name, value in properties.items() if value is not None}
    if properties:
        attributes["properties"] = properties
    if unset or operation.append or operation.unappend or operation.unset:
        profile["meta"] = _patch(operation, [*dict.fromkeys([*unset, *operation.unset])])
    return profile


def _patch(operation: UpsertProfile, unset: list[str]) -> dict[str, Any]:
    """The `meta` that edits custom properties where they are."""
    patch: dict[str, Any] = {}
    if operation.append:
        patch["append"] = operation.append
    if operation.unappend:
        patch["unappend"] = operation.unappend
    if unset:
        patch["unset"] = unset
    return {"patch_properties": patch}


def _bytes(document: Any) -> bytes:
    try:
        return _encode(document)
    except UnicodeEncodeError:
        # Half an emoji (a lone surrogate), which some SDKs cut a text into, becomes a
        # question mark.
        if isinstance(document, _Event):
            document = _as_dict(document)
        return _spell_out(document).encode(errors="replace")


def _as_dict(event: _Event) -> dict[str, Any]:
    fields = ((name, getattr(event, name)) for name in event.__struct_fields__)
    return {
        name: json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value
        for name, value in fields
        if value is not None and value is not False
    }
