"""Signs requests as Segment does: https://www.twilio.com/docs/segment/connections/destinations/catalog/actions-webhook."""

import hashlib
import hmac

from handler.door.elements import array_elements


def signature(signed: bytes, secret: str) -> str:
    """The hexadecimal HMAC-SHA1 that Segment sends as `X-Signature`."""
    return hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest()


def signed_part(body: bytes) -> bytes:
    """What Segment signs: of an array the first element, else the whole body."""
    return next(array_elements(body)) if body.startswith(b"[") else body
