"""The door's whole decision on one request."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from handler.door.body import Body, Unreadable
from handler.door.request import WebhookRequest
from handler.door.signature import verify
from handler.door.token import verify_token
from handler.door.validation import Malformed, kept, validate
from klaviyo_mapping.segment.message import Message
from operations import Json

SLICE = 80_000
"""Characters. As JSON in ASCII a character takes up to twelve bytes, and SQS takes 1 MiB."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some messages that nobody has read, as the text of a JSON array."""

    texts: Sequence[str] = field(repr=False)

    def text(self) -> str:
        """The array."""
        return f"[{','.join(self.texts)}]"


class Arrivals:
    """Messages in order, each of them valid or `Malformed`.

    Each is read and checked when it is asked for. `rest` has the messages that were not asked for,
    unread: a million of them must not take up the call's time.
    """

    __slots__ = ("_body",)

    def __init__(self, body: Body) -> None:
        self._body = body

    def __iter__(self) -> Iterator[Message | Malformed]:
        return map(validate, self._body.messages())

    def rest(self) -> Iterator[Slice]:
        """The messages that were not asked for, in slices of up to `SLICE` characters.

        A message that is larger is a slice of its own.
        """
        held: list[str] = []
        size = 0
        for each in self._body.texts():
            text = json.dumps(each.text) if isinstance(each, Unreadable) else each
            if held and size + len(text) > SLICE:
                yield Slice(held)
                held, size = [], 0
            held.append(text)
            size += len(text)
        if held:
            yield Slice(held)

    def values(self) -> Iterator[Json]:
        """The messages that were not asked for, each as a value that a queue can hold."""
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
    return Arrivals(Body.read(request.body))
