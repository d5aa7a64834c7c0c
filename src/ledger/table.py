"""The table. Nothing here raises for what DynamoDB does: what failed is counted in the allowance.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ledger.allowance import Allowance
from ledger.calls import FAILED_CONDITION, ROUNDS, Call, Document, Requests, TableError, chunks
from ledger.item_keys import INDEX, Key
from ledger.values import Attributes, Item, marshalled, unmarshalled, written

ITEMS_A_READ, ITEMS_A_WRITE = 100, 25


@dataclass(slots=True)
class Read:
    """What was read. `unknown` are the keys that DynamoDB has said nothing about; what is neither
    in these nor in `items` is not there."""

    items: dict[Key, Item] = field(default_factory=dict)
    unknown: set[Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Update:
    """A change of one item, which is made where there is none, as DynamoDB writes it.

    `expression` is an `UpdateExpression`, such as `SET #a = :a`; `condition` says when it is made.
    `values` has the values by their placeholders, `names` the attributes.
    """

    key: Key
    expression: str
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of an update: made, not made (`item` is what is there instead), or `None`: unknown,
    so perhaps made."""

    is_made: bool | None
    item: Item | None = None


class Table:
    """One table, for one process. Safe to use from several threads.

    `keep_seconds` after it was written, an item expires.
    """

    def __init__(
        self,
        name: str,
        call: Call,
        keep_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.now = now
        self.requests = Requests(call)
        self._keep_seconds = keep_seconds

    def expires(self) -> int:
        """When what is written now expires."""
        return int(self.now() + self._keep_seconds)

    def read(
        self,
        keys: Iterable[Key],
        allowance: Allowance,
        *,
        most: float | None = None,
        leave: float = 0.0,
        consistent: bool = False,
    ) -> Read:
        """The items of these keys, within `most` seconds and with `leave` of the allowance left."""
        read = Read(unknown=set(keys))
        left_undone = 0
        with allowance.spending(most, leave) as until:
            for attempt in range(ROUNDS):
                if not read.unknown or self.requests.is_over(attempt, until, allowance):
                    break
                numbers = self.requests.each(
                    partial(self._read, read, consistent, until, allowance),
                    list(chunks(sorted(read.unknown), ITEMS_A_READ)),
                )
                left_undone = sum(numbers)
        allowance.fail("throttled", left_undone)
        allowance.fail("unread", len(read.unknown) - left_undone)
        return read

    def _read(
        self,
        read: Read,
        consistent: bool,
        until: float,
        allowance: Allowance,
        keys: Sequence[Key],
    ) -> int:
        """Reads the items, and gives the number of those that DynamoDB has left undone: that is how
        it throttles a part."""
        wanted = {"Keys": [_key(key) for key in keys], "ConsistentRead": consistent}
        answer = self.requests.ask_or_count(
            "BatchGetItem", {"RequestItems": {self.name: wanted}}, until, allowance, len(keys)
        )
        if answer is None:
            return 0
        items = self._living(answer["Responses"].get(self.name, ()))
        read.items.update({(item["pk"], item["sk"]): item for item in items})
        left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", ())
        unread = {(key["pk"]["S"], key["sk"]["S"]) for key in left}
        read.unknown.difference_update(set(keys) - unread)
        return len(unread)

    def write(
        self, items: Iterable[Attributes], allowance: Allowance, *, deleted: Iterable[Key] = ()
    ) -> list[Key]:
        """Put items in the place of what is there, and delete others; which were not written.

        The items are as `marshalled` writes them. The last of several items of one key counts.
        """
        expires = written(self.expires())
        requests: dict[Key, Document] = {
            key: {"DeleteRequest": {"Key": _key(key)}} for key in deleted
        }
        for attributes in items:
            key = attributes["pk"]["S"], attributes["sk"]["S"]
            requests[key] = {"PutRequest": {"Item": {"expires": expires, **attributes}}}
        left = list(requests.values())
        with allowance.spending() as until:
            for attempt in range(ROUNDS):
                if not left or self.requests.is_over(attempt, until, allowance):
                    break
                write = partial(self._write, until, allowance)
                unwritten = self.requests.each(write, list(chunks(left, ITEMS_A_WRITE)))
                left = [request for requests in unwritten for request in requests]
        allowance.fail("unwritten", len(left))
        return [_key_of(request) for request in left]

    def _write(
        self, until: float, allowance: Allowance, requests: Sequence[Document]
    ) -> Sequence[Document]:
        """Those of the requests that were not carried out."""
        document = {"RequestItems": {self.name: requests}}
        answer = self.requests.ask_or_count("BatchWriteItem", document, until, allowance, 0)
        if answer is None:
            return requests
        left: Sequence[Document] = answer.get("UnprocessedItems", {}).get(self.name, ())
        return left

    def change(
        self, updates: Sequence[Update], allowance: Allowance, *, most: float | None = None
    ) -> list[Changed]:
        """Make the updates, side by side, within `most` seconds; what came of each."""
        with allowance.spending(most) as until:
            return self.requests.each(partial(self._change, until, allowance), updates)

    def _change(self, until: float, allowance: Allowance, update: Update) -> Changed:
        document: Document = {
            "TableName": self.name,
            "Key": _key(update.key),
            "UpdateExpression": update.expression,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if update.values:
            document["ExpressionAttributeValues"] = marshalled(update.values)
        if update.names:
            document["ExpressionAttributeNames"] = update.names
        if update.condition is not None:
            document["ConditionExpression"] = update.condition
        try:
            answer = self.requests.ask("UpdateItem", document, until, allowance)
        except TableError as error:
            if str(error) == FAILED_CONDITION:
                return Changed(False, unmarshalled(error.answer.get("Item", {})))
            allowance.fail(str(error))
            return Changed(None)
        return Changed(True, unmarshalled(answer.get("Attributes", {})))

    def query(
        self,
        pk: str,
        allowance: Allowance,
        *,
        index: bool = False,
        begins: str | None = None,
        latest: int | None = None,
        is_consistent: bool = False,
        most: float | None = None,
    ) -> tuple[list[Item], bool]:
        """The items of one `pk` in the order of `sk`, and whether these are all; within `most`
        seconds.

        With `index` the keys of one person's items in the order of their time. `begins` is how `sk`
        begins; `latest` so many of the last ones.
        """
        document: Document = {
            "TableName": self.name,
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": "person" if index else "pk"},
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }
        if index:
            document["IndexName"] = INDEX
        elif is_consistent:
            document["ConsistentRead"] = True
        if begins is not None:
            document["KeyConditionExpression"] += " AND begins_with(sk, :begins)"
            document["ExpressionAttributeValues"][":begins"] = {"S": begins}
        if latest is not None:
            document["ScanIndexForward"] = False
            document["Limit"] = latest
        items: list[Item] = []
        with allowance.spending(most) as until:
            while answer := self.requests.ask_or_count("Query", document, until, allowance, 1):
                items += self._living(answer["Items"])
                start = answer.get("LastEvaluatedKey")
                if start is None or (latest is not None and len(items) >= latest):
                    return (items if latest is None else items[latest - 1 :: -1]), True
                document = {**document, "ExclusiveStartKey": start}
        return items, False

    def _living(self, found: Iterable[Document]) -> Iterator[Item]:
        """The items, without those that have expired: DynamoDB deletes them days later.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        """
        now = self.now()
        items = map(unmarshalled, found)
        return (item for item in items if item.get("expires", now + 1) > now)


def _key(key: Key) -> Document:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _key_of(request: Document) -> Key:
    """Whose a request of a `BatchWriteItem` is."""
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    named = put["Item"] if put else delete["Key"] if delete else {}
    return named["pk"]["S"], named["sk"]["S"]
