"""A preview as JSON, for the console and for machines."""

from dataclasses import asdict

import operations
from operations import Json
from preview.model import MessagePreview, Preview, RequestPreview
from preview.offers import Offer


def to_json(preview: Preview) -> dict[str, Json]:
    """The whole preview: `messages`, `requests` and `is_traced`.

    A request's `traces` is an object: each JSON pointer has its list of sources.
    """
    return {
        "messages": [_message(message) for message in preview.messages],
        "requests": [_request(request) for request in preview.requests],
        "is_traced": preview.is_traced,
    }


def offer_to_json(offer: Offer) -> dict[str, Json]:
    """What another setting would change. `text` is a sentence for people."""
    return {**asdict(offer), "variable": offer.variable, "text": offer.text}


def _message(message: MessagePreview) -> dict[str, Json]:
    return {
        "number": message.number,
        "message_id": message.message_id,
        "type": message.type,
        "event_name": message.event_name,
        "verdict": message.verdict.value,
        "operations": [operations.to_json(operation) for operation in message.operations],
        "warnings": [asdict(warning) for warning in message.warnings],
        "reason": None if message.reason is None else asdict(message.reason),
        "field": message.field,
        "detail": message.detail,
        "ways_out": [asdict(way_out) for way_out in message.ways_out],
        "requests": list(message.requests),
    }


def _request(request: RequestPreview) -> dict[str, Json]:
    return {
        "number": request.number,
        "endpoint": request.endpoint,
        "title": request.title,
        "method": request.method,
        "path": request.path,
        "body": request.body,
        "items": [
            {"pointer": pointer, "messages": list(messages)} for pointer, messages in request.items
        ],
        "messages": list(request.messages),
        "traces": {
            trace.pointer: [asdict(source) for source in trace.sources] for trace in request.traces
        },
        "after": request.after,
        "note": request.note,
    }
