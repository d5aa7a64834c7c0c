"""HTTP requests to one host by `requests`, each bounded in time and in what is read of its answer.

One session with one adapter keeps the connections. The adapter is called with requests that are
prepared already: no redirects are followed, no cookies kept, nothing sent twice, and the
environment (`HTTPS_PROXY`, `NO_PROXY`) is read once, at start.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from queue import Empty
from traceback import clear_frames
from typing import Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException, Timeout
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeout
from urllib3.util.connection import is_connection_dropped

from klaviyo_client.sending.certificates import trusted
from klaviyo_client.sending.connections import (
    CONNECT_SECONDS,
    CURRENT,
    POOLS,
    AnswerTooLargeError,
    BoundedConnection,
    Bounds,
)

PIECE = 65_536
"""Bytes of a body that are read at a time."""

TIMEOUTS = (TimeoutError, Timeout, PoolTimeout)


class HttpAnswer(NamedTuple):
    """An answer as it came, its body decoded. Names of headers match in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class NoAnswerError(Exception):
    """There was no answer. The class and the text say why; the text quotes no value."""


class TimedOutError(NoAnswerError):
    """The request's time was over."""


class CutError(NoAnswerError):
    """There was no connection, it was cut, or the answer was not HTTP."""


class TooLargeError(NoAnswerError):
    """The answer was larger than what is read; a repeat would be as well."""


class BoundedHttp:
    """Requests to `url` (scheme, host and perhaps the beginning of each path).

    Keeps `connections` at most; `direct` ones never go through a proxy. Safe to use from several
    threads. Raises `ValueError` for an invalid URL or proxy.
    """

    def __init__(self, url: str, connections: int, *, direct: bool = False) -> None:
        self._url = url.rstrip("/")
        self.base_path = urlsplit(self._url).path
        """The beginning of each path; empty if the URL has none."""
        self._session = Session()
        self._session.trust_env = False
        self._adapter = _Adapter(self._url, connections, direct)
        self._session.mount(self._url, self._adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        most_bytes: int,
        *,
        repeatable: bool = True,
    ) -> HttpAnswer:
        """The answer, within `seconds` in all; of it `most_bytes` at most.

        A connection that was cut is tried once more with what is left of the time, if that does no
        harm: after a pause, a kept connection is often found closed. Raises `NoAnswerError`, and
        nothing else.
        """
        request = _prepared(method, self._url + path, body, headers)
        bounds = Bounds(time.monotonic() + seconds, most_bytes)
        try:
            return self._exchange(request, bounds)
        except CutError:
            if not repeatable:
                raise
        return self._exchange(request, bounds)

    def _exchange(self, request: PreparedRequest, bounds: Bounds) -> HttpAnswer:
        with within(bounds):
            left = bounds.left()
            timeout = min(CONNECT_SECONDS, left), left
            with self._adapter.send(request, stream=True, timeout=timeout) as response:
                content = _content(response.raw, bounds)
        return HttpAnswer(response.status_code, response.headers, content)

    def kept_connection(self) -> BoundedConnection | None:
        """A connection that is open, for the caller alone until it is handed back; `None` if there
        is none, or if it needs what only `send` does for it (a proxy that forwards)."""
        kept = self._adapter.pool.pool  # urllib3's own method makes a new one where there is none
        while kept:
            try:
                connection = kept.get_nowait()
            except Empty:
                break
            if connection is None or connection.proxy_is_forwarding:
                self._adapter.pool._put_conn(connection)
                break
            if not is_connection_dropped(connection):
                return cast("BoundedConnection", connection)
            connection.close()
            self.hand_back(cast("BoundedConnection", connection))
        return None

    def hand_back(self, connection: BoundedConnection) -> None:
        """Keep the connection for others, unless it is closed."""
        self._adapter.pool._put_conn(None if connection.is_closed else connection)

    def read_answer(self, connection: BoundedConnection, bounds: Bounds) -> HttpAnswer:
        """The answer on this connection, to a request that was not sent by it, and which may have
        begun to come. The connection must not be used afterwards. Raises as `send`."""
        with within(bounds):
            answer = connection.read_answer()
            return HttpAnswer(answer.status, answer.headers, _content(answer, bounds))


@contextmanager
def within(bounds: Bounds) -> Iterator[None]:
    """The block's connections keep to the bounds; what fails is a `NoAnswerError`."""
    CURRENT.bounds = bounds
    try:
        yield
    except (RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
        _let_go(error)
        if bounds.too_large:
            raise TooLargeError("the answer is too large") from None
        if isinstance(error, TIMEOUTS) or time.monotonic() >= bounds.until:
            raise TimedOutError("no answer in time") from None
        raise CutError("no connection") from None


def _let_go(error: BaseException) -> None:
    """Empty the frames that the error has passed through.

    They hold one another and the request's body, until the garbage collector looks.
    """
    errors: list[object] = [error]
    while errors:
        each = errors.pop()
        if isinstance(each, BaseException) and each.__traceback__ is not None:
            clear_frames(each.__traceback__)
            each.__traceback__ = None
            errors += [each.__cause__, each.__context__, *each.args, getattr(each, "reason", None)]


def _prepared(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> PreparedRequest:
    """A request as `requests` sends it, without its search for what else might be in it."""
    request = PreparedRequest()
    request.method = method
    request.url = url
    fields = {**headers, "Content-Length": str(len(body))} if body else headers
    request.headers = cast("CaseInsensitiveDict[str]", fields)
    request.body = body or None
    return request


def _content(raw: BaseHTTPResponse, bounds: Bounds) -> bytes:
    """The body, decoded."""
    if _length(raw.headers) > bounds.most_bytes:
        bounds.too_large = True
        raise AnswerTooLargeError
    pieces = []
    read = 0
    while piece := raw.read(PIECE, decode_content=True):
        read += len(piece)
        if read > bounds.most_bytes:
            bounds.too_large = True
            raise AnswerTooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdigit() else 0


class _Adapter(HTTPAdapter):
    """An adapter for one host: its connections, its proxy and its certificates are looked for once,
    and not for each request."""

    def __init__(self, url: str, connections: int, direct: bool) -> None:
        self._trusted = trusted() if urlsplit(url).scheme == "https" else None
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self._to_proxy = {} if direct else get_environ_proxies(url, no_proxy=None)
        request = _prepared("GET", url, b"", {})
        pool = super().get_connection_with_tls_context(request, True, self._to_proxy)
        self.pool = cast("HTTPConnectionPool", pool)

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings, ssl_context=self._trusted)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **settings, ssl_context=self._trusted)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> ConnectionPool:
        return self.pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The pool's context verifies."""

    def request_url(self, request: PreparedRequest, _: Any) -> str:
        return super().request_url(request, self._to_proxy)

    def build_response(self, _: PreparedRequest, answer: BaseHTTPResponse) -> Response:
        """Of requests' answer, what is read: no cookies, and no encoding to be guessed."""
        response = Response()
        response.status_code = answer.status
        response.headers = cast("CaseInsensitiveDict[str]", answer.headers)
        response.raw = answer
        return response
