"""The certificate authorities that every HTTPS connection trusts, the same on every machine."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The context of every HTTPS connection. Made when the first one is."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
