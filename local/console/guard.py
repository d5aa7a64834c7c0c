"""Who may talk to the console: the page that it has served itself, and commands on this machine.

It binds to loopback, but so may a foreign page in the browser reach it: by a name of its own that
it lets point here (DNS rebinding, told by `Host`), or by a request from afar (told by `Origin` and
`Sec-Fetch-Site`). https://fetch.spec.whatwg.org/#origin-header, https://w3c.github.io/webappsec-fetch-metadata/
"""

from collections.abc import Mapping

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
"""Of every answer."""


def is_welcome(host: str | None, origin: str | None, fetch_site: str | None, port: int) -> bool:
    """Whether a request with these headers is one of the page's own, or comes from no page."""
    hosts = {f"{name}:{port}" for name in NAMES}
    if host is None or host.lower() not in hosts:
        return False
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return False
    return fetch_site in (None, "same-origin", "none")
