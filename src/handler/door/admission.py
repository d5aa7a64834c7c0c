"""The door's whole decision on one request."""

from collections.abc import Iterator, Sequence
from typing import Any

from handler.door.body import Body
from handler.door.request import WebhookRequest
from handler.door.signature import verify
from handler.door.token import verify_token
from handler.door.validation import Malformed, kept, validate
from klaviyo_mapping.segment.message import Message
from operations import Json


class Arrivals:
    """Messages in order, each of them valid or `Malformed`.

    Each is read and checked when it is asked for. `unchecked` has those that were not asked for.
    """

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = Body(body)

    def __iter__(self) -> Iterator[Message | Malformed]:
        return map(validate, self._body.messages())

    def unchecked(self) -> Iterator[Json]:
        """The messages that were not asked for, as they came."""
        return map(kept, self._body.values())


def admit(lambda_event: Any, secrets: Sequence[str], tokens: Sequence[str]) -> Arrivals:
    """The messages of a request.

    Size comes first, then the token and the signature over the bytes as they came; only what has
    passed is parsed. Raises a `Refusal` when the whole request is refused, and `SecretError`
    when `secrets` or `tokens` cannot be used.
    """
    request = WebhookRequest.from_lambda_event(lambda_event)
    verify_token(request.authorization, tokens)
    verify(request.body, request.signature, secrets)
    return Arrivals(request.body)
