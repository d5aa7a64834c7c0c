"""The table. Nothing here raises for what DynamoDB does: what failed is counted in the allowance.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.allowance import NO_TIME_LEFT, Allowance
from ledger.calls import (
    FAILED_CONDITION,
    REFUSED,
    ROUNDS,
    Answered,
    Asked,
    Call,
    Document,
    Meanwhile,
    Requests,
    TableError,
    chunks,
    followed,
)
from ledger.item_keys import INDEX, Key, key_of
from ledger.values import Attributes, Item, marshalled, unmarshalled, written

ITEMS_A_READ, ITEMS_A_WRITE = 100, 25

THROTTLED = "throttled"
"""The code of items that DynamoDB has left undone: that is how it throttles part of a request."""


@dataclass(slots=True)
class Read:
    """What was read, as DynamoDB writes it. `unknown` are the keys that DynamoDB has said nothing
    about; what is neither in these nor in `items` is not there."""

    items: dict[Key, Attributes] = field(default_factory=dict)
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
        consistent: bool = False,
        further: Callable[[], Iterable[Key]] | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> Read:
        """The items of these keys, within `most` seconds.

        `further` gives keys that are wanted as well; it is called while the others are read. It is
        no failure if these cannot be read. `meanwhile` is called once all is asked.
        """
        read = Read(unknown=set(keys))
        wanted = frozenset(read.unknown)
        causes: dict[Key, str] = {}
        with allowance.spending(most) as until:
            for attempt in range(ROUNDS):
                is_done = not (read.unknown or further)
                if is_done or self.requests.is_over(attempt, until, allowance):
                    break
                self._read(read, causes, consistent, until, allowance, further, meanwhile)
                further = meanwhile = None
        _count(read.unknown & wanted, causes, allowance)
        return read

    def _read(
        self,
        read: Read,
        causes: dict[Key, str],
        consistent: bool,
        until: float,
        allowance: Allowance,
        further: Callable[[], Iterable[Key]] | None,
        meanwhile: Meanwhile | None,
    ) -> None:
        """Reads what is unknown, and puts down why some could not be read."""
        parts: list[list[Key]] = []

        def wanted() -> Iterator[list[Key]]:
            yield from chunks(list(read.unknown), ITEMS_A_READ)
            if further is not None:
                more = set(further()) - read.items.keys()
                read.unknown |= more
                yield from chunks(more, ITEMS_A_READ)

        def asked() -> Iterator[Asked]:
            for keys in wanted():
                parts.append(keys)
                document = {"Keys": [_key(key) for key in keys], "ConsistentRead": consistent}
                yield "BatchGetItem", {"RequestItems": {self.name: document}}

        try:
            requests = followed(asked(), meanwhile)
            for number, answer in self.requests.ask(requests, until, allowance):
                if isinstance(answer, TableError):
                    causes.update(dict.fromkeys(parts[number], str(answer)))
                else:
                    self._take(answer, parts[number], read, causes)
        except TableError as error:
            causes.update(dict.fromkeys(read.unknown, str(error)))

    def _take(
        self, answer: Document, keys: Sequence[Key], read: Read, causes: dict[Key, str]
    ) -> None:
        for item in self._living(answer["Responses"].get(self.name, ())):
            read.items[key_of(item)] = item
        left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", ())
        unread = set(map(key_of, left))
        read.unknown.difference_update(set(keys) - unread)
        causes.update(dict.fromkeys(unread, THROTTLED))

    def write(
        self,
        items: Iterable[Attributes],
        allowance: Allowance,
        *,
        deleted: Iterable[Key] = (),
        meanwhile: Meanwhile | None = None,
    ) -> dict[Key, str]:
        """Put items in the place of what is there, and delete others; which were not written, and
        by which code. `meanwhile` is called once all is asked, if anything is.

        The items are as `marshalled` writes them. The last of several items of one key counts.
        """
        expires = written(self.expires())
        requests: dict[Key, Document] = {
            key: {"DeleteRequest": {"Key": _key(key)}} for key in deleted
        }
        for attributes in items:
            requests[key_of(attributes)] = {
                "PutRequest": {"Item": {"expires": expires, **attributes}}
            }
        left = list(requests.values())
        causes: dict[Key, str] = {}
        with allowance.spending() as until:
            for attempt in range(ROUNDS):
                if not left or self.requests.is_over(attempt, until, allowance):
                    break
                left = self._write(left, causes, until, allowance, meanwhile)
                meanwhile = None
        unwritten = list(map(_written_key, left))
        _count(unwritten, causes, allowance)
        return {key: causes.get(key, NO_TIME_LEFT) for key in unwritten}

    def _write(
        self,
        requests: Sequence[Document],
        causes: dict[Key, str],
        until: float,
        allowance: Allowance,
        meanwhile: Meanwhile | None,
    ) -> list[Document]:
        """Those of the requests that were not carried out; puts down why.

        What was refused before goes alone: one wrong item costs all that it comes with.
        """
        fine = [each for each in requests if causes.get(_written_key(each)) != REFUSED]
        refused = [[each] for each in requests if causes.get(_written_key(each)) == REFUSED]
        parts = [*chunks(fine, ITEMS_A_WRITE), *refused]
        asked = [("BatchWriteItem", {"RequestItems": {self.name: part}}) for part in parts]
        left: list[Document] = []
        answers = self.requests.ask_each(asked, until, allowance, meanwhile)
        for part, answer in zip(parts, answers, strict=True):
            if isinstance(answer, TableError):
                causes.update(dict.fromkeys(map(_written_key, part), str(answer)))
                left += part
            else:
                undone = answer.get("UnprocessedItems", {}).get(self.name, ())
                causes.update(dict.fromkeys(map(_written_key, undone), THROTTLED))
                left += undone
        return left

    def change(
        self, updates: Sequence[Update], allowance: Allowance, *, most: float | None = None
    ) -> list[Changed]:
        """Make the updates, side by side, within `most` seconds; what came of each."""
        asked = [("UpdateItem", self._document_of(update)) for update in updates]
        with allowance.spending(most) as until:
            answers = self.requests.ask_each(asked, until, allowance)
        return [_changed(answer, allowance) for answer in answers]

    def _document_of(self, update: Update) -> Document:
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
        return document

    def query(
        self,
        pk: str,
        allowance: Allowance,
        *,
        index: bool = False,
        consistent: bool = False,
        most: float | None = None,
    ) -> tuple[list[Item], bool]:
        """The items of one `pk` in the order of `sk`, and whether these are all; within `most`
        seconds.

        With `index` the keys of one person's items in the order of their time.
        """
        document: Document = {
            "TableName": self.name,
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": "person" if index else "pk"},
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }
        if index:
            document["IndexName"] = INDEX
        elif consistent:
            document["ConsistentRead"] = True
        items: list[Item] = []
        with allowance.spending(most) as until:
            while True:
                [answer] = self.requests.ask_each([("Query", document)], until, allowance)
                if isinstance(answer, TableError):
                    allowance.fail(str(answer))
                    break
                items += map(unmarshalled, self._living(answer["Items"]))
                start = answer.get("LastEvaluatedKey")
                if start is None:
                    return items, True
                document = {**document, "ExclusiveStartKey": start}
        return items, False

    def _living(self, found: Iterable[Attributes]) -> list[Attributes]:
        """The items, without those that have expired: DynamoDB deletes them days later.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        """
        now = self.now()
        return [
            item for item in found if "expires" not in item or float(item["expires"]["N"]) > now
        ]


def _count(failed: Iterable[Key], causes: Mapping[Key, str], allowance: Allowance) -> None:
    """Count each item once, by its last cause."""
    for key in failed:
        allowance.fail(causes.get(key, NO_TIME_LEFT))


def _key(key: Key) -> Document:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def _changed(answer: Answered, allowance: Allowance) -> Changed:
    if not isinstance(answer, TableError):
        return Changed(True, unmarshalled(answer.get("Attributes", {})))
    if str(answer) == FAILED_CONDITION:
        return Changed(False, unmarshalled(answer.answer.get("Item", {})))
    allowance.fail(str(answer))
    return Changed(None)


def _written_key(request: Document) -> Key:
    """Whose a request of a `BatchWriteItem` is."""
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    named = put["Item"] if put else delete["Key"] if delete else {}
    return key_of(named)
