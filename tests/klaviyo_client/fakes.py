"""A transport that answers from a script, a clock that is stepped, and answers to answer with."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo_client.api.answers import Answer, read
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.results import Delivery
from operations import CreateEvent, Identity, Operation, UpsertProfile

Json = Any

EVENTS = "/api/events"
BULK_EVENTS = "/api/event-bulk-create-jobs"
UPSERT = "/api/profile-import"
UPSERT_WITH_CONSENTS = "/api/profile-import?additional-fields%5Bprofile%5D=subscriptions"
PROFILES = "/api/profiles?"
IMPORT = "/api/profile-bulk-import-jobs"
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"


BAD_PHONE = "+15005550006"
"""A number that the account of the tests refuses."""


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class RunningClock:
    """The real time, which `skip` moves on."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def skip(self, seconds: float) -> None:
        self.skipped += seconds


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left."""

    method: str
    path: str
    body: Json

    @property
    def profiles(self) -> list[Json]:
        """The attributes of the profiles in an import or subscription job."""
        return [each["attributes"] for each in self.body["data"]["attributes"]["profiles"]["data"]]

    @property
    def unique_ids(self) -> list[str]:
        """Of the events, single or bulk."""
        attributes = self.body["data"]["attributes"]
        if "unique_id" in attributes:
            return [attributes["unique_id"]]
        return [
            event["attributes"]["unique_id"]
            for entry in attributes["events-bulk-create"]["data"]
            for event in entry["attributes"]["events"]["data"]
        ]


Script = Callable[[Sent], Answer | Retryable]


@dataclass(slots=True)
class Scripted:
    """Klaviyo as a function. Thread-safe: requests are asked one by one."""

    script: Script
    sent: list[Sent] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Answer | Retryable:
        with self._lock:
            request = Sent(method, path, json.loads(body) if body else None)
            self.sent.append(request)
            return self.script(request)

    @property
    def paths(self) -> list[str]:
        """What was called, in order."""
        return [request.path for request in self.sent]


def scripted(script: Script, **settings: Any) -> tuple[Klaviyo, Scripted]:
    """A client whose Klaviyo is a function and whose time stands still."""
    transport = Scripted(script)
    clock = Clock()
    settings = {"clock": clock, "sleep": clock.sleep, **settings}
    return Klaviyo("http://klaviyo.test", transport=transport, **settings), transport


def deliver(klaviyo: Klaviyo, *operations: Operation, seconds: float = 60.0) -> Delivery:
    return klaviyo.deliver(operations, "pk_test", seconds)


def kinds(delivery: Delivery) -> Counter[str]:
    """How many operations met which outcome."""
    return Counter(
        result.outcome.reason.value
        if isinstance(result.outcome, Retryable)
        else type(result.outcome).__name__
        for result in delivery.results
    )


def answer(status: int, document: Json = None, **headers: str) -> Answer:
    """An answer; `Retry_After="2"` is the header `Retry-After`."""
    body = b"" if document is None else json.dumps(document).encode()
    return read(status, Headers({k.replace("_", "-"): v for k, v in headers.items()}), body)


def refusal(status: int, *errors: Mapping[str, Json]) -> Answer:
    """An answer with these entries as its `errors`."""
    return answer(status, {"errors": list(errors)})


def error(
    pointer: str | None = None, detail: str = "Invalid input.", code: str = "invalid"
) -> Json:
    source = {} if pointer is None else {"pointer": pointer}
    return {"id": "e", "code": code, "title": "Invalid input.", "detail": detail, "source": source}


def klaviyo_accepts(request: Sent) -> Answer:
    """What Klaviyo answers when all is well."""
    if request.path == UPSERT:
        return answer(201, {"data": {"type": "profile", "id": profile_id(request)}})
    if request.path == UPSERT_WITH_CONSENTS:
        profile = {
            "type": "profile",
            "id": profile_id(request),
            "attributes": {"subscriptions": {}},
        }
        return answer(201, {"data": profile})
    if request.path.startswith(PROFILES):
        return answer(200, {"data": []})
    if request.path == IMPORT:
        return answer(202, {"data": {"type": "profile-bulk-import-job", "id": "JOB"}})
    return answer(204 if request.path.startswith("/api/lists/") else 202)


def profile_id(request: Sent) -> str:
    """The id that the fake Klaviyo gives to an upsert's profile."""
    attributes = request.body["data"]["attributes"]
    return f"ID-{attributes.get('email') or attributes.get('external_id')}"


def endpoint(
    name: str = "any", per_second: int = 1, per_minute: int = 150, max_items: int = 1
) -> Endpoint:
    """An endpoint that Klaviyo does not have."""
    return Endpoint(
        name=name,
        title="Do something",
        method="POST",
        path="/",
        per_second=per_second,
        per_minute=per_minute,
        scopes=frozenset(),
        max_items=max_items,
    )


class Headers(dict[str, str]):
    """Headers whose names match in any case, as those of `requests` do."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def event(n: int = 0, **fields: Any) -> CreateEvent:
    """A different event of a different person for each `n`."""
    given = {
        "message_id": f"m{n}",
        "identity": Identity(email=f"p{n}@shop.example"),
        "metric": "Viewed",
        "unique_id": f"u{n}",
        **fields,
    }
    return CreateEvent(**given)


def upsert(n: int = 0, **fields: Any) -> UpsertProfile:
    """An upsert of a different person for each `n`."""
    given = {"message_id": f"m{n}", "identity": Identity(email=f"p{n}@shop.example"), **fields}
    return UpsertProfile(**given)
