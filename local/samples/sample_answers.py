"""Both functions' answers to each sample event, with the stand-in and the default settings."""

from typing import Any


def answer(*messages: dict[str, Any], delivered: int = 0, **counts: int) -> dict[str, Any]:
    """A webhook answer's body, in which all counts but the given ones are zero."""
    numbers = {"delivered": delivered, "queued": 0, "dropped": 0, "rejected": 0, **counts}
    return {"received": sum(numbers.values()), **numbers, "messages": list(messages)}


DELIVERED = answer(delivered=1)


def unsigned(text: str) -> tuple[int, dict[str, Any]]:
    """The answer to a request without the right signature."""
    return 401, answer() | {"error": {"code": "invalid_signature", "message": text}}


WEBHOOK: dict[str, tuple[int, dict[str, Any]]] = {
    "identify.json": (200, DELIVERED),
    "track.json": (200, DELIVERED),
    "order-completed.json": (200, DELIVERED),
    "identify-with-list.json": (200, DELIVERED),
    "identify-with-list-at-once.json": (200, DELIVERED),
    "engage-audience.json": (200, DELIVERED),
    "audience-entered.json": (200, DELIVERED),
    "audience-exited.json": (200, DELIVERED),
    "user-subscribed.json": (200, DELIVERED),
    "user-unsubscribed.json": (200, DELIVERED),
    "identify-with-edits.json": (200, DELIVERED),
    "order-refunded.json": (200, DELIVERED),
    **{
        f"{name}.json": (
            200,
            answer(
                {"message_id": message_id, "outcome": "dropped", "reason": "unsupported_type"},
                dropped=1,
            ),
        )
        for name, message_id in (
            ("delete", "delete-1"),
            ("alias", "alias-1"),
            ("group", "group-1"),
            ("page", "page-2"),
        )
    },
    "put.json": (200, DELIVERED),
    "base64.json": (200, DELIVERED),
    "during-outage.json": (200, DELIVERED),
    "batch.json": (
        200,
        answer(
            {"message_id": "batch-3", "outcome": "dropped", "reason": "unsupported_type"},
            delivered=3,
            dropped=1,
        ),
    ),
    "batch-with-malformed.json": (
        200,
        answer(
            {
                "message_id": "malformed-2",
                "outcome": "rejected",
                "reason": "invalid_message",
                "field": "userId",
                "detail": "must be string or number or null",
            },
            delivered=2,
            rejected=1,
        ),
    ),
    "dropped-page.json": (
        200,
        answer(
            {"message_id": "page-1", "outcome": "dropped", "reason": "unsupported_type"},
            dropped=1,
        ),
    ),
    "dropped-without-email.json": (
        200,
        answer(
            {"message_id": "identify-no-email-1", "outcome": "dropped", "reason": "missing_email"},
            dropped=1,
        ),
    ),
    "wrong-signature.json": unsigned(
        "X-Signature does not match the body. Set the same shared secret in Segment and here."
    ),
}
"""Status and body of the answer to each webhook event."""

RETRY = ("retry-one.json", "retry-many.json", "retry-unreadable.json")
"""The events of the retry queue. None of their SQS messages fails."""

RETRIED_EVENTS = frozenset({"retry-1", "retry-3", "retry-4", "retry-5"})
"""The unique ids of the events that Klaviyo has afterwards."""

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


def of_webhook_function(name: str) -> tuple[int, dict[str, Any]]:
    """Status and body. Events of the retry queue have no signature."""
    if name in RETRY:
        return unsigned("X-Signature is missing. Set the shared secret in Segment.")
    return WEBHOOK[name]


def of_retry_function(_name: str) -> dict[str, Any]:
    """Its answer. A webhook event has no SQS messages, so none fails."""
    return NO_FAILURES
