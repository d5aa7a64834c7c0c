"""Why a whole request is refused: one exception for each answer that a retry cannot repair.

Segment discards for good what is answered with a 4xx, so nothing else may end in a refusal: our
own trouble is a 503, and one bad message of a batch is a `Malformed`, not a refusal.

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
    """`X-Signature` is missing or is not the body's."""

    status = 401
    code = "invalid_signature"


class InvalidToken(Refusal):
    """A token is required in `Authorization`, and another one or none came."""

    status = 401
    code = "invalid_token"


class NotJson(Refusal):
    """The body cannot be read as JSON."""

    status = 400
    code = "not_json"


class NoMessage(Refusal):
    """There is no message in what came."""

    status = 400
    code = "no_message"


class TooLarge(Refusal):
    """The body is larger than what Lambda takes."""

    status = 413
    code = "too_large"


class SecretError(ValueError):
    """The door has no usable secret: a fault of the configuration, never of the request."""
