"""Segment's Public API, as far as a webhook is connected by it.

https://docs.segmentapis.com; the requests and answers are those of the npm package
`@segment/public-api-sdk-typescript` 47.0.0, which judges them in the tests.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from cli.troubles import Trouble

US, EU = "https://api.segmentapis.com", "https://eu1.api.segmentapis.com"
"""https://docs.segmentapis.com/tag/Getting-Started: a workspace is in one of them."""

WEBHOOKS_ACTIONS = "614a3c7d791c91c41bae7599"
"""The id of "Webhooks (Actions)" in the catalog:
https://github.com/segmentio/segment-docs/blob/develop/src/connections/destinations/catalog/actions-webhook/index.md"""

SEND = "send"
"""The slug of its one action:
https://github.com/segmentio/action-destinations/blob/main/packages/destination-actions/src/destinations/webhook/index.ts"""

ON_A_PAGE = 100
SECONDS = 20.0
PATIENCE_SECONDS = 60.0
THROTTLED = 429

Json = Mapping[str, Any]


def api_url(region: str | None = None) -> str:
    """Where the workspace is: SEGMENT_API_URL, else by the region, else by SEGMENT_REGION."""
    named = os.environ.get("SEGMENT_API_URL", "").strip()
    region = region or os.environ.get("SEGMENT_REGION", "").strip().lower()
    return named or (EU if region == "eu" else US)


class SegmentApi:
    """One workspace, as its token sees it. Raises `Trouble` for what Segment refuses."""

    def __init__(
        self,
        url: str,
        token: str,
        on_pause: Callable[[float], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import requests

        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update(
            {"Authorization": f"Bearer {token.strip()}", "Accept": "application/json"}
        )
        self._on_pause = on_pause
        self._sleep = sleep
        self._patience = PATIENCE_SECONDS

    def sources(self) -> list[Json]:
        """Every source of the workspace."""
        return self._all("/sources", "sources")

    def destinations(self, source_id: str | None = None) -> list[Json]:
        """Every destination, of one source or of the workspace."""
        of_source = f"/sources/{source_id}/connected-destinations"
        return self._all("/destinations" if source_id is None else of_source, "destinations")

    def subscriptions(self, destination_id: str) -> list[Json]:
        """The mappings of a destination."""
        return self._all(f"/destinations/{destination_id}/subscriptions", "subscriptions")

    def action_id(self) -> str:
        """The id of the webhook's action, which a mapping names."""
        found = self._call("GET", f"/catalog/destinations/{WEBHOOKS_ACTIONS}")
        actions = found.get("destinationMetadata", {}).get("actions", [])
        for action in actions:
            if action.get("slug") == SEND:
                return str(action["id"])
        raise Trouble(
            "Segment's catalog has no action for Webhooks (Actions): create the mapping by hand"
        )

    def create_destination(self, source_id: str, name: str, settings: Json) -> Json:
        """A new Webhooks (Actions), enabled."""
        body = {
            "sourceId": source_id,
            "metadataId": WEBHOOKS_ACTIONS,
            "enabled": True,
            "name": name,
            "settings": settings,
        }
        found: Json = self._call("POST", "/destinations", body)["destination"]
        return found

    def update_destination(self, destination_id: str, changes: Json) -> None:
        """Change `name`, `enabled` or `settings`."""
        self._call("PATCH", f"/destinations/{destination_id}", changes)

    def create_subscription(self, destination_id: str, fields: Json) -> None:
        """A new mapping: `name`, `trigger`, `enabled`, `settings`."""
        body = {"actionId": self.action_id(), **fields}
        self._call("POST", f"/destinations/{destination_id}/subscriptions", body)

    def update_subscription(self, destination_id: str, subscription_id: str, changes: Json) -> None:
        """Change some of a mapping's fields."""
        path = f"/destinations/{destination_id}/subscriptions/{subscription_id}"
        self._call("PATCH", path, {"input": changes})

    def _all(self, path: str, name: str) -> list[Json]:
        found: list[Json] = []
        cursor: str | None = None
        while True:
            query = f"?pagination%5Bcount%5D={ON_A_PAGE}"
            if cursor is not None:
                query = f"?pagination%5Bcursor%5D={quote(cursor, safe='')}&{query[1:]}"
            page = self._call("GET", path + query)
            found += page.get(name, [])
            cursor = (page.get("pagination") or {}).get("next")
            if not cursor:
                return found

    def _call(self, method: str, path: str, body: Json | None = None) -> Any:
        import requests

        while True:
            try:
                answer = self._session.request(
                    method, self._url + path, json=body, timeout=SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                raise Trouble(
                    f"no answer from Segment ({type(error).__name__}): see the network and "
                    "SEGMENT_API_URL"
                ) from None
            if answer.status_code != THROTTLED:
                break
            pause = _number(answer.headers.get("Retry-After"))
            if pause > self._patience:
                raise Trouble("Segment throttles (429): run it again in a minute")
            self._patience -= pause
            self._on_pause(pause)
            self._sleep(pause)
        document = _document(answer.content)
        if not 200 <= answer.status_code < 300 or "data" not in document:
            raise Trouble(_refusal(method, path, answer.status_code, document))
        return document["data"]


def _document(content: bytes) -> Json:
    import json

    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(method: str, path: str, status: int, document: Json) -> str:
    if status == 401:
        return (
            "Segment does not know the token (401): make one in Settings, Access Management, "
            "Tokens; for a workspace in the EU set SEGMENT_REGION=eu"
        )
    if status == 403:
        return (
            "the token may not do this (403): make a Public API token as Workspace Owner, or as "
            "Source Admin of the source"
        )
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    said = first.get("message") or first.get("type") or "no reason given"
    return f"Segment answers {method} {path.partition('?')[0]} with {status}: {said}"


def _number(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 10.0
