"""The messages for measurements, and the webhook calls that carry them.

Whole messages are what Segment's libraries send, each library in turn. `captured.json` holds what
arrived at a server in Segment's place, with the package and its version; only the people, ids and
times are made up. Lean messages have 1 KB, so that 4,000 of them make the largest batch that
Segment sends: 4,000 messages and 4 MB. Both are the same in each run.
"""

import hashlib
import hmac
import json
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]

SECRET = "bench-shared-secret"

CAPTURED: Sequence[Mapping[str, Any]] = json.loads(
    (Path(__file__).parent / "captured.json").read_text()
)
"""By library: an `identify` and a `track`, and which release of which package sent them."""

PRODUCTS = 5

FIXTURES: Mapping[str, tuple[str, int]] = {
    "track": ("tracks_1000", 1_000),
    "identify": ("identifies_1000", 1_000),
    "order": ("orders_1000", 1_000),
}
"""The file in which a peer's harness finds each kind, and the number of messages in it."""


def whole(kind: str, number: int = 1_000) -> list[Message]:
    """Messages as the libraries send them: `track`, `identify` or `order`."""
    dice = random.Random(20_260_101)
    make = _WHOLE[kind]
    return [make(each, dice) for each in range(number)]


def lean(kind: str, number: int) -> list[Message]:
    """Messages of 1 KB: `track`, `identify` or `order`."""
    dice = random.Random(20_260_102)
    make = _LEAN[kind]
    return [make(each, dice) for each in range(number)]


def write(folder: Path) -> None:
    """The whole messages as the files that a peer's harness reads."""
    sets: dict[str, Any] = {name: whole(kind, size) for kind, (name, size) in FIXTURES.items()}
    sets["track"] = sets["tracks_1000"][0]
    sets["tracks_phone_1000"] = sets["tracks_1000"]
    for name, value in sets.items():
        (folder / f"{name}.json").write_bytes(text(value).encode())


def text(value: Any) -> str:
    """The JSON as JavaScript's `JSON.stringify` writes it, and therefore Segment."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def call(messages: Sequence[Message]) -> dict[str, Any]:
    """The lambda event of one signed webhook call, with a single message or a batch."""
    first = text(messages[0])
    return {
        "version": "2.0",
        "routeKey": "POST /segment",
        "rawPath": "/segment",
        "headers": {
            "content-type": "application/json",
            "user-agent": "Segment.io/1.0",
            "x-signature": hmac.new(SECRET.encode(), first.encode(), hashlib.sha1).hexdigest(),
        },
        "requestContext": {"http": {"method": "POST", "path": "/segment"}, "stage": "$default"},
        "body": first if len(messages) == 1 else text(list(messages)),
        "isBase64Encoded": False,
    }


def _id(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def _time(number: int) -> str:
    return (
        f"2026-03-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}"
        f":{number * 7 % 60:02d}.{number % 1000:03d}Z"
    )


def _common(kind: str, number: int, dice: random.Random) -> Message:
    """A message of each library in turn, with what Segment adds to it on its way:
    https://segment.com/docs/connections/spec/common/"""
    captured: Message = CAPTURED[number % len(CAPTURED)][kind]
    moment = _time(number)
    context = {**captured["context"], "ip": f"203.0.113.{number % 250}"}
    if "traits" in context:
        context["traits"] = {"email": _email(number)}
    return {
        **captured,
        **({"anonymousId": _id(dice)} if captured.get("anonymousId") else {}),
        "channel": "client" if "page" in context else "server",
        "context": context,
        "messageId": f"{captured['messageId'][:9]}{_id(dice)}",
        "originalTimestamp": moment,
        "projectId": "project_bench",
        "receivedAt": moment,
        "sentAt": moment,
        "timestamp": moment,
        "userId": f"user-{number:06d}",
        "version": 2,
        "writeKey": "wk_bench",
    }


def _email(number: int) -> str:
    return f"person{number}@acme-store.example"


def _phone(number: int) -> str:
    return f"+1415555{2000 + number % 7000:04d}"


def _product(number: int, position: int) -> dict[str, Any]:
    return {
        "product_id": f"p{number}-{position}",
        "sku": f"SKU-{number:05d}-{position}",
        "name": f"Trail Runner {position}",
        "brand": "Acme",
        "category": "Shoes",
        "variant": "blue",
        "price": round(19.99 + position, 2),
        "quantity": 1 + position % 3,
        "coupon": "SPRING",
        "position": position,
        "url": f"https://shop.acme-store.example/products/p{number}-{position}",
        "image_url": f"https://cdn.acme-store.example/img/p{number}-{position}.jpg",
    }


def _track(number: int, dice: random.Random) -> Message:
    names = ("Product Added", "Product Viewed", "Checkout Started", "Video Played")
    return {
        **_common("track", number, dice),
        "event": dice.choice(names),
        "properties": {
            **_product(number, 1),
            "cart_id": _id(dice),
            "currency": "USD",
            "value": 20.99,
            "revenue": 20.99,
            "list": {"id": "home-hero", "position": 3, "tags": ["new", "sale", "trail"]},
        },
    }


def _identify(number: int, dice: random.Random) -> Message:
    return {
        **_common("identify", number, dice),
        "traits": {
            "email": _email(number),
            "firstName": "Ada",
            "lastName": f"Byron{number}",
            "phone": _phone(number),
            "title": "Engineer",
            "avatar": f"https://cdn.acme-store.example/a/{number}.png",
            "company": {"name": "Acme Inc", "employee_count": 42, "plan": "pro"},
            "address": {
                "street": "1 Main St",
                "city": "Springfield",
                "state": "CA",
                "postal_code": "94000",
                "country": "US",
            },
            "plan": "premium",
            "logins": number % 90,
            "createdAt": "2025-01-02T03:04:05.000Z",
            "loyalty_tier": "gold",
            "favourite_categories": ["shoes", "outdoor"],
        },
    }


def _order(number: int, dice: random.Random) -> Message:
    return {
        **_common("track", number, dice),
        "event": "Order Completed",
        "properties": {
            "order_id": f"o-{number:06d}",
            "checkout_id": _id(dice),
            "affiliation": "Web",
            "total": 129.95,
            "subtotal": 119.95,
            "revenue": 119.95,
            "shipping": 6.0,
            "tax": 4.0,
            "discount": 2.5,
            "coupon": "SPRING",
            "currency": "USD",
            "products": [_product(number, each) for each in range(PRODUCTS)],
        },
    }


def _lean_common(kind: str, number: int, dice: random.Random) -> Message:
    moment = _time(number)
    return {
        "messageId": f"ajs-next-{_id(dice)}",
        "anonymousId": _id(dice),
        "userId": f"user-{number:06d}",
        "type": kind,
        "timestamp": moment,
        "originalTimestamp": moment,
        "receivedAt": moment,
        "sentAt": moment,
        "context": {
            "ip": f"203.0.113.{number % 250}",
            "library": {"name": "analytics.js", "version": "npm:next-1.70.0"},
            "locale": "en-US",
            "traits": {"email": _email(number)},
        },
        "integrations": {},
    }


def _page() -> dict[str, str]:
    return {
        "path": "/products/trail-runner",
        "title": "Trail Runner | Acme Store",
        "url": "https://shop.acme-store.example/products/trail-runner",
    }


def _lean_track(number: int, dice: random.Random) -> Message:
    message = _lean_common("track", number, dice)
    message["context"]["page"] = _page()
    properties = {**_product(number, 1), "currency": "USD"}
    return {**message, "event": "Product Viewed", "properties": properties}


def _lean_identify(number: int, dice: random.Random) -> Message:
    message = _lean_common("identify", number, dice)
    message["context"]["page"] = _page()
    traits = {
        "email": _email(number),
        "firstName": "Ada",
        "lastName": f"Byron{number}",
        "phone": _phone(number),
        "address": {"street": "1 Main St", "city": "Springfield", "state": "CA", "country": "US"},
        "title": "Engineer",
        "company": {"name": "Acme Inc"},
        "plan": "premium",
        "logins": number % 90,
        "createdAt": "2025-01-02T03:04:05.000Z",
        "favourite_categories": ["shoes", "outdoor"],
    }
    return {**message, "traits": traits}


def _lean_order(number: int, dice: random.Random) -> Message:
    products = [
        {
            "product_id": f"p{number}-{each}",
            "name": f"Trail Runner {each}",
            "price": 19.99 + each,
            "quantity": 1 + each % 3,
        }
        for each in range(PRODUCTS)
    ]
    return {
        **_lean_common("track", number, dice),
        "event": "Order Completed",
        "properties": {
            "order_id": f"o-{number:06d}",
            "revenue": 119.95,
            "currency": "USD",
            "products": products,
        },
    }


_Maker = Callable[[int, random.Random], Message]
_WHOLE: Mapping[str, _Maker] = {"track": _track, "identify": _identify, "order": _order}
_LEAN: Mapping[str, _Maker] = {
    "track": _lean_track,
    "identify": _lean_identify,
    "order": _lean_order,
}

KINDS = tuple(_WHOLE)


def sizes(messages: Sequence[Message]) -> Iterator[int]:
    """The size of each in bytes."""
    return (len(text(message).encode()) for message in messages)
