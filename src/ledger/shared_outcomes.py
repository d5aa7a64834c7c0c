"""One outcome for most messages of a call, in one item.

While Klaviyo works, a function writes the arrivals of a large call. They have no outcomes yet: they
refer to the call. After Klaviyo's answer the function writes the call's item, with the outcome that
all messages share, except the `others`: these get outcomes of their own.

If there is no item of the call, nobody knows what became of its messages: the function was stopped,
or could not write it. They never count as delivered then.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.json import Decoder, Encoder

from ledger import item_keys
from ledger.allowance import Allowance
from ledger.fates import Outcome, State, text_of
from ledger.table import Table
from ledger.values import Attributes, Item, marshalled, unmarshalled

UNKNOWN = Outcome(State.UNKNOWN)


def referring(arrival: Attributes, call_id: str, operations: Iterable[str]) -> Attributes:
    """The arrival's item, with the names of the operations, whose outcomes the call's item has."""
    text = _encode(list(operations)).decode()
    return {**arrival, "call": {"S": call_id}, "operations": {"S": text}}


def call_item(
    call_id: str, at: float, by: str, outcome: Outcome, others: Collection[str]
) -> Attributes:
    """The call's item: what became of the messages that refer to it, except the `others`."""
    pk, sk = item_keys.call(call_id)
    return marshalled(
        {
            "pk": pk,
            "sk": sk,
            "at": at,
            "by": by,
            "outcome": _encode(outcome).decode(),
            "others": _encode(sorted(others)).decode() if others else None,
        }
    )


def resolved(items: Iterable[Item], calls: Mapping[str, Item]) -> list[Item]:
    """The items, each with its outcomes. `calls` has the items of the calls, by their ids."""
    return [_resolved(item, calls) if "call" in item else item for item in items]


def _resolved(item: Item, calls: Mapping[str, Item]) -> Item:
    call = calls.get(item["call"])
    outcome = UNKNOWN
    if call is not None:
        others = _ids(call["others"]) if "others" in call else ()
        if item_keys.message_id(item["pk"]) not in others:
            outcome = _outcome(call["outcome"])
    names = _ids(item["operations"])
    return {**item, "outcomes": text_of(dict.fromkeys(names, outcome))}


def read_outcomes(
    table: Table, items: Collection[Item], allowance: Allowance, *, most: float | None = None
) -> list[Item]:
    """The items, each with its outcomes, for which the calls' items are read."""
    keys = {item_keys.call(item["call"]): item["call"] for item in items if "call" in item}
    if not keys:
        return list(items)
    found = table.read(keys, allowance, most=most, consistent=True).items
    return resolved(items, {keys[key]: unmarshalled(item) for key, item in found.items()})


_encode = Encoder().encode
_outcome = Decoder(Outcome).decode
_ids = Decoder(list[str]).decode
