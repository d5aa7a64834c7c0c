"""Posts a text to the webhook, signed as Segment signs it."""

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cli.segment.signature import signature, signed_part
from local.samples import SECONDS


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and how it was answered. `answer` is the body, JSON or not."""

    body: bytes
    status: int
    answer: Any
    seconds: float


def post(text: str, webhook_url: str, secret: str) -> Sent:
    """Send the text as it is. Raises `OSError` if nobody answers."""
    body = text.encode(errors="replace")
    parts = urlsplit(webhook_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    began = time.monotonic()
    try:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Segment (Actions)",
            "X-Signature": signature(_signed(body), secret),
        }
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        answered = response.read().decode(errors="replace")
    finally:
        connection.close()
    return Sent(body, response.status, _json(answered), time.monotonic() - began)


def renewed(text: str) -> str:
    """The text with a new `messageId` in each message that has one, so that it is not a repeat.

    A text that is not JSON stays as it is.
    """
    try:
        document = json.loads(text)
        messages = document if isinstance(document, list) else [document]
        fresh = [
            {**message, "messageId": f"console-{uuid.uuid4()}"}
            if isinstance(message, dict)
            else message
            for message in messages
        ]
        return json.dumps(fresh if isinstance(document, list) else fresh[0], ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _signed(body: bytes) -> bytes:
    try:
        return signed_part(body)
    except (ValueError, StopIteration):
        return body


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
