"""Webhook calls as Segment makes them, and batches as Lambda's event source mapping makes them."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from cli.segment.signature import signature
from tests.deployment import SHARED_SECRET


def call(
    messages: Any, *, secret: str = SHARED_SECRET, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """One signed webhook call; of an array the first element is signed, as Segment does."""
    body = json.dumps(messages)
    signed = json.dumps(messages[0]) if isinstance(messages, list) else body
    return {
        "version": "2.0",
        "routeKey": "POST /segment",
        "rawPath": "/segment",
        "headers": {"x-signature": signature(signed.encode(), secret), **(headers or {})},
        "body": body,
        "isBase64Encoded": False,
    }


def batch(*bodies: str) -> dict[str, Any]:
    """An SQS event of these bodies; their message ids are `0`, `1`, …"""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": uuid.uuid4().hex,
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies)
        ]
    }


def envelope(*entries: dict[str, Any]) -> str:
    """The text of a retry queue's message."""
    return json.dumps({"schema": 1, "entries": list(entries)})


def track(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A track that the default settings let through."""
    return {
        "type": "track",
        "messageId": f"track-{number}",
        "userId": f"user-{number}",
        "event": "Item Added",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "properties": {"email": f"person{number}@acme-store.example", "price": 39.95},
        **changes,
    }


def identify(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An identify that the default settings let through."""
    return {
        "type": "identify",
        "messageId": f"identify-{number}",
        "userId": f"user-{number}",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "traits": {"email": f"person{number}@acme-store.example", "firstName": "Ada"},
        **changes,
    }


def order(number: int = 1, products: int = 2) -> dict[str, Any]:
    """An order of so many products."""
    return track(
        number,
        messageId=f"order-{number}",
        event="Order Completed",
        properties={
            "email": f"person{number}@acme-store.example",
            "order_id": f"o-{number}",
            "revenue": 20.0,
            "products": [
                {"product_id": f"p-{each}", "name": "Thing", "price": 10, "quantity": 1}
                for each in range(products)
            ],
        },
    )


def entries_of(bodies: Sequence[str]) -> list[dict[str, Any]]:
    """The entries of some envelopes, in order."""
    return [entry for body in bodies for entry in json.loads(body)["entries"]]
