"""People as keyed hashes: the ledger holds no address, number or user id.

With the key, which is in the secret, the hash of a known address can be computed again, so that a
person's items can be found and deleted. Without the key nobody can guess addresses.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable

BYTES = 16
"""The length of a hash. Two of a billion people share one with a probability of 1 in 10²¹."""

MOST_KNOWN = 10_000
"""How many hashes are kept: a call needs each person's several times."""


class People:
    """Hashes of people's identifiers, under one key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode("utf-8", "surrogatepass")
        self._known: dict[tuple[str, str], str] = {}
        self.salt = hmac.digest(self._key, b"fields", "sha256")
        """For hashes of things that are not people."""

    def hash(self, name: str, value: str) -> str:
        """The hash of one identifier: `name` is Klaviyo's (`email`, `external_id`, …)."""
        hashed = self._known.get((name, value))
        if hashed is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            hashed = self._known[name, value] = self._hash(name, value)
        return hashed

    def _hash(self, name: str, value: str) -> str:
        if name == "email":
            value = value.strip().lower()
        text = f"{name}:{value}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, text, "sha256")[:BYTES]
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def hashes(self, names: Iterable[tuple[str, str]]) -> list[str]:
        """The hashes of several identifiers, in their order."""
        return [self.hash(name, value) for name, value in names]
