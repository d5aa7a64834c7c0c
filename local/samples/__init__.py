"""The sample events of `events/`: which are sent, what they show, and their expected results."""

import base64
import http.client
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.aws_stand_in.function import ROOT
from local.klaviyo_stand_in import Account

EVENTS = ROOT / "events"

SECONDS = 30.0
"""How long to wait for an answer."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of `events/`. `status` and `outcome` are the expected answer of the webhook."""

    file: str
    shows: str
    outcome: str
    status: int = 200

    @property
    def path(self) -> Path:
        """Where the file is."""
        return EVENTS / self.file


SAMPLES = (
    Sample("identify.json", "a person with traits", "delivered"),
    Sample("track.json", "an event", "delivered"),
    Sample("order-completed.json", "an order and its two products", "delivered"),
    Sample("identify-with-list.json", "a list that asks people first", "delivered"),
    Sample("identify-with-list-at-once.json", "a list joined at once", "delivered"),
    Sample("engage-audience.json", "an Engage audience", "delivered"),
    Sample("audience-entered.json", "an audience entered", "delivered"),
    Sample("audience-exited.json", "an audience exited", "delivered"),
    Sample("user-subscribed.json", "consent to e-mail and SMS", "delivered"),
    Sample("user-unsubscribed.json", "SMS unsubscribed from a list", "delivered"),
    Sample("identify-with-edits.json", "custom properties edited", "delivered"),
    Sample("order-refunded.json", "a refund", "delivered"),
    Sample("put.json", "an event by PUT", "delivered"),
    Sample("base64.json", "an event that arrives as base64", "delivered"),
    Sample("batch.json", "a batch of four", "3 delivered, 1 dropped (unsupported_type)"),
    Sample(
        "batch-with-malformed.json",
        "a malformed message among others",
        "2 delivered, 1 rejected (invalid_message: userId)",
    ),
    Sample("delete.json", "a deletion", "dropped (unsupported_type)"),
    Sample("alias.json", "two profiles to merge", "dropped (unsupported_type)"),
    Sample("group.json", "a person's company", "dropped (unsupported_type)"),
    Sample("page.json", "a page of a category", "dropped (unsupported_type)"),
    Sample("dropped-page.json", "a page view", "dropped (unsupported_type)"),
    Sample("dropped-without-email.json", "nobody to send it for", "dropped (missing_email)"),
    Sample("wrong-signature.json", "a stranger", "turned away (invalid_signature)", 401),
)

OUTAGE = Sample("during-outage.json", "an event while Klaviyo is down", "queued (unavailable)")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry of the dead-letter queue. `detail` is for people."""

    message_id: str | None
    code: str
    detail: str


Fact = tuple[object, ...]
"""One thing that exists in the end. The first entry says what it is."""

MARIA, TOM, INES = (
    "maria.lindqvist@acme-store.example",
    "tom.okafor@acme-store.example",
    "ines.moreau@acme-store.example",
)
PRIYA, LEO = "priya.raman@acme-store.example", "leo.haas@acme-store.example"

EXPECTED: Counter[Fact] = Counter(
    [
        *(("profile", email) for email in (MARIA, TOM, INES, PRIYA, LEO)),
        ("event", MARIA, "Product Added", "track-1", None),
        ("event", MARIA, "Order Completed", "order-5001", 59.0),
        ("event", MARIA, "Ordered Product", "order-5001_sku-mug-01", 37.0),
        ("event", MARIA, "Ordered Product", "order-5001_sku-tea-02", 22.0),
        ("event", MARIA, "Order Refunded", "order-5001", 59.0),
        ("event", PRIYA, "Audience Entered", "personas_audience-2", None),
        ("event", PRIYA, "Audience Exited", "personas_audience-3", None),
        ("event", INES, "User Subscribed", "consent-1", None),
        ("event", INES, "User Unsubscribed", "consent-2", None),
        ("event", TOM, "Signed Up", "track-2", None),
        ("event", TOM, "Coupon Applied", "outage-1", None),
        ("event", INES, "Product Viewed", "track-3", None),
        ("event", LEO, "Product Searched", "batch-2", None),
        ("event", LEO, "Cart Viewed", "batch-4", None),
        ("event", LEO, "Checkout Started", "malformed-1", 33.0),
        ("event", LEO, "Payment Info Entered", "malformed-3", None),
        ("asked to confirm", "Y6nRLr", TOM),
        ("on list", "WmB7kT", INES),
        ("dead letter", "malformed-2", "invalid_message"),
    ]
)
"""What exists after all of `SAMPLES` and `OUTAGE`, with the default settings."""


def load(sample: Sample) -> dict[str, Any]:
    """The lambda event of a sample."""
    lambda_event: dict[str, Any] = json.loads(sample.path.read_text())
    return lambda_event


def send(lambda_event: Mapping[str, Any], webhook_url: str) -> tuple[int, dict[str, Any]]:
    """Send an event's request to a webhook over HTTP; returns the status and the answer's body.

    Raises `OSError` if nobody answers.
    """
    body = lambda_event["body"].encode()
    if lambda_event["isBase64Encoded"]:
        body = base64.b64decode(body)
    headers = {
        name: lambda_event["headers"][name]
        for name in ("content-type", "user-agent", "x-signature")
    }
    parts = urlsplit(webhook_url)
    method = lambda_event["requestContext"]["http"]["method"]
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    try:
        connection.request(method, parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def outcome_of(answer: Mapping[str, Any]) -> str:
    """An answer's body in a few words, as `Sample.outcome` writes them."""
    if "error" in answer:
        return f"turned away ({answer['error']['code']})"
    if "messages" not in answer:
        return str(answer.get("message", "no answer"))
    outcomes = Counter(_in_words(message) for message in answer["messages"])
    counted = Counter(message["outcome"] for message in answer["messages"])
    delivered = answer["delivered"] - counted["delivered"]
    if delivered:
        outcomes["delivered"] += delivered
    ordered = sorted(outcomes.items(), key=lambda pair: (pair[0] != "delivered", pair[0]))
    if len(ordered) == 1 and ordered[0][1] == 1:
        return ordered[0][0]
    return ", ".join(f"{number} {outcome}" for outcome, number in ordered)


def found(account: Account, dead_letters: Iterable[DeadLetter]) -> Counter[Fact]:
    """What the stand-in and the dead-letter queue hold now, for comparison with `EXPECTED`."""
    email = {profile.id: profile.email for profile in account.profiles}
    lists = account.lists.values()
    facts: list[Fact] = [("profile", address) for address in email.values()]
    facts += (
        ("event", email.get(event.profile_id), event.metric, event.unique_id, event.value)
        for event in account.events
    )
    facts += (("on list", each.id, email[one]) for each in lists for one in each.members)
    facts += (("asked to confirm", each.id, email[one]) for each in lists for one in each.pending)
    facts += (("dead letter", letter.message_id, letter.code) for letter in dead_letters)
    return Counter(facts)


def dead_letters_of(texts: Iterable[str]) -> list[DeadLetter]:
    """The entries of the dead-letter queue's messages (see `handler.queue.envelope`)."""
    return [_dead_letter(entry) for text in texts for entry in json.loads(text)["entries"]]


def _dead_letter(entry: Mapping[str, Any]) -> DeadLetter:
    reason = entry.get("reason", {})
    message = entry.get("operation") or entry.get("message")
    message_id = None
    if isinstance(message, dict):
        message_id = message.get("message_id", message.get("messageId"))
    said = (reason.get("status"), reason.get("field"), reason.get("detail"))
    detail = " ".join(str(part) for part in said if part)
    return DeadLetter(message_id, str(reason.get("code")), detail)


def _in_words(message: Mapping[str, Any]) -> str:
    if "reason" not in message:
        return str(message["outcome"])
    at = f": {message['field']}" if message.get("field") else ""
    return f"{message['outcome']} ({message['reason']}{at})"
