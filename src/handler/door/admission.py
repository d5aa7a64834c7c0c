"""The door's whole decision on one request."""

from collections.abc import Iterator, Sequence
from typing import Any

from handler.door.body import read_messages
from handler.door.request import WebhookRequest
from handler.door.signature import verify
from handler.door.token import verify_token
from handler.door.validation import Malformed, validate
from klaviyo_mapping.message import Message


def admit(
    lambda_event: Any, secrets: Sequence[str], token: str | None
) -> Iterator[Message | Malformed]:
    """The messages of a request, in order, each of them valid or with what is wrong with it.

    Size comes first, then the token and the signature over the bytes as they came; only what has
    passed is parsed. A message is checked when it is asked for. Raises a `Refusal` when the whole
    request is turned away, and `SecretError` when `secrets` or `token` cannot be used.
    """
    request = WebhookRequest.from_lambda_event(lambda_event)
    verify_token(request.authorization, token)
    verify(request.body, request.signature, secrets)
    return map(validate, read_messages(request.body))
