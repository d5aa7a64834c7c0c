"""The optional second secret: `Authorization: Bearer <token>`, a header that the customer sets.

Segment signs only the first message of a batch. A token covers the whole request.
"""

import contextlib
import hmac

from handler.door.refusals import InvalidToken, SecretError


def verify_token(authorization: str | None, token: str | None) -> None:
    """Return when `authorization` carries `token`, or when no token is configured (`None`).

    The scheme matches whatever its case (RFC 9110, 11.1). Raises `InvalidToken`, and `SecretError`
    for a blank token: set but empty must not mean that none is required.
    """
    if token is None:
        return
    if not token.strip():
        raise SecretError("the webhook token: expected a text that is not blank, or none at all")
    scheme, _, credentials = (authorization or "").partition(" ")
    expected = token.encode("utf-8", "surrogatepass")
    given = _encodings(credentials.strip(" "))
    if scheme.lower() != "bearer" or not any(hmac.compare_digest(each, expected) for each in given):
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
