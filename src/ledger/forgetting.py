"""Finds and deletes what the ledger knows of a person."""

from collections.abc import Iterable
from operator import itemgetter

from ledger import item_keys
from ledger.allowance import Allowance
from ledger.item_keys import Key
from ledger.table import Table
from ledger.values import Attributes, Item, marshalled


def names_item(hashed: str, first: str, at: float) -> Attributes:
    """Another name of the person whose messages are stored under the hash `first`.

    The person is found by either name.
    """
    return marshalled(
        {
            "pk": item_keys.person(hashed),
            "sk": f"{item_keys.NAME}{first}",
            "person": first,
            "at": at,
        }
    )


def messages_of(
    table: Table, hashes: Iterable[str], allowance: Allowance
) -> tuple[list[str], bool]:
    """The ids of a person's messages by the hashes of the names, oldest first; and whether they
    are complete."""
    _, found, is_all = _known(table, hashes, allowance)
    ids = [item_keys.message_id(item["pk"]) for item in sorted(found, key=itemgetter("at", "pk"))]
    return list(dict.fromkeys(each for each in ids if each is not None)), is_all


def forget(table: Table, hashes: Iterable[str], allowance: Allowance) -> tuple[int, bool]:
    """Delete what is known of a person. Returns how many items were deleted, and whether these were
    all.

    Later attempts of the person's messages stay: ids, codes and times, without a hash.
    """
    own, found, is_all = _known(table, hashes, allowance)
    gone = dict.fromkeys([*own, *((item["pk"], item["sk"]) for item in found)])
    unwritten = table.write([], allowance, deleted=gone)
    return len(gone) - len(unwritten), is_all and not unwritten


def _known(
    table: Table, hashes: Iterable[str], allowance: Allowance
) -> tuple[list[Key], list[Item], bool]:
    """The keys of the items under these hashes and under those that they lead to, and the keys of
    the messages."""
    waiting = list(hashes)
    known: set[str] = set()
    own: list[Key] = []
    messages: list[Item] = []
    is_all = True
    while waiting:
        hashed = waiting.pop()
        if hashed in known:
            continue
        known.add(hashed)
        items, all_own = table.query(item_keys.person(hashed), allowance)
        found, all_messages = table.query(hashed, allowance, index=True)
        names = [item for item in found if item["pk"].startswith(item_keys.person(""))]
        own += [(item["pk"], item["sk"]) for item in (*items, *names)]
        messages += [item for item in found if item not in names]
        waiting += [item["pk"].removeprefix(item_keys.person("")) for item in names]
        waiting += [
            item["sk"].removeprefix(item_keys.NAME)
            for item in items
            if item["sk"].startswith(item_keys.NAME)
        ]
        is_all = is_all and all_own and all_messages
    return own, messages, is_all
