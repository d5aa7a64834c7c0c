"""One HTTP request to Klaviyo over a pooled session. The only I/O of this package."""

import time
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter

from klaviyo_client.answers import Answer, read
from klaviyo_client.outcomes import Retryable, RetryReason
from klaviyo_client.revision import REVISION

CONNECT_SECONDS = 2.0

MEDIA_TYPE = "application/vnd.api+json"
USER_AGENT = "klaviyo-destination"


class Transport(Protocol):
    """Sends one request, from several threads at once. `seconds` bounds each wait on the way.

    What is not `repeatable` leaves once at most.
    """

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        private_key: str,
        seconds: float,
        *,
        repeatable: bool = True,
    ) -> Answer | Retryable: ...


class HttpTransport:
    """Klaviyo at `api_url` (scheme and host), by `requests`. Safe to use from several threads."""

    def __init__(self, api_url: str, connections: int) -> None:
        self._api_url = api_url.rstrip("/")
        self._session = requests.Session()
        # The environment's .netrc would replace the Authorization header.
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
        self._session.mount(self._api_url, adapter)

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
        """The answer, or why there was none. Never raises for trouble on the way.

        A connection that was cut is tried once more with what is left of the time: after a pause,
        a pooled connection is often found closed, and repeats do no harm in Klaviyo.
        """
        began = time.monotonic()
        outcome = self._once(method, path, body, private_key, seconds)
        cut = isinstance(outcome, Retryable) and outcome.reason is RetryReason.CONNECTION_FAILED
        if cut and repeatable:
            left = seconds - (time.monotonic() - began)
            if left > 0:
                outcome = self._once(method, path, body, private_key, left)
        return outcome

    def _once(
        self, method: str, path: str, body: bytes, private_key: str, seconds: float
    ) -> Answer | Retryable:
        try:
            response = self._session.request(
                method,
                self._api_url + path,
                data=body or None,
                headers={
                    "Authorization": f"Klaviyo-API-Key {private_key}",
                    "revision": REVISION,
                    "Accept": MEDIA_TYPE,
                    "Content-Type": MEDIA_TYPE,
                    "User-Agent": USER_AGENT,
                },
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
            )
        except requests.Timeout:
            return Retryable(RetryReason.TIMEOUT)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            # A key that no header can hold (a line break, a typographic dash) is a wrong key.
            return Retryable(RetryReason.UNAUTHORIZED)
        except requests.RequestException:
            return Retryable(RetryReason.CONNECTION_FAILED)
        return read(response.status_code, response.headers, response.content)
