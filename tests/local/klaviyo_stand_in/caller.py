"""Requests to the stand-in, without HTTP, and bodies that are right until a test bends them."""

import json
from datetime import UTC, datetime
from typing import Any

from local.klaviyo_stand_in import Account, Policy, Request, Response
from local.klaviyo_stand_in.protocol.openapi import REVISION

Json = Any

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)

HEADERS = {
    "Authorization": "Klaviyo-API-Key pk_test",
    "revision": REVISION,
    "Accept": "application/vnd.api+json",
    "Content-Type": "application/vnd.api+json",
}


class SteppedClock:
    """A clock that stands still until it is stepped."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def step(self, seconds: float) -> None:
        self.seconds += seconds


def account(**settings: Any) -> Account:
    """An account at noon of 15 July 2026 that stands still, with two lists."""
    policy = Policy(**settings.pop("policy", {}))
    made = Account(
        **{"started_at": NOW, "clock": SteppedClock(), "policy": policy, **settings},
    )
    made.add_list("SINGLE", "Newsletter", "single_opt_in")
    made.add_list("DOUBLE", "Offers", "double_opt_in")
    return made


def request(method: str, target: str, document: Json = None, **headers: str | None) -> Request:
    """A request; a header named here, with `_` for `-`, replaces the right one, `None` drops it."""
    chosen: dict[str, str | None] = dict(HEADERS)
    for name, value in headers.items():
        known = [header for header in chosen if header.lower() == name.replace("_", "-")]
        for header in known:
            del chosen[header]
        chosen[name.replace("_", "-")] = value
    sent = {name: value for name, value in chosen.items() if value is not None}
    body = b"" if document is None else json.dumps(document).encode()
    return Request.of(method, target, sent, body)


def answer(made: Account, asked: Request) -> Response:
    """The answer to a request that is answered."""
    response = made.exchange(asked).response
    assert response is not None
    return response


def post(made: Account, target: str, document: Json, **headers: str | None) -> Response:
    return answer(made, request("POST", target, document, **headers))


def get(made: Account, target: str, **headers: str | None) -> Response:
    return answer(made, request("GET", target, **headers))


def problems(response: Response) -> list[tuple[str, str | None]]:
    """Detail and pointer of each error."""
    return [
        (error["detail"], error["source"].get("pointer")) for error in response.json()["errors"]
    ]


def profile(meta: Json = None, /, **attributes: Json) -> Json:
    made = {"type": "profile", "attributes": {"email": "ann@shop.io"} | attributes}
    return made if meta is None else {**made, "meta": meta}


def profile_without_email(**attributes: Json) -> Json:
    return {"type": "profile", "attributes": attributes}


def recorded(**attributes: Json) -> Json:
    """An event without its profile, as it stands in a bulk request."""
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
    return {"type": "event", "attributes": {"properties": {}, "metric": metric} | attributes}


def event(person: Json = None, **attributes: Json) -> Json:
    """The body of create_event."""
    document = recorded(**attributes)
    document["attributes"].setdefault("profile", {"data": person or profile()})
    return {"data": document}


def entry(*events: Json, person: Json = None, **attributes: Json) -> Json:
    """One profile's events in a bulk request."""
    return {
        "type": "event-bulk-create",
        "attributes": {
            "profile": {"data": person or profile()},
            "events": {"data": list(events or [recorded()])},
        }
        | attributes,
    }


def events_job(*entries: Json) -> Json:
    """The body of bulk_create_events."""
    return {
        "data": {
            "type": "event-bulk-create-job",
            "attributes": {"events-bulk-create": {"data": list(entries)}},
        }
    }


def import_job(*profiles: Json, lists: tuple[str, ...] = ()) -> Json:
    """The body of bulk_import_profiles."""
    data: Json = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": list(profiles)}},
    }
    if lists:
        named = [{"type": "list", "id": list_id} for list_id in lists]
        data["relationships"] = {"lists": {"data": named}}
    return {"data": data}


def subscriber(subscriptions: Json = None, consent: str = "SUBSCRIBED", **attributes: Json) -> Json:
    """A profile with a consent to e-mail marketing, unless others are given."""
    chosen = subscriptions or {"email": {"marketing": {"consent": consent}}}
    return profile(subscriptions=chosen, **attributes)


def subscription_job(*profiles: Json, list_id: str | None = None, **attributes: Json) -> Json:
    """The body of bulk_subscribe_profiles."""
    return _job("profile-subscription-bulk-create-job", profiles, list_id, attributes)


def unsubscription_job(*profiles: Json, list_id: str | None = None) -> Json:
    """The body of bulk_unsubscribe_profiles."""
    return _job("profile-subscription-bulk-delete-job", profiles, list_id, {})


def members(*profile_ids: str) -> Json:
    """The body of both list member operations."""
    return {"data": [{"type": "profile", "id": profile_id} for profile_id in profile_ids]}


def new_list(**attributes: Json) -> Json:
    """The body of create_list."""
    return {"data": {"type": "list", "attributes": {"name": "VIP"} | attributes}}


def deletion(person: Json) -> Json:
    """The body of request_profile_deletion."""
    return {
        "data": {
            "type": "data-privacy-deletion-job",
            "attributes": {"profile": {"data": person}},
        }
    }


def merge(destination: str, *sources: str) -> Json:
    """The body of merge_profiles."""
    return {
        "data": {
            "type": "profile-merge",
            "id": destination,
            "relationships": {"profiles": members(*sources)},
        }
    }


def upserted(made: Account, **attributes: Json) -> str:
    """The id of a profile that is there now."""
    response = post(made, "/api/profile-import", {"data": profile_without_email(**attributes)})
    profile_id: str = response.json()["data"]["id"]
    return profile_id


def _job(kind: str, profiles: tuple[Json, ...], list_id: str | None, more: Json) -> Json:
    data: Json = {"type": kind, "attributes": {"profiles": {"data": list(profiles)}} | more}
    if list_id is not None:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}
