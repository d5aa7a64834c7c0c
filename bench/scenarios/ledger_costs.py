"""Counts what the ledger writes and reads for a message.

    python -m bench.scenarios.ledger_costs

Both functions run here against moto's server and the stand-in Klaviyo; each request to DynamoDB is
counted in the units that AWS charges for.
"""

import json
import math
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import boto3
from moto.sqs.models import sqs_backends
from msgspec.json import decode, encode

from cli.segment.signature import signature
from handler import assembly
from handler.aws import dynamodb
from handler.books import looking_up
from ledger.calls import Asked, TableError
from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.klaviyo_stand_in import Weather

SECRET = {
    "klaviyo_private_key": "pk",
    "segment_shared_secret": "s",
    "ledger_key": "of the bench, 32 characters or so",
}

PRICES = {"writes": 0.625, "reads": 0.125}
"""Dollars for a million request units in us-east-1: https://aws.amazon.com/dynamodb/pricing/on-demand/
(read on 2026-11-26)."""

MESSAGES = 200

PLENTY = 60.0
"""Seconds for the ledger."""

KLAVIYO_SECONDS = 0.5
"""For an answer of Klaviyo's: arrivals are written meanwhile."""

Message = dict[str, Any]


class Units:
    """Counts DynamoDB's request units.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def __init__(self) -> None:
        self.found: dict[str, float] = defaultdict(float)
        self._kept: dict[str, int] = {}
        self._call = dynamodb.DynamoDb.call

    def call(self, client: Any, asked: Iterable[Asked], _: float) -> Iterator[tuple[int, Any]]:
        all_asked = list(asked)
        for number, answer in self._call(client, all_asked, PLENTY):
            if not isinstance(answer, TableError):
                self._count(*all_asked[number], answer)
            yield number, answer

    def _count(self, operation: str, asked: dict[str, Any], answer: Any) -> None:
        document = decode(encode(asked))  # some parts are encoded already
        self.found["requests"] += 1
        if operation == "BatchGetItem":
            ((_, wanted),) = document["RequestItems"].items()
            items: list[dict[str, Any]] = next(iter(answer["Responses"].values()), [])
            each = 1.0 if wanted.get("ConsistentRead") else 0.5
            missing = len(wanted["Keys"]) - len(items)
            self.found["reads"] += each * (missing + sum(_units(item, 4096) for item in items))
        elif operation == "Query":
            each = 1.0 if document.get("ConsistentRead") else 0.5
            size = sum(map(_size, answer["Items"]))
            self.found["reads"] += each * max(1, math.ceil(size / 4096))
        elif operation == "BatchWriteItem":
            for request in next(iter(document["RequestItems"].values())):
                self._write(request.get("PutRequest", {}).get("Item", {}), 1)
        elif operation == "TransactWriteItems":
            for action in document["TransactItems"]:
                self._write(action.get("Put", {}).get("Item", {}), 2)
        else:
            self._write(document.get("Item") or answer.get("Attributes", {}), 1)

    def _write(self, item: Mapping[str, Any], factor: int) -> None:
        self.found["writes"] += factor * _units(item, 1024)
        if "person" in item:
            self.found["writes"] += 1
        if item:
            key, size = f"{item['pk']} {item['sk']}", _size(item)
            self.found["bytes"] += size - self._kept.get(key, 0)
            self._kept[key] = size


def _units(item: Mapping[str, Any], unit: int) -> int:
    return max(1, math.ceil(_size(item) / unit))


def _size(item: Mapping[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "N":
        return len(content) // 2 + 2
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in content)
    if kind == "M":
        return 3 + sum(1 + len(name) + _value_size(each) for name, each in content.items())
    return len(content) if isinstance(content, str) else 1


def track(number: int) -> Message:
    """One event of a person."""
    return {
        "type": "track",
        "messageId": str(uuid.UUID(int=number)),
        "userId": f"user-{number}",
        "event": "Product Viewed",
        "timestamp": "2026-11-26T03:00:00.000Z",
        "properties": {"email": f"person{number}@acme-store.example"},
    }


def identify(number: int) -> Message:
    """Ten traits of a person."""
    traits = {f"trait_{each}": each for each in range(9)}
    return {
        "type": "identify",
        "messageId": str(uuid.UUID(int=10_000 + number)),
        "userId": f"user-{number}",
        "timestamp": "2026-11-26T03:00:00.000Z",
        "traits": {"email": f"person{number}@acme-store.example", **traits},
    }


def order(number: int) -> Message:
    """An order of three products."""
    products = [{"product_id": str(each), "price": 1} for each in range(3)]
    return {
        **track(20_000 + number),
        "userId": f"user-{number}",
        "event": "Order Completed",
        "properties": {
            "email": f"person{number}@acme-store.example",
            "order_id": str(number),
            "products": products,
        },
    }


def page_view(number: int) -> Message:
    """A message that is dropped."""
    return {**track(30_000 + number), "type": "page"}


class Stack:
    """Both functions and their far ends."""

    def __init__(self, klaviyo_url: str, account: klaviyo.Account) -> None:
        self.account = account
        self.queues = aws.create(f"bench-{uuid.uuid4().hex}", SECRET)
        self.variables = {
            **os.environ,
            **self.queues.variables(),
            "KLAVIYO_API_URL": klaviyo_url,
            "LEDGER_TABLE": aws.create_ledger(f"bench-{uuid.uuid4().hex}"),
        }
        self._webhook = assembly.webhook(self.variables)
        self._retry = assembly.retry(self.variables)
        for books in (self._webhook.books, self._retry.books):
            # Nothing is left out for want of time: moto is no DynamoDB.
            assert books is not None
            books.seconds = PLENTY

    def send(self, make: Callable[[int], Message]) -> None:
        """All messages of one kind, in one batch."""
        messages = [make(number) for number in range(MESSAGES)]
        signed = signature(json.dumps(messages[0]).encode(), "s")
        headers = {"x-signature": signed}
        self._webhook.handle({"headers": headers, "body": json.dumps(messages)})

    def retry(self) -> None:
        """Retry everything that waits, as if it were due."""
        account, name = self.queues.retry_queue_url.rsplit("/", 2)[1:]
        queue = sqs_backends[account][aws.REGION].queues[name]
        bodies = []
        for held in list(queue._messages):
            document = json.loads(held.body)
            for entry in document["entries"]:
                entry.pop("not_before", None)
            bodies.append(json.dumps(document))
        queue._messages.clear()
        records = [{"messageId": str(at), "body": body} for at, body in enumerate(bodies)]
        self._retry.handle({"Records": records}, 60.0)


def rows(stack: Stack, units: Units) -> list[tuple[str, dict[str, float]]]:
    """What each kind of message costs."""
    found: list[tuple[str, dict[str, float]]] = []

    def measure(name: str, act: Callable[[], None]) -> None:
        units.found = defaultdict(float)
        act()
        found.append((name, units.found))

    def another(number: int) -> Message:
        return {**track(number), "messageId": f"another-{number}"}

    def later() -> None:
        stack.account.set_weather(Weather(down=True, latency=KLAVIYO_SECONDS))
        stack.send(lambda number: {**track(number), "messageId": f"later-{number}"})
        stack.retry()
        stack.account.set_weather(Weather(latency=KLAVIYO_SECONDS))
        stack.retry()

    measure("a track of a person whom the process has not seen", lambda: stack.send(track))
    measure("a track, delivered at once", lambda: stack.send(another))
    measure("an order of three products, delivered at once", lambda: stack.send(order))
    measure("an identify, delivered at once", lambda: stack.send(identify))
    measure("a dropped message", lambda: stack.send(page_view))
    measure("a track that Segment sends again", lambda: stack.send(track))
    measure("a track that is delivered at its third attempt", later)
    return found


def main() -> None:
    """Print the table."""
    with aws.serve() as url:
        os.environ.update(aws.variables(url))
        os.environ.pop("AWS_PROFILE", None)
        boto3.setup_default_session()
        account = klaviyo.Account(keys={"pk"})
        account.set_weather(Weather(latency=KLAVIYO_SECONDS))
        units = Units()
        dynamodb.DynamoDb.call = lambda *call: units.call(*call)  # type: ignore[method-assign]
        looking_up.READ_SECONDS = PLENTY
        with klaviyo.serve(account) as klaviyo_url:
            found = rows(Stack(klaviyo_url, account), units)
    print("| for each message | write units | read units | bytes kept | $ a million |")
    print("|---|---|---|---|---|")
    for name, counts in found:
        dollars = sum(counts[unit] / MESSAGES * price for unit, price in PRICES.items())
        writes, reads = counts["writes"] / MESSAGES, counts["reads"] / MESSAGES
        kept = counts["bytes"] / MESSAGES
        print(f"| {name} | {writes:.1f} | {reads:.1f} | {kept:.0f} | {dollars:.2f} |")


if __name__ == "__main__":
    main()
