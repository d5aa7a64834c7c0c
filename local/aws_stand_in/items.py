"""Answers DynamoDB's requests for many items from moto's tables, without moto's layers.

Moto takes almost a millisecond for each item of a batch, and copies the whole table before each
`TransactWriteItems`, to restore it if an item stops the transaction
(https://github.com/getmoto/moto/blob/master/moto/dynamodb/models/__init__.py). For a `Query` it
looks at every item of the table. A function sends dozens of such requests within a quarter of a
second, so it would find DynamoDB slow here. What is asked in another way than the ledger asks is
left to moto.
"""

import io
import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

from local.aws_stand_in.tracing import SERIALIZATION

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Document = dict[str, Any]

ACCOUNT = "123456789012"
"""Moto's account id."""

TARGET = "DynamoDB_20120810."
MOST = {"BatchGetItem": 100, "BatchWriteItem": 25, "TransactWriteItems": 100}
"""The most items of a request. DynamoDB refuses more, and so does moto."""

ONE_PK = {
    "KeyConditionExpression": "#pk = :pk",
    "ExpressionAttributeNames": {"#pk": "pk"},
}
"""How the ledger asks for all items of one `pk`, without the table and the value."""

PAGE_BYTES = 1_000_000
"""DynamoDB gives less than 1 MB at a time: moto cuts what is more."""

MOST_BYTES, MOST_ITEM_BYTES = 4_000_000, 400_000
"""Of a transaction, and of an item. One that is larger stops its transaction, and has all of its
batch refused.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

CANCELED = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"


class ManyItems:
    """A layer in front of moto's server, for one `region`."""

    def __init__(self, behind: Application, region: str) -> None:
        from moto.dynamodb.models import dynamodb_backends

        self._behind = behind
        self._backend = dynamodb_backends[ACCOUNT][region]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        name = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = name.removeprefix(TARGET)
        if name == operation or operation not in {*MOST, "Query"}:
            return self._behind(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            answer = self._answer(operation, json.loads(body))
        except ValueError:  # whoever has sent it is no more
            answer = {"__type": SERIALIZATION}
        if answer is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._behind(environ, start_response)
        content = json.dumps(answer, default=_written).encode()
        status = "400 Bad Request" if "__type" in answer else "200 OK"
        headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Content-Length", str(len(content))),
        ]
        start_response(status, headers)
        return [content]

    def _answer(self, operation: str, document: Document) -> Document | None:
        """The answer; `None` for requests that are left to moto."""
        if operation == "Query":
            return self._query(document)
        tables = document.get("RequestItems") or [
            each["TableName"]
            for request in document.get("TransactItems", ())
            for each in request.values()
        ]
        if any(table not in self._backend.tables for table in tables):
            return None
        if operation == "BatchGetItem":
            return self._read(document["RequestItems"])
        if operation == "BatchWriteItem":
            return self._write(document["RequestItems"])
        return self._transact(document["TransactItems"])

    def _read(self, tables: Document) -> Document | None:
        if not _is_plain(tables, lambda wanted: wanted["Keys"], MOST["BatchGetItem"]):
            return None
        found = {}
        for table, wanted in tables.items():
            items = (self._backend.get_item(table, key) for key in wanted["Keys"])
            found[table] = [item.to_json()["Attributes"] for item in items if item is not None]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _query(self, document: Document) -> Document | None:
        """All items of one `pk`, in the order of their `sk`."""
        from moto.dynamodb.models.dynamo_type import DynamoType

        asked = {**document}
        table = self._backend.tables.get(asked.pop("TableName", ""))
        asked.pop("ConsistentRead", None)
        values = asked.pop("ExpressionAttributeValues", {})
        if table is None or asked != ONE_PK or values.keys() != {":pk"}:
            return None
        found = table.items.get(DynamoType(values[":pk"]), {})
        items = [item for _, item in sorted(found.items())]
        if sum(item.size() for item in items) >= PAGE_BYTES:
            return None
        return {
            "Items": [item.to_json()["Attributes"] for item in items],
            "Count": len(items),
            "ScannedCount": len(items),
        }

    def _write(self, tables: Document) -> Document | None:
        if not _is_plain(tables, lambda requests: requests, MOST["BatchWriteItem"]):
            return None
        puts = [
            each["PutRequest"] for part in tables.values() for each in part if "PutRequest" in each
        ]
        if any(_size(put["Item"]) > MOST_ITEM_BYTES for put in puts):
            return _refused("Item size has exceeded the maximum allowed size")
        for table, requests in tables.items():
            for request in requests:
                if "PutRequest" in request:
                    self._backend.get_table(table).put_item(request["PutRequest"]["Item"])
                else:
                    self._backend.delete_item(table, request["DeleteRequest"]["Key"])
        return {"UnprocessedItems": {}}

    def _transact(self, requests: list[Document]) -> Document | None:
        if len(requests) > MOST["TransactWriteItems"] or any(set(r) != {"Put"} for r in requests):
            return None
        puts = [request["Put"] for request in requests]
        if sum(_size(put["Item"]) for put in puts) > MOST_BYTES:
            return _refused("Transaction request cannot exceed 4 MB")
        reasons = [self._reason(put) for put in puts]
        if any(reason["Code"] != "None" for reason in reasons):
            codes = ", ".join(reason["Code"] for reason in reasons)
            return {
                "__type": CANCELED,
                "CancellationReasons": reasons,
                "Message": "Transaction cancelled, please refer cancellation reasons for specific "
                f"reasons [{codes}]",
            }
        for put in puts:
            self._backend.get_table(put["TableName"]).put_item(put["Item"])
        return {}

    def _reason(self, put: Document) -> Document:
        """Why the item stops the transaction, or `None`."""
        if _size(put["Item"]) > MOST_ITEM_BYTES:
            text = "Item size to update has exceeded the maximum allowed size"
            return {"Code": "ValidationError", "Message": text}
        from moto.dynamodb.comparisons import get_filter_expression

        table = self._backend.get_table(put["TableName"])
        names = (table.hash_key_attr, table.range_key_attr)
        key = {name: put["Item"][name] for name in names if name is not None}
        holds = get_filter_expression(
            put.get("ConditionExpression"),
            put.get("ExpressionAttributeNames"),
            put.get("ExpressionAttributeValues"),
        )
        if holds.expr(self._backend.get_item(put["TableName"], key)):
            return {"Code": "None"}
        return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


def _refused(text: str) -> Document:
    return {"__type": "com.amazon.coral.validate#ValidationException", "Message": text}


def _size(item: Document) -> int:
    """The bytes of an item's names and values, which are plain here."""
    return sum(
        len(name) + sum(len(str(value)) for value in typed.values()) for name, typed in item.items()
    )


def _written(value: bytes) -> str:
    """Writes a binary value, which moto holds as bytes, as JSON."""
    return b64encode(value).decode()


def _is_plain(tables: Document, items: Callable[[Any], list[Document]], most: int) -> bool:
    return sum(len(items(each)) for each in tables.values()) <= most
