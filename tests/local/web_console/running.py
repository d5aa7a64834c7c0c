"""`make run` in a process of its own, as a user has it, and its console over HTTP."""

import http.client
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.documenting import own_run


@dataclass(frozen=True, slots=True)
class Running:
    """The console of a running destination. `url` has no slash at its end."""

    url: str
    webhook_url: str
    klaviyo_url: str

    @property
    def port(self) -> int:
        """The console's."""
        return urlsplit(self.url).port or 0

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of a request as the page makes it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", "Origin": self.url}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """How things stand."""
        status, state = self.ask("GET", "/api/state")
        assert status == 200
        found: dict[str, Any] = state
        return found

    def send(self, *messages: Mapping[str, Any], **options: bool) -> dict[str, Any]:
        """Send messages by way of the console; gives its answer."""
        text = json.dumps(messages[0] if len(messages) == 1 else messages)
        status, sent = self.ask("POST", "/api/send", {"text": text, **options})
        assert status == 200
        found: dict[str, Any] = sent
        return found

    def set_weather(self, kind: str, **parameters: Any) -> None:
        """Change how Klaviyo is."""
        assert self.ask("POST", "/api/weather", {"kind": kind, **parameters})[0] == 200

    def settle(self) -> None:
        """Fine weather, no traffic, no dead letters, and nothing that waits."""
        self.ask("POST", "/api/traffic", {"per_second": 0})
        self.set_weather("fine")
        self.drain()

    def drain(self) -> None:
        """Until nothing waits; what does is tried now."""

        def is_through(state: dict[str, Any]) -> bool:
            self.ask("POST", "/api/try-now", {})
            return bool(state["waiting"]["entries"] == 0)

        self.until(is_through)

    def until(
        self, is_so: Callable[[dict[str, Any]], bool], seconds: float = 120
    ) -> dict[str, Any]:
        """How things stand once it is so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if is_so(state):
                return state
            time.sleep(0.2)
        raise AssertionError("it did not come to that")


@contextmanager
def run(**variables: str) -> Iterator[Running]:
    """Start it, wait until the samples are through, and stop it at the end."""
    folder = tempfile.TemporaryDirectory()
    process = own_run.run(RUN_FOLDER=folder.name, **variables)
    try:
        assert process.stdout is not None
        written = own_run.until(own_run.IS_READY, process.stdout)
        places = dict(re.findall(r"^  (console|webhook|Klaviyo) +(http\S+)", written, re.MULTILINE))
        assert places, written
        yield Running(places["console"], places["webhook"], places["Klaviyo"])
    finally:
        process.terminate()
        process.communicate(timeout=20)
        folder.cleanup()
