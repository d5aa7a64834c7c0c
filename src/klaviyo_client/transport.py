"""One HTTP request to Klaviyo over pooled connections. The only I/O of this package."""

import time
from typing import Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from klaviyo_client.answers import Answer, read
from klaviyo_client.outcomes import Retryable, RetryReason
from klaviyo_client.revision import REVISION

CONNECT_SECONDS = 2.0

MEDIA_TYPE = "application/vnd.api+json"
USER_AGENT = "klaviyo-destination"


class Transport(Protocol):
    """Sends one request, from several threads at once. `seconds` bounds each wait on the way."""

    def send(
        self, method: str, path: str, body: bytes, private_key: str, seconds: float
    ) -> Answer | Retryable: ...


class HttpTransport:
    """Klaviyo at `api_url` (scheme and host), by urllib3. Safe to use from several threads.

    `requests` would do the same by urllib3, and take as long again to be imported.
    """

    def __init__(self, api_url: str, connections: int) -> None:
        self._prefix = urlsplit(api_url).path.rstrip("/")
        self._pool = urllib3.connection_from_url(api_url, maxsize=connections, **_trust(api_url))

    def send(
        self, method: str, path: str, body: bytes, private_key: str, seconds: float
    ) -> Answer | Retryable:
        """The answer, or why there was none. Never raises for trouble on the way.

        A connection that was cut is tried once more with what is left of the time: after a pause,
        a pooled connection is often found closed, and repeats do no harm in Klaviyo.
        """
        began = time.monotonic()
        outcome = self._once(method, path, body, private_key, seconds)
        if isinstance(outcome, Retryable) and outcome.reason is RetryReason.CONNECTION_FAILED:
            left = seconds - (time.monotonic() - began)
            if left > 0:
                outcome = self._once(method, path, body, private_key, left)
        return outcome

    def _once(
        self, method: str, path: str, body: bytes, private_key: str, seconds: float
    ) -> Answer | Retryable:
        try:
            response = self._pool.urlopen(
                method,
                self._prefix + path,
                body=body or None,
                headers={
                    "Authorization": f"Klaviyo-API-Key {private_key}",
                    "revision": REVISION,
                    "Accept": MEDIA_TYPE,
                    "Content-Type": MEDIA_TYPE,
                    "User-Agent": USER_AGENT,
                },
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
            )
        except TimeoutError as error:
            # To urllib3 a connection that is refused is a timeout, too.
            if isinstance(error, NewConnectionError):
                return Retryable(RetryReason.CONNECTION_FAILED)
            return Retryable(RetryReason.TIMEOUT)
        except HTTPError:
            return Retryable(RetryReason.CONNECTION_FAILED)
        except ValueError:
            # A key that no header can hold (a line break, a typographic dash) is a wrong key.
            return Retryable(RetryReason.UNAUTHORIZED)
        return read(response.status, response.headers, response.data)


def _trust(api_url: str) -> dict[str, str]:
    """The certificate authorities to trust: the same everywhere, whatever the machine has."""
    if not api_url.startswith("https:"):
        return {}
    import certifi

    return {"ca_certs": certifi.where()}
