"""Requests and answers as values, between the server and the account."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

Json = Any
"""A JSON value as `json.loads` returns it."""
JsonObject = Mapping[str, Json]

MEDIA_TYPE = "application/vnd.api+json"
LIVE_ORIGIN = "https://a.klaviyo.com"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are in lower case, `query` is as it came after the `?`."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Request":
        """A request made of the target in its request line, and of headers in any case."""
        path, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(method, unquote(path), query, lower, body)

    def parameters(self) -> dict[str, str]:
        """The query's parameters, decoded. The last of repeated ones counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def origin(self) -> str:
        """Scheme and host for links, as the client used them."""
        host = self.headers.get("host")
        return f"http://{host}" if host else LIVE_ORIGIN


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, status: int, document: Json) -> "Response":
        """An answer with a JSON:API body."""
        return cls(status, {"Content-Type": MEDIA_TYPE}, json.dumps(document).encode())

    def json(self) -> Json:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send: after `delay` seconds the answer, or a reset if there is none.

    Before the answer come so many `interim` ones, and before each byte of it `drip` seconds.
    """

    response: Response | None
    delay: float = 0.0
    drip: float = 0.0
    interim: int = 0
