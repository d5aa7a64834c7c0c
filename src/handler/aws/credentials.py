"""The secret, from Secrets Manager: Klaviyo's key, and what proves that a request is Segment's."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handler.aws.environment import Environment

KEEP_SECONDS = 300.0
"""A rotated secret is in use everywhere after this."""

REFRESH_SECONDS = 10.0
"""The least time between two reads of the secret, however many are asked for. A stranger with wrong
signatures must not run up the bill."""

SHORTEST_LEDGER_KEY = 32
"""The least number of characters in the key of the ledger's hashes, so that nobody who has the
table can guess it."""

SCHEME = re.compile(r"bearer\s+", re.IGNORECASE)
"""What people paste together with the token."""


class CredentialsUnavailable(Exception):  # noqa: N818 - the reader's word for a state, not a bug
    """The secret cannot be read or cannot be used; the text says what is wrong, and no value."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secret's fields, checked. `shared_secrets` holds one, or more during a rotation.

    Without `webhook_tokens` none is required. `ledger_key` is `None` where it is missing or too
    short. That turns the ledger off and affects no message.
    """

    klaviyo_private_key: str = field(repr=False)
    shared_secrets: tuple[str, ...] = field(repr=False)
    webhook_tokens: tuple[str, ...] = field(default=(), repr=False)
    ledger_key: str | None = field(default=None, repr=False)


class CredentialStore:
    """Reads the secret when it is first needed, and again when it is old or seems wrong.

    `fetch` returns the secret's text, within so many seconds. The environment's variables take
    precedence over its fields; if both variables are set, the secret is never read.
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
        self._tried_at = 0.0
        self._trouble: CredentialsUnavailable | None = None

    def get(self, seconds: float) -> Credentials:
        """The credentials, within so many seconds. Raises `CredentialsUnavailable`.

        If the secret store cannot be reached, credentials that were read before stay in use.
        """
        with self._lock:
            kept = self._credentials
            if kept is None:
                return self._read(seconds)
            if self._clock() - self._read_at < KEEP_SECONDS or self._has_just_failed():
                return kept
            try:
                return self._read(seconds)
            except CredentialsUnavailable:
                return kept

    def fresh(self, seconds: float) -> Credentials:
        """The credentials as the store has them, or had them `REFRESH_SECONDS` ago at most.

        For use when they seem wrong. Raises `CredentialsUnavailable` if the store cannot say
        whether they have changed, because they may then be right. The store is asked at most once
        in `REFRESH_SECONDS`.
        """
        with self._lock:
            kept = self._credentials
            if kept is not None and self._clock() - self._read_at < REFRESH_SECONDS:
                return kept
            if self._trouble is not None and self._has_just_failed():
                raise self._trouble
            return self._read(seconds)

    def _has_just_failed(self) -> bool:
        return self._trouble is not None and self._clock() - self._tried_at < REFRESH_SECONDS

    def _read(self, seconds: float) -> Credentials:
        self._tried_at = self._clock()
        try:
            self._credentials = _credentials(self._document(seconds))
        except CredentialsUnavailable as error:
            self._trouble = error
            raise
        self._trouble = None
        self._read_at = self._clock()
        return self._credentials

    def _document(self, seconds: float) -> dict[str, Any]:
        environment = self._environment
        if environment.klaviyo_private_key and environment.segment_shared_secret:
            document: dict[str, Any] = {}
        else:
            document = _parse(self._fetch(environment.credentials_secret_arn or "", seconds))
        if environment.klaviyo_private_key:
            document["klaviyo_private_key"] = environment.klaviyo_private_key
        if environment.segment_shared_secret:
            document["segment_shared_secret"] = environment.segment_shared_secret
        if environment.ledger_key:
            document["ledger_key"] = environment.ledger_key
        return document


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CredentialsUnavailable("the secret is not JSON") from None
    if not isinstance(document, dict):
        raise CredentialsUnavailable("the secret is not a JSON object")
    return document


def _credentials(document: dict[str, Any]) -> Credentials:
    """The secret's fields, without the white space around them that an editor or a shell adds.

    A shared secret counts as it stands, too: Segment may have it with a blank.
    """
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
    tokens = [_token(each) for each in (token if isinstance(token, list) else [token])]
    if token is not None and (not tokens or "" in tokens):
        raise CredentialsUnavailable(
            "webhook_token: expected a text, or a list of texts while rotating, none blank"
        )
    spellings = (each for secret in secrets for each in (secret.strip(), secret))
    ledger_key = _text(document.get("ledger_key")).strip()
    return Credentials(
        key,
        tuple(dict.fromkeys(spellings)),
        () if token is None else tuple(tokens),
        ledger_key if len(ledger_key) >= SHORTEST_LEDGER_KEY else None,
    )


def _token(value: object) -> str:
    return SCHEME.sub("", f"{_text(value).strip()} ", count=1).strip()


def _text(value: object) -> str:
    """The value when it is a text that is not blank, else an empty one."""
    return value if isinstance(value, str) and value.strip() else ""
