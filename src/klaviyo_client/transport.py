"""One HTTP request to Klaviyo over kept connections. The only I/O of this package."""

import select
import time
import weakref
from collections import deque
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

from klaviyo_client.answers import Answer, read
from klaviyo_client.certificates import trusted
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
    """Klaviyo at `api_url` (scheme and host). Safe to use from several threads.

    By the standard library's client: urllib3 and requests are built on it as well, and take two
    and three times as long, for a request and at a cold start. Of what they add there is needed
    that connections are kept, `connections` at most.
    """

    def __init__(self, api_url: str, connections: int) -> None:
        address = urlsplit(api_url)
        self._host = address.hostname or ""
        self._port = address.port
        self._is_secure = address.scheme == "https"
        self._prefix = address.path.rstrip("/")
        self._connections = connections
        self._idle: deque[HTTPConnection] = deque()
        weakref.finalize(self, _close, self._idle)

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
        a kept connection is often found closed, and repeats do no harm in Klaviyo.
        """
        if not (private_key.isascii() and private_key.isprintable()):
            # A key that no header can hold (a line break, a typographic dash) is a wrong key.
            return Retryable(RetryReason.UNAUTHORIZED)
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
        connection = self._connection(seconds)
        headers = {
            "Authorization": f"Klaviyo-API-Key {private_key}",
            "revision": REVISION,
            "Accept": MEDIA_TYPE,
            "Content-Type": MEDIA_TYPE,
            "User-Agent": USER_AGENT,
        }
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(seconds)
            connection.request(method, self._prefix + path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
        except TimeoutError:
            connection.close()
            return Retryable(RetryReason.TIMEOUT)
        except (OSError, HTTPException):
            connection.close()
            return Retryable(RetryReason.CONNECTION_FAILED)
        if response.will_close or len(self._idle) >= self._connections:
            connection.close()
        else:
            self._idle.append(connection)
        return read(response.status, response.headers, content)

    def _connection(self, seconds: float) -> HTTPConnection:
        """The connection that was used last, if the other side has not closed it, or a new one."""
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:
                break
            if not _has_news(kept):
                return kept
            kept.close()
        timeout = min(CONNECT_SECONDS, seconds)
        if self._is_secure:
            return HTTPSConnection(self._host, self._port, timeout=timeout, context=trusted())
        return HTTPConnection(self._host, self._port, timeout=timeout)


def _close(connections: Iterable[HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


def _has_news(connection: HTTPConnection) -> bool:
    """Whether something came without being asked for: on a kept connection, its end."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
