"""Replaces items that have not changed meanwhile, many in one request.

A transaction takes a hundred items and costs two write units for each. A few items are written
singly, for one unit each.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ledger.allowance import Allowance
from ledger.calls import FAILED_CONDITION, Document, TableError, chunks
from ledger.item_keys import Key
from ledger.table import Table

ITEMS_A_TRANSACTION = 100

FEW = 8
"""Up to this number items are written singly, side by side."""

ROUNDS = 3
"""How often a transaction is attempted, each time without the items that stopped it."""

CHANGED = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
"""Why a transaction was stopped by an item: it has changed, or is changing."""

NOT_MADE = frozenset({FAILED_CONDITION, "TransactionConflictException"})


@dataclass(frozen=True, slots=True)
class Swap:
    """Put an item with these `attributes`, as DynamoDB writes them, if the item there has this
    `version`; 0 means that there is no item."""

    key: Key
    version: int
    attributes: Mapping[str, Any]


def swap(
    table: Table, swaps: Sequence[Swap], allowance: Allowance, *, leave: float = 0.0
) -> list[bool | None]:
    """Whether each was made: `False` if the item has changed, `None` if it is unknown.

    `leave` seconds of the allowance are not used.
    """
    if not swaps:
        return []
    expires = {"N": str(table.expires())}
    now = {"N": str(int(table.now()))}
    puts = [_put(table.name, each, expires, now) for each in swaps]
    with allowance.spending(leave=leave) as until:
        if len(puts) <= FEW:
            return table.requests.each(partial(_put_alone, table, until, allowance), puts)
        parts = table.requests.each(
            partial(_put_together, table, until, allowance), list(chunks(puts, ITEMS_A_TRANSACTION))
        )
    return [is_made for part in parts for is_made in part]


def _put(table: str, each: Swap, expires: Document, now: Document) -> Document:
    pk, sk = each.key
    put: Document = {
        "TableName": table,
        "Item": {"pk": {"S": pk}, "sk": {"S": sk}, "expires": expires, **each.attributes},
    }
    if each.version:
        put["ConditionExpression"] = "v = :v"
        put["ExpressionAttributeValues"] = {":v": {"N": str(each.version)}}
    else:
        # DynamoDB deletes expired items only after days: until then they count as absent.
        put["ConditionExpression"] = "attribute_not_exists(pk) OR expires <= :now"
        put["ExpressionAttributeValues"] = {":now": now}
    return put


def _put_alone(table: Table, until: float, allowance: Allowance, put: Document) -> bool | None:
    try:
        table.requests.ask("PutItem", put, until, allowance)
    except TableError as error:
        if str(error) in NOT_MADE:
            return False
        allowance.fail(str(error))
        return None
    return True


def _put_together(
    table: Table, until: float, allowance: Allowance, puts: Sequence[Document]
) -> list[bool | None]:
    """A transaction is all or nothing: it is repeated without the items that stopped it."""
    made: list[bool | None] = [None] * len(puts)
    left = list(range(len(puts)))
    for _ in range(ROUNDS):
        items = [{"Put": puts[place]} for place in left]
        try:
            table.requests.ask("TransactWriteItems", {"TransactItems": items}, until, allowance)
        except TableError as error:
            codes = [each.get("Code") for each in error.answer.get("CancellationReasons", ())]
            stopped = {place for place, code in zip(left, codes, strict=False) if code in CHANGED}
            if not stopped:
                allowance.fail(str(error), len(left))
                return made
            for place in stopped:
                made[place] = False
            left = [place for place in left if place not in stopped]
            if not left:
                return made
        else:
            for place in left:
                made[place] = True
            return made
    for place in left:  # Other items stopped the transaction each time: nothing was written.
        made[place] = False
    return made
