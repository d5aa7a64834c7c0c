"""Why a whole request is refused: one exception for each failure that a retry cannot fix.

Segment discards a request that gets a 4xx. So nothing else may be a refusal: a failure of this
destination is a 503, and one bad message of a batch is a `Malformed`.

    Refusal
    ├── InvalidSignature   401  invalid_signature
    ├── InvalidToken       401  invalid_token
    ├── NotJson            400  not_json
    ├── NoMessage          400  no_message
    └── TooLarge           413  too_large
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """The request is refused. The text gives the remedy, and quotes nothing of the request."""

    status: ClassVar[int]
    code: ClassVar[str]


class InvalidSignature(Refusal):
    """`X-Signature` is missing or does not match the body."""

    status = 401
    code = "invalid_signature"


class InvalidToken(Refusal):
    """The token that `Authorization` must carry is wrong or missing."""

    status = 401
    code = "invalid_token"


class NotJson(Refusal):
    """The body cannot be read as JSON."""

    status = 400
    code = "not_json"


class NoMessage(Refusal):
    """The request has no message."""

    status = 400
    code = "no_message"


class TooLarge(Refusal):
    """The body is larger than Lambda accepts."""

    status = 413
    code = "too_large"


class SecretError(ValueError):
    """The door has no usable secret: a fault of the configuration, never of the request."""
