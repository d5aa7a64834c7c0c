"""The optional second secret: `Authorization: Bearer <token>`, a header that the customer sets.

Segment signs only the first message of a batch. A token covers the whole request.
"""

import contextlib
import hmac
from collections.abc import Sequence

from handler.door.refusals import InvalidToken, SecretError


def verify_token(authorization: str | None, tokens: Sequence[str]) -> None:
    """Return when `authorization` carries one of `tokens`, or when none is configured.

    More than one is valid during a rotation. The scheme matches whatever its case (RFC 9110, 11.1).
    Raises `InvalidToken`, and `SecretError` for a blank token: set but empty must not mean that
    none is required.
    """
    if not tokens:
        return
    if not all(token.strip() for token in tokens):
        raise SecretError("the webhook token: expected a text that is not blank, or none at all")
    scheme, _, credentials = (authorization or "").partition(" ")
    expected = [token.encode("utf-8", "surrogatepass") for token in tokens]
    given = _encodings(credentials.strip(" "))
    if scheme.lower() != "bearer" or not any(
        hmac.compare_digest(each, token) for each in given for token in expected
    ):
        raise InvalidToken(
            "Authorization does not carry the configured token. Add the header "
            "'Authorization: Bearer <token>' to the webhook in Segment."
        )


def _encodings(given: str) -> list[bytes]:
    """The header's bytes: what is not ASCII may come as UTF-8 that was read as Latin-1."""
    encoded = [given.encode("utf-8", "surrogatepass")]
    with contextlib.suppress(UnicodeEncodeError):
        encoded.append(given.encode("latin-1"))
    return encoded
