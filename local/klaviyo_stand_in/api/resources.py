"""Writes the account's data as JSON:API resources with the fields of Klaviyo's answers."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from local.klaviyo_stand_in.records import times
from local.klaviyo_stand_in.records.events import EventRecord, KlaviyoMetric
from local.klaviyo_stand_in.records.jobs import KEPT, ImportFailure, ImportJob
from local.klaviyo_stand_in.records.lists import MailingList
from local.klaviyo_stand_in.records.profiles import ATTRIBUTES, LOCATION, Profile

Fields = Collection[str] | None
"""The requested attributes; `None` for all of them."""

ACCOUNT = {
    "test_account": True,
    "contact_information": {
        "default_sender_name": "Stand-in",
        "default_sender_email": "sender@example.com",
        "website_url": "https://stand-in.example",
        "organization_name": "Stand-in",
        "street_address": {
            "address1": "1 Loopback Lane",
            "address2": None,
            "city": "Boston",
            "region": "MA",
            "country": "US",
            "zip": "02111",
        },
    },
    "industry": None,
    "timezone": "Etc/UTC",
    "preferred_currency": "USD",
    "public_api_key": "STNDIN",
    "locale": "en-US",
}


def profile(found: Profile, origin: str, fields: Fields, consents: bool = False) -> dict[str, Any]:
    """A profile, with its subscriptions if `consents`."""
    attributes: dict[str, Any] = {
        name: found.identifiers.get(name)
        for name in ("email", "phone_number", "external_id", "anonymous_id")
    }
    attributes.update((name, found.attributes.get(name)) for name in ATTRIBUTES)
    attributes["created"] = found.created.isoformat()
    attributes["updated"] = found.updated.isoformat()
    attributes["last_event_date"] = None
    attributes["location"] = {name: found.location.get(name) for name in LOCATION}
    attributes["properties"] = found.properties
    if consents:
        attributes["subscriptions"] = _subscriptions(found)
    return _resource("profile", found.id, attributes, f"{origin}/api/profiles/{found.id}/", fields)


def event(
    found: EventRecord, event_id: str, metric_id: str, origin: str, fields: Fields
) -> dict[str, Any]:
    """A recorded event. Value and unique id are among the properties, under the names of Klaviyo's
    earlier API: https://developers.klaviyo.com/en/reference/events_api_overview"""
    properties = {**(found.properties or {}), "$event_id": found.unique_id}
    if found.value is not None:
        properties["$value"] = found.value
    time = times.parse(found.time or "")
    attributes = {
        "timestamp": None if time is None else int(time.timestamp()),
        "event_properties": properties,
        "datetime": found.time,
        "uuid": event_id,
    }
    resource = _resource("event", event_id, attributes, f"{origin}/api/events/{event_id}/", fields)
    resource["relationships"] = {
        "profile": {"data": {"type": "profile", "id": found.profile_id}},
        "metric": {"data": {"type": "metric", "id": metric_id}},
    }
    return resource


def metric(found: KlaviyoMetric, origin: str, fields: Fields) -> dict[str, Any]:
    """A metric that came through the API. `integration` names the source of its events."""
    attributes = {
        "name": found.name,
        "created": found.created.isoformat(),
        "updated": found.created.isoformat(),
        "integration": {"object": "integration", "name": "API", "category": "API"},
    }
    return _resource("metric", found.id, attributes, f"{origin}/api/metrics/{found.id}/", fields)


def mailing_list(found: MailingList, origin: str, fields: Fields) -> dict[str, Any]:
    attributes = {
        "name": found.name,
        "created": found.created.isoformat(),
        "updated": found.updated.isoformat(),
        "opt_in_process": found.opt_in_process,
    }
    return _resource("list", found.id, attributes, f"{origin}/api/lists/{found.id}/", fields)


def job(found: ImportJob, now: datetime, origin: str, fields: Fields) -> dict[str, Any]:
    """An import job as it stands at `now`."""
    # Of profiles: one may have several errors (OpenAPI, `failed_count`).
    failed = len({id(failure.original_payload) for failure in found.failures})
    attributes = {
        "status": found.status(now),
        "created_at": times.written(found.created),
        "total_count": found.total,
        "completed_count": found.total - failed if found.done else 0,
        "failed_count": failed,
        "completed_at": times.written(found.completed) if found.done else None,
        "expires_at": times.written(found.created + KEPT),
        "started_at": times.written(found.started) if now >= found.started else None,
    }
    link = f"{origin}/api/profile-bulk-import-jobs/{found.id}/"
    resource = _resource("profile-bulk-import-job", found.id, attributes, link, fields)
    resource["relationships"] = {
        "lists": {"data": [{"type": "list", "id": list_id} for list_id in found.list_ids]},
        "import-errors": {"links": {"related": f"{link}import-errors/"}},
    }
    return resource


def import_error(found: ImportFailure, fields: Fields) -> dict[str, Any]:
    """One profile that an import job refused."""
    attributes = {
        "code": found.problem.code,
        "title": found.problem.title,
        "detail": found.problem.detail,
        "source": {"pointer": found.problem.pointer},
        "original_payload": found.original_payload,
    }
    resource = _resource("import-error", found.id, attributes, "", fields)
    del resource["links"]
    return resource


def account(account_id: str, origin: str, fields: Fields) -> dict[str, Any]:
    return _resource("account", account_id, ACCOUNT, f"{origin}/api/accounts/{account_id}/", fields)


def _resource(
    kind: str, resource_id: str, attributes: Mapping[str, Any], link: str, fields: Fields
) -> dict[str, Any]:
    shown = {name: value for name, value in attributes.items() if fields is None or name in fields}
    return {"type": kind, "id": resource_id, "attributes": shown, "links": {"self": link}}


def _subscriptions(found: Profile) -> dict[str, Any]:
    """The subscriptions that get_profiles adds with `additional-fields[profile]=subscriptions`:
    https://developers.klaviyo.com/en/reference/get_profiles

    Push has another name here than in the jobs.
    """
    channels: dict[str, Any] = {}
    for name in {"email.marketing": None, **found.consents}:
        channel, _, kind = name.partition(".")
        consent: dict[str, Any] = {"consent": found.consents.get(name, "NEVER_SUBSCRIBED")}
        changed = found.consented.get(name)
        consent["consent_timestamp"] = None if changed is None else _precisely(changed)
        consent["last_updated"] = consent["consent_timestamp"]
        channels.setdefault(_SHOWN_AS.get(channel, channel), {})[kind] = consent
    email = channels["email"]["marketing"]
    email["can_receive_email_marketing"] = not found.suppressions
    email["suppression"] = [
        {"reason": reason, "timestamp": _precisely(since)}
        for reason, since in sorted(found.suppressions.items())
    ]
    email["list_suppressions"] = [
        {"list_id": list_id, "reason": "UNSUBSCRIBE", "timestamp": _precisely(since)}
        for list_id, since in sorted(found.list_suppressions.items())
    ]
    return channels


_SHOWN_AS = {"push": "mobile_push"}


def _precisely(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
