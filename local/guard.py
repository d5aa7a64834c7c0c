"""Who may use the servers on this machine: local commands, and the console's own page.

All servers bind to loopback, but a foreign page in the developer's browser can reach them too:
through its own host name that it points here (DNS rebinding, visible in `Host`), or by a cross-site
request (visible in `Origin` and `Sec-Fetch-Site`). It could read what developers send, and write
into their accounts. The webhook needs no guard: its requests are signed, and each run with a real
key has its own secret.
https://fetch.spec.whatwg.org/#origin-header, https://w3c.github.io/webappsec-fetch-metadata/
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

NAMES = ("127.0.0.1", "localhost")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            # Whatever a message holds, no script of the page can make it into markup.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every answer."""


def is_welcome(
    host: str | None,
    origin: str | None,
    fetch_site: str | None,
    *,
    port: int | None = None,
    names: Collection[str] = NAMES,
) -> bool:
    """Whether a request with these headers is one of the page's own, or comes from no page.

    `names` are the server's host names. Without a `port`, `Host` may have any port, because a local
    proxy passes on the port that it was called with.
    """
    name, _, its_port = (host or "").lower().rpartition(":")
    if name not in names or not its_port.isdecimal() or port not in (None, int(its_port)):
        return False
    if origin is not None and origin.lower() != f"http://{name}:{its_port}":
        return False
    return fetch_site in (None, "same-origin", "none")


class Guarded:
    """A WSGI application behind the guard. Other clients get a 403."""

    def __init__(self, application: Application, names: Collection[str] = NAMES) -> None:
        self._application = application
        self._names = names

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        headers = (environ.get(f"HTTP_{name}") for name in ("HOST", "ORIGIN", "SEC_FETCH_SITE"))
        if is_welcome(*headers, names=self._names):
            return self._application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"__type": "AccessDeniedException", "message": "No page is answered here."}']
