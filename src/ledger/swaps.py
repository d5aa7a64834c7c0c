"""Replaces items if they have not changed meanwhile, many in one request.

A transaction takes a hundred items and costs two write units for each. A few items are written
singly, for one unit each.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw
from msgspec.json import encode

from ledger.allowance import Allowance
from ledger.calls import FAILED_CONDITION, REFUSED, Document, Meanwhile, TableError, chunks
from ledger.item_keys import Key
from ledger.table import Table

ITEMS_A_TRANSACTION = 100

FEW = 8
"""Up to this many items are written singly, side by side."""

ROUNDS = 3
"""How often a transaction is attempted, each time without the items that stopped it."""

CHANGED = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
"""The codes with which an item stops a transaction: it has changed, or is changing."""

NO_REASON = "None"
"""The code of an item that has not stopped the transaction."""

NOT_MADE = frozenset({FAILED_CONDITION, "TransactionConflictException"})


Put = Raw
"""What replaces one item: the parameters of `PutItem`."""


class Swap(NamedTuple):
    """Replace an item by these `attributes`, as DynamoDB writes them, if the stored item has this
    `version`; 0 means that there is no item."""

    key: Key
    version: int
    attributes: Mapping[str, Any]


def puts_of(table: Table, swaps: Iterable[Swap]) -> list[Put]:
    """The swaps as `swap` takes them: written as they will be sent, one after the other, since the
    documents of many would need memory that the process does not have."""
    expires = {"N": str(table.expires())}
    now = {"N": str(int(table.now()))}
    return [Raw(encode(_put(table.name, each, expires, now))) for each in swaps]


def swap(
    table: Table,
    puts: Sequence[Put],
    allowance: Allowance,
    *,
    leave: float = 0.0,
    meanwhile: Meanwhile | None = None,
) -> list[bool | None]:
    """Whether each swap was made: `False` if the item has changed, `None` if it is unknown.

    `leave` seconds of the allowance are not used. `meanwhile` is called once all is asked.
    """
    if not puts:
        return []
    put = _put_alone if len(puts) <= FEW else _put_together
    with allowance.spending(leave=leave) as until:
        return put(table, puts, until, allowance, meanwhile)


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


def _put_alone(
    table: Table,
    puts: Sequence[Put],
    until: float,
    allowance: Allowance,
    meanwhile: Meanwhile | None = None,
) -> list[bool | None]:
    asked = [("PutItem", put) for put in puts]
    made: list[bool | None] = []
    for answer in table.requests.ask_each(asked, until, allowance, meanwhile):
        if not isinstance(answer, TableError):
            made.append(True)
        elif str(answer) in NOT_MADE:
            made.append(False)
        else:
            allowance.fail(str(answer))
            made.append(None)
    return made


def _put_together(
    table: Table,
    puts: Sequence[Put],
    until: float,
    allowance: Allowance,
    meanwhile: Meanwhile | None,
) -> list[bool | None]:
    """A transaction is all or nothing: it is repeated without the items that stopped it. If it was
    refused as a whole, each of its items is put singly: one may be what DynamoDB does not take."""
    made: list[bool | None] = [None] * len(puts)
    open_ = list(chunks(range(len(puts)), ITEMS_A_TRANSACTION))
    refused: list[int] = []
    for _ in range(ROUNDS):
        asked = [
            ("TransactWriteItems", {"TransactItems": [{"Put": puts[place]} for place in places]})
            for places in open_
        ]
        answers = table.requests.ask_each(asked, until, allowance, meanwhile)
        meanwhile = None
        still_open = []
        for places, answer in zip(open_, answers, strict=True):
            if not isinstance(answer, TableError):
                for place in places:
                    made[place] = True
                continue
            codes = [each.get("Code") for each in answer.answer.get("CancellationReasons", ())]
            if str(answer) == REFUSED:
                refused += places
            elif len(codes) != len(places):
                allowance.fail(str(answer), len(places))
            else:
                still_open.append(_left(dict(zip(places, codes, strict=True)), made, allowance))
        open_ = [places for places in still_open if places]
    for places in open_:  # Other items stopped the transaction each time: nothing was written.
        for place in places:
            made[place] = False
    found = _put_alone(table, [puts[place] for place in refused], until, allowance)
    for place, is_made in zip(refused, found, strict=True):
        made[place] = is_made
    return made


def _left(
    codes: Mapping[int, str | None], made: list[bool | None], allowance: Allowance
) -> list[int]:
    """The places that have not stopped a transaction; says what became of the others."""
    for place, code in codes.items():
        if code in CHANGED:
            made[place] = False
        elif code != NO_REASON:
            allowance.fail(str(code))
    return [place for place, code in codes.items() if code == NO_REASON]
