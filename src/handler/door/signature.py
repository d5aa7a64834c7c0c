"""Segment's `X-Signature`: the hexadecimal HMAC-SHA1 of the body with a shared secret.

Segment signs `JSON.stringify(data)`, and only the first element of a batch:
https://www.twilio.com/docs/segment/connections/destinations/catalog/actions-webhook and
`webhook/index.ts` in https://github.com/segmentio/action-destinations. The other elements of a
batch are unsigned; the token (`handler.door.token`) can cover them. No time is signed, so an old
request is not refused.
"""

import hmac
import re
from collections.abc import Sequence

from handler.door.elements import JSON_SPACE, array_elements
from handler.door.refusals import InvalidSignature, SecretError
from handler.door.request import Content, as_bytes

MAX_FIRST_ELEMENT_BYTES = 96 * 1024
"""How far to look for the end of the first element. Segment's messages have 32 KB at most, and a
stranger's request must not cost a twentieth of a second."""

_SHA1_HEX = re.compile(r"[0-9A-Fa-f]{40}")


def verify(body: Content, signature: str | None, secrets: Sequence[str]) -> None:
    """Return when `signature` is that of `body` under one of `secrets`, else raise.

    What may be signed is the body, byte by byte, or, when it is an array, the bytes of its first
    element. Two secrets or more are valid side by side, for a rotation. Raises `InvalidSignature`,
    and `SecretError` when there is no secret or a blank one: that must never let anything in.
    """
    keys = _keys(secrets)
    if not signature:
        raise InvalidSignature("X-Signature is missing. Set the shared secret in Segment.")
    if not _SHA1_HEX.fullmatch(signature):
        raise InvalidSignature("X-Signature is not 40 hexadecimal digits (HMAC-SHA1).")
    digest = bytes.fromhex(signature)
    # Of a batch the first element is tried first: the whole is a thousand times as long.
    first = _first_element(body)
    if first and _signed(first, digest, keys):
        return
    if _signed(as_bytes(body), digest, keys):
        return
    raise InvalidSignature(
        "X-Signature does not match the body. Set the same shared secret in Segment and here."
    )


def _keys(secrets: Sequence[str]) -> list[bytes]:
    if isinstance(secrets, str):
        raise SecretError("the webhook secrets: expected several texts, not one")
    if not secrets or not all(secret.strip() for secret in secrets):
        raise SecretError("the webhook secrets: expected one that is not blank, or more")
    return [secret.encode("utf-8", "surrogatepass") for secret in secrets]


def _signed(content: bytes, digest: bytes, keys: list[bytes]) -> bool:
    return any(hmac.compare_digest(hmac.digest(key, content, "sha1"), digest) for key in keys)


def _first_element(body: Content) -> bytes | None:
    start = as_bytes(body[:MAX_FIRST_ELEMENT_BYTES])
    if not start.lstrip(JSON_SPACE).startswith(b"["):
        return None
    try:
        return next(array_elements(start), None)
    except ValueError:
        return None
