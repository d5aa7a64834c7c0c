"""One Segment workspace without I/O: turns requests into answers.

Its types are those of `@segment/public-api-sdk-typescript` 47.0.0; errors have the form of its
`RequestErrorEnvelope`. The form of a webhook's mapping comes from workspaces that were exported for
Terraform, as `segment_destination_subscription` of
https://registry.terraform.io/providers/segmentio/segment/latest/docs.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from local.segment_stand_in.catalog import ACTION_ID, METADATA, SOURCE_METADATA, WEBHOOKS_ACTIONS

Json = Any
Answer = tuple[int, Json]
CarryOut = Callable[[Mapping[str, str], Json], Json]
"""Takes the query and the body; returns the answer's `data`."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One authorised request and its answer. `headers` have lower-case names."""

    operation: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    status: int
    answer: Json


class RequestRefused(Exception):  # noqa: N818 - an answer
    """A status, with the text and the field of its error."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


class Workspace:
    """Thread-safe. The next `throttled` requests get a 429. Without `has_alpha`, the subscriptions'
    endpoints answer 403, since only some workspaces may use them."""

    def __init__(self, token: str, *, has_alpha: bool = True) -> None:
        self.sources: dict[str, Json] = {}
        self.destinations: dict[str, Json] = {}
        self.subscriptions: dict[str, Json] = {}
        self.exchanges: list[Exchange] = []
        self.throttled = 0
        self.most_given = MOST_ON_A_PAGE
        self._token = token
        self._has_alpha = has_alpha
        self._ids = count(1)
        self._lock = threading.RLock()

    def add_source(self, slug: str, name: str) -> str:
        """Add a source; returns its id."""
        source_id = f"src{next(self._ids)}"
        self.sources[source_id] = {
            "id": source_id,
            "slug": slug,
            "name": name,
            "metadata": SOURCE_METADATA,
            "workspaceId": "wsp1",
            "enabled": True,
            "writeKeys": ["wk1"],
            "settings": {},
            "labels": [],
        }
        return source_id

    def add_webhook(self, source_id: str, name: str, settings: Json, enabled: bool = True) -> str:
        """Add a Webhooks (Actions) to a source; returns its id."""
        destination_id = f"dst{next(self._ids)}"
        self.destinations[destination_id] = {
            "id": destination_id,
            "name": name,
            "enabled": enabled,
            "metadata": METADATA,
            "sourceId": source_id,
            "settings": settings,
        }
        return destination_id

    def add_mapping(self, destination_id: str, trigger: str, settings: Json) -> str:
        """Add a mapping of a destination; returns its id."""
        subscription_id = f"sub{next(self._ids)}"
        self.subscriptions[subscription_id] = {
            "id": subscription_id,
            "name": "Send",
            "actionId": ACTION_ID,
            "actionSlug": "send",
            "destinationId": destination_id,
            "enabled": True,
            "trigger": trigger,
            "settings": settings,
        }
        return subscription_id

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """Answer one request."""
        with self._lock:
            operation, document = "unknown", None
            try:
                if headers.get("authorization") != f"Bearer {self._token}":
                    raise RequestRefused(401, "Unauthorized")
                if self.throttled:
                    self.throttled -= 1
                    raise RequestRefused(429, "Too many requests")
                operation, carry_out = self._find(method, path)
                document = self._read(headers, body) if body else None
                status, answer = 200, {"data": carry_out(query, document)}
            except RequestRefused as refused:
                error = {"type": "bad-request", "message": str(refused)}
                if refused.field is not None:
                    error["field"] = refused.field
                status, answer = refused.status, {"errors": [error]}
            self.exchanges.append(
                Exchange(operation, method, path, query, headers, document, status, answer)
            )
        return status, json.loads(json.dumps(answer))

    def _find(self, method: str, path: str) -> tuple[str, CarryOut]:
        match method, path.strip("/").split("/"):
            case "GET", ["sources"]:
                return "listSources", lambda query, _: self._page(query, "sources", self.sources)
            case "GET", ["sources", source_id, "connected-destinations"]:
                _require(self.sources, source_id, "source")
                connected = {
                    each["id"]: each
                    for each in self.destinations.values()
                    if each["sourceId"] == source_id
                }
                return "listConnectedDestinationsFromSource", lambda query, _: self._page(
                    query, "destinations", connected
                )
            case "GET", ["destinations"]:
                return "listDestinations", lambda query, _: self._page(
                    query, "destinations", self.destinations
                )
            case "POST", ["destinations"]:
                return "createDestination", lambda _, body: self._create_destination(body)
            case "PATCH", ["destinations", destination_id]:
                present = _require(self.destinations, destination_id, "destination")
                return "updateDestination", lambda _, body: {
                    "destination": _changed(present, body, UPDATABLE)
                }
            case "GET", ["catalog", "destinations", metadata_id]:
                if metadata_id != WEBHOOKS_ACTIONS:
                    raise RequestRefused(404, "Not found")
                return "getDestinationMetadata", lambda *_: {"destinationMetadata": METADATA}
            case _, ["destinations", destination_id, "subscriptions", *rest]:
                _require(self.destinations, destination_id, "destination")
                if not self._has_alpha:
                    raise RequestRefused(403, "Forbidden")
                return self._find_subscription(method, destination_id, rest)
        raise RequestRefused(404, "Not found")

    def _find_subscription(
        self, method: str, destination_id: str, rest: list[str]
    ) -> tuple[str, CarryOut]:
        own = {
            each["id"]: each
            for each in self.subscriptions.values()
            if each["destinationId"] == destination_id
        }
        match method, rest:
            case "GET", []:
                return "listSubscriptionsFromDestination", lambda query, _: self._page(
                    query, "subscriptions", own
                )
            case "POST", []:
                return "createDestinationSubscription", lambda _, body: self._create_subscription(
                    destination_id, body
                )
            case "PATCH", [subscription_id]:
                present = _require(own, subscription_id, "subscription")
                return "updateSubscriptionForDestination", lambda _, body: {
                    "subscription": _changed(present, _input(body), MAPPED)
                }
        raise RequestRefused(404, "Not found")

    def _create_destination(self, body: Json) -> Json:
        _require_fields(body, ("sourceId", "metadataId", "settings"), ("enabled", "name"))
        _require(self.sources, body["sourceId"], "sourceId")
        if body["metadataId"] != WEBHOOKS_ACTIONS:
            raise RequestRefused(404, "There is no such destination in the catalog.", "metadataId")
        name, enabled = body.get("name", "Webhooks"), body.get("enabled", True)
        destination_id = self.add_webhook(body["sourceId"], name, body["settings"], enabled)
        return {"destination": self.destinations[destination_id]}

    def _create_subscription(self, destination_id: str, body: Json) -> Json:
        _require_fields(body, ("name", "actionId", "trigger", "enabled"), ("settings", "modelId"))
        if body["actionId"] != ACTION_ID:
            raise RequestRefused(422, "The action is none of this destination's.", "actionId")
        own = [e for e in self.subscriptions.values() if e["destinationId"] == destination_id]
        if len(own) >= MOST_MAPPINGS:
            raise RequestRefused(422, f"A destination has {MOST_MAPPINGS} mappings at most.")
        settings = body.get("settings", {})
        subscription_id = self.add_mapping(destination_id, body["trigger"], settings)
        created = self.subscriptions[subscription_id]
        created.update(name=body["name"], enabled=body["enabled"])
        return {"destinationSubscription": created}

    def _page(self, query: Mapping[str, str], name: str, entries: Mapping[str, Json]) -> Json:
        text = query.get("pagination[count]", "")
        if not text.isdecimal() or not 1 <= int(text) <= MOST_ON_A_PAGE:
            raise RequestRefused(422, f"count: from 1 to {MOST_ON_A_PAGE}.", "pagination.count")
        cursor = query.get("pagination[cursor]", _cursor(0))
        start = int(base64.b64decode(cursor))
        end = start + min(int(text), self.most_given)
        pagination = {"current": cursor, "totalEntries": len(entries)}
        if end < len(entries):
            pagination["next"] = _cursor(end)
        return {name: list(entries.values())[start:end], "pagination": pagination}

    @staticmethod
    def _read(headers: Mapping[str, str], body: bytes) -> Json:
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RequestRefused(415, "Unsupported media type")
        try:
            return json.loads(body)
        except ValueError:
            raise RequestRefused(400, "The body is not JSON.") from None


MOST_ON_A_PAGE = 200
"""https://docs.segmentapis.com/tag/Pagination"""

MOST_MAPPINGS = 5
"""https://segment.com/docs/connections/destinations/catalog/actions-webhook/"""

UPDATABLE = ("name", "enabled", "settings")
MAPPED = ("name", "trigger", "enabled", "settings")


def _cursor(start: int) -> str:
    return base64.b64encode(str(start).encode()).decode()


def _require(entries: Mapping[str, Json], entry_id: str, what: str) -> Json:
    try:
        return entries[entry_id]
    except KeyError:
        raise RequestRefused(404, f"There is no such {what}.", what) from None


def _require_fields(body: Json, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    if not isinstance(body, dict):
        raise RequestRefused(422, "The body is no object.")
    for name in required:
        if name not in body:
            raise RequestRefused(422, f"{name} is required.", name)
    for name in body:
        if name not in required and name not in optional:
            raise RequestRefused(422, f"{name} is not known.", name)


def _input(body: Json) -> Json:
    _require_fields(body, ("input",), ())
    return body["input"]


def _changed(present: Json, changes: Json, known: tuple[str, ...]) -> Json:
    _require_fields(changes, (), known)
    present.update(changes)
    return present
