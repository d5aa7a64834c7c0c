"""DynamoDB's transactions on moto, without the copy that moto makes of the whole table each time.

Moto copies the table before each `TransactWriteItems`, to put it back when an item stops the
transaction: https://github.com/getmoto/moto/blob/master/moto/dynamodb/models/__init__.py. With
20,000 items that takes seconds. Here all conditions are checked first: nothing is to be put back.
"""

from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend

_whole = DynamoDBBackend.transact_write_items


def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """As DynamoDB does, for transactions of `Put` only; moto itself does the others."""
    if len(transact_items) > 100 or any(set(each) != {"Put"} for each in transact_items):
        _whole(backend, transact_items)
        return
    puts = [each["Put"] for each in transact_items]
    errors: list[Any] = [_stops(backend, put) for put in puts]
    if any(code is not None for code, _, _ in errors):
        raise TransactionCanceledException(errors)
    for put in puts:
        backend.put_item(put["TableName"], put["Item"])


def _stops(backend: DynamoDBBackend, put: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """Why the item stops the transaction, if it does."""
    table = backend.get_table(put["TableName"])
    names = (table.hash_key_attr, table.range_key_attr)
    key = {name: put["Item"][name] for name in names if name is not None}
    current = backend.get_item(put["TableName"], key)
    condition = put.get("ConditionExpression")
    if condition is None:
        return None, None, None
    holds = get_filter_expression(
        condition, put.get("ExpressionAttributeNames"), put.get("ExpressionAttributeValues")
    )
    if holds.expr(current):
        return None, None, None
    wants_old = put.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    item = current.to_json()["Attributes"] if wants_old and current else None
    return "ConditionalCheckFailed", "The conditional request failed", item


def install() -> None:
    """Have moto's server answer so."""
    setattr(DynamoDBBackend, "transact_write_items", transact_write_items)  # noqa: B010 - for mypy
