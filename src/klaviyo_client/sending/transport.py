"""One HTTP request to Klaviyo: its headers, and what becomes of it."""

from klaviyo_client.api.answers import Answer, read
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.api.revision import REVISION
from klaviyo_client.sending.bounded_http import (
    BoundedHttp,
    NoAnswerError,
    TimedOutError,
    TooLargeError,
)

MEDIA_TYPE = "application/vnd.api+json"

HEADERS = {
    "revision": REVISION,
    "Accept": MEDIA_TYPE,
    "Content-Type": MEDIA_TYPE,
    "User-Agent": "klaviyo-destination",
}

MOST_BYTES = 2_000_000
"""Of an answer to what was sent. The largest names an error for each item of a bulk job."""

MOST_BYTES_OF_PAGE = 8_000_000
"""Of an answer to a look-up. The largest, a page of an import's errors, quotes the profiles of a
job of 5 MB, escaped once more."""


class HttpTransport:
    """Klaviyo at `api_url` (scheme and host). Safe to use from several threads.

    Keeps `connections` at most. Raises `ValueError` for an invalid URL.
    """

    def __init__(self, api_url: str, connections: int) -> None:
        self._http = BoundedHttp(api_url, connections)

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
        """The answer, or why there was none. Never raises for network errors."""
        if not (private_key.isascii() and private_key.isprintable()):
            # A key that no header can hold (a line break, a typographic dash) is a wrong key.
            return Retryable(RetryReason.UNAUTHORIZED)
        headers = {"Authorization": f"Klaviyo-API-Key {private_key}", **HEADERS}
        most_bytes = MOST_BYTES_OF_PAGE if method == "GET" else MOST_BYTES
        try:
            answer = self._http.send(
                method, path, body, headers, seconds, most_bytes, repeatable=repeatable
            )
        except TimedOutError:
            return Retryable(RetryReason.TIMEOUT)
        except TooLargeError:
            return Retryable(RetryReason.UNAVAILABLE)
        except NoAnswerError:
            return Retryable(RetryReason.CONNECTION_FAILED)
        return read(answer.status, answer.headers, answer.content)
