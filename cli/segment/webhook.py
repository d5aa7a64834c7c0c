"""The webhook, as Segment calls it: a signed request, and what it was answered."""

import time
from dataclasses import dataclass
from typing import Any

from cli.segment.signature import signature, signed_part
from cli.troubles import Trouble

SECONDS = 30.0
"""How long to wait for an answer. Segment waits for five."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """The webhook's answer. `document` is its JSON, `None` if it is not JSON."""

    status: int
    milliseconds: int
    document: Any

    @property
    def is_accepted(self) -> bool:
        """Whether Segment would count it as delivered."""
        return 200 <= self.status < 300

    def count(self, name: str) -> int:
        """One of the counts in the answer; 0 if it is missing."""
        found = self.document.get(name) if isinstance(self.document, dict) else None
        return found if isinstance(found, int) else 0

    def in_words(self) -> str:
        """What became of the messages, in one line."""
        answer = self.document
        if not isinstance(answer, dict) or "received" not in answer:
            return "not this destination's answer; check the URL"
        error = answer.get("error")
        if isinstance(error, dict):
            return f"{error.get('code')}: {error.get('message')}"
        counts = ("delivered", "queued", "dropped", "rejected")
        said = ", ".join(f"{answer[name]} {name}" for name in counts if answer.get(name))
        return said or "nothing"


class Webhook:
    """Posts to one webhook, signed with `secret`; with `token` in the header, if any."""

    def __init__(self, url: str, secret: str, token: str | None) -> None:
        import requests

        self._session = requests.Session()
        self._url = url
        self._secret = secret
        self._headers = {"Content-Type": "application/json", "User-Agent": "klaviyo-destination"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def post(self, body: bytes) -> WebhookAnswer:
        """Post one body. Raises `Trouble` when there is no answer."""
        import requests

        began = time.monotonic()
        signed = signature(signed_part(body), self._secret)
        try:
            response = self._session.post(
                self._url,
                data=body,
                headers={**self._headers, "X-Signature": signed},
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.Timeout:
            raise Trouble(f"no answer within {SECONDS:.0f} seconds from {self._url}") from None
        except (requests.RequestException, UnicodeError):
            raise Trouble(
                f"no connection to {self._url}: check the URL, and that it is running"
            ) from None
        spent = round((time.monotonic() - began) * 1000)
        try:
            document = response.json()
        except ValueError:
            document = None
        return WebhookAnswer(response.status_code, spent, document)
