"""The secret: Klaviyo's key and what vouches for Segment, from Secrets Manager."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handler.environment import Environment

KEEP_SECONDS = 300.0
"""A rotated secret is in use everywhere after this."""

REFRESH_SECONDS = 10.0
"""The least time between two looks at the secret, however often one is asked for: a stranger with
wrong signatures must not run up our bill."""


class CredentialsUnavailable(Exception):  # noqa: N818 - the reader's word for a state, not a bug
    """The secret cannot be read or cannot be used; the text says what is wrong, and no value."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secret's fields, checked. `shared_secrets` holds one, or more during a rotation."""

    klaviyo_private_key: str = field(repr=False)
    shared_secrets: tuple[str, ...] = field(repr=False)
    webhook_token: str | None = field(default=None, repr=False)


class CredentialStore:
    """Reads the secret when it is first needed, and again when it is old or was found wrong.

    `fetch` returns the secret's text, within so many seconds. The environment's stand-ins take
    precedence over its fields; when both are there, the secret is never read.
    """

    def __init__(
        self,
        environment: Environment,
        fetch: Callable[[str, float], str],
        clock: Callable[[], float],
    ) -> None:
        self._environment = environment
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._read_at = 0.0

    def get(self, seconds: float) -> Credentials:
        """The credentials, within so many seconds. Raises `CredentialsUnavailable`.

        When the secret store is out of reach, credentials that were once read stay in use.
        """
        with self._lock:
            kept = self._credentials
            if kept is not None and self._clock() - self._read_at < KEEP_SECONDS:
                return kept
            try:
                return self._read(seconds)
            except CredentialsUnavailable:
                if kept is None:
                    raise
                self._read_at = self._clock() - KEEP_SECONDS + REFRESH_SECONDS
                return kept

    def changed(self, seconds: float) -> bool:
        """Look at the secret again, after it was found wrong; true when its value has changed."""
        with self._lock:
            kept = self._credentials
            if kept is not None and self._clock() - self._read_at < REFRESH_SECONDS:
                return False
            try:
                return self._read(seconds) != kept
            except CredentialsUnavailable:
                return False

    def _read(self, seconds: float) -> Credentials:
        environment = self._environment
        if environment.klaviyo_private_key and environment.segment_shared_secret:
            document: dict[str, Any] = {}
        else:
            document = _parse(self._fetch(environment.credentials_secret_arn or "", seconds))
        if environment.klaviyo_private_key:
            document["klaviyo_private_key"] = environment.klaviyo_private_key
        if environment.segment_shared_secret:
            document["segment_shared_secret"] = environment.segment_shared_secret
        self._credentials = _credentials(document)
        self._read_at = self._clock()
        return self._credentials


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise CredentialsUnavailable("the secret is not JSON") from None
    if not isinstance(document, dict):
        raise CredentialsUnavailable("the secret is not a JSON object")
    return document


def _credentials(document: dict[str, Any]) -> Credentials:
    key = _text(document.get("klaviyo_private_key")).strip()
    if not key or not key.isascii() or not key.isprintable():
        raise CredentialsUnavailable("klaviyo_private_key: expected a Klaviyo private key (pk_…)")
    shared = document.get("segment_shared_secret")
    secrets = [_text(secret) for secret in (shared if isinstance(shared, list) else [shared])]
    if not secrets or "" in secrets:
        raise CredentialsUnavailable(
            "segment_shared_secret: expected a text, or a list of texts while rotating, none blank"
        )
    token = document.get("webhook_token")
    if token is not None and not _text(token):
        raise CredentialsUnavailable("webhook_token: expected a text that is not blank, or no key")
    return Credentials(key, tuple(secrets), token)


def _text(value: object) -> str:
    """The value when it is a text that is not blank, else an empty one."""
    return value if isinstance(value, str) and value.strip() else ""
