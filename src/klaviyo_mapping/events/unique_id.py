"""Ids by which Klaviyo recognises a repeated event: the same each time, never random.

Klaviyo keeps the first event of each (profile, metric, unique_id).
"""

import hashlib
import json

from klaviyo_mapping.segment.message import Message

LONGEST = 255


def within_limit(unique_id: str) -> str:
    """The id, or its hash when it is longer than Klaviyo takes."""
    return unique_id if len(unique_id) <= LONGEST else _digest(unique_id)


def content_id(message: Message, metric: str) -> str:
    """An id for an event that has none: a hash of its content."""
    content = [metric, message.timestamp, message.properties]
    return _digest(json.dumps(content, sort_keys=True, separators=(",", ":")))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
