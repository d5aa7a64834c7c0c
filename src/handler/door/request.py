"""What API Gateway hands to Lambda, read into the body and the headers that the door needs.

The shape is that of an HTTP API, payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handler.door.refusals import NoMessage, NotJson, TooLarge

MAX_BODY_BYTES = 6 * 1024 * 1024
"""The largest payload of a synchronous invocation.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

Content = str | bytes
"""A body as it was signed.

What is all ASCII stays the text that Lambda hands over: msgspec reads it where it is, and a copy of
4 MB would take 3 ms. Anything else is bytes: other text takes up to four times the memory of these.
"""


def as_bytes(content: Content) -> bytes:
    """What is signed of a body, or of a part of it."""
    return content.encode() if isinstance(content, str) else content


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One request of Segment's webhook: the body as it was signed, its signature and its token."""

    body: Content = dataclasses.field(repr=False)
    signature: str | None = dataclasses.field(default=None, repr=False)
    authorization: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def from_lambda_event(cls, lambda_event: Any) -> "WebhookRequest":
        """Read `body`, `isBase64Encoded` and `headers`; their names match whatever their case.

        A missing or null body is empty, and a header that is missing or no text is `None`. Raises
        `NoMessage` for what is no HTTP request, `NotJson` for base64 that cannot be decoded, and
        `TooLarge` above `MAX_BODY_BYTES`.
        """
        if not isinstance(lambda_event, Mapping):
            raise NoMessage("The function answers an HTTP API; what it was invoked with is none.")
        body = _body(lambda_event)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("The body is larger than 6 MiB. Send smaller batches.")
        headers = lambda_event.get("headers") or {}
        if not isinstance(headers, Mapping):
            raise NoMessage("The headers of the request are no object (payload format 2.0).")
        return cls(
            body=body,
            signature=_header(headers, "x-signature"),
            authorization=_header(headers, "authorization"),
        )


def _body(lambda_event: Mapping[Any, Any]) -> Content:
    body = lambda_event.get("body")
    if body is None:
        return ""
    if not isinstance(body, str):
        raise NoMessage("The body of the request is no text (payload format 2.0).")
    if lambda_event.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(body, validate=True)
        except ValueError:
            raise NotJson("The body is marked as base64 and cannot be decoded.") from None
    # A lone surrogate has no UTF-8: its bytes match no signature and are refused, not a crash.
    return body if body.isascii() else body.encode("utf-8", "surrogatepass")


def _header(headers: Mapping[Any, Any], name: str) -> str | None:
    for key, value in headers.items():
        if isinstance(key, str) and key.lower() == name and isinstance(value, str):
            return value
    return None
