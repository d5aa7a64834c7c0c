"""The optional second secret: `Authorization: Bearer <token>`, a header that the customer sets.

Segment signs the first message of a batch alone; a token vouches for the whole request.
"""

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
    given = credentials.strip(" ").encode("utf-8", "surrogatepass")
    expected = token.encode("utf-8", "surrogatepass")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given, expected):
        raise InvalidToken(
            "Authorization does not carry the configured token. Add the header "
            "'Authorization: Bearer <token>' to the webhook in Segment."
        )
