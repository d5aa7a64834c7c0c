"""What a process keeps of identifies with very many traits."""

import gc
import tracemalloc
from base64 import b64encode

from handler.books.last_word import Words
from klaviyo_client.people.records import Record
from klaviyo_client.people.stakes import stake_of
from klaviyo_client.people.times import Times
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.people import People
from ledger.table import Table
from operations import Identity, UpsertProfile

TRAITS = 2_400
"""As many as fit into a message of 32 KB."""

PEOPLE = People("a key of the ledger that nobody guesses")
NAME = ("email", "ada@acme-store.example")


def compare(number: int) -> None:
    """Work out, write and read what the ledger keeps of one; no two have a trait in common."""
    traits = {f"{number}x{trait}": 1 for trait in range(TRAITS)}
    stake = stake_of(UpsertProfile("m", Identity(email=NAME[1]), properties=traits))
    assert stake is not None
    table = Table("t", lambda *_: [], 86_400.0)
    fields = Words(table, PEOPLE, Allowance(), "me").field_ids(stake.sets[0][1])
    item = {
        "w": {"S": f"1.0 {b64encode(fields).decode()}"},
        "c": {"S": ""},
        "u": {"N": "0.0"},
        "o": {"S": "me"},
        "v": {"N": "1"},
    }
    known = {(item_keys.person(PEOPLE.hash(*NAME)), item_keys.WORDS): item}
    words = Words(table, PEOPLE, Allowance(), "me", known=known)
    records = words.read([NAME], again=False)
    assert records == {NAME: Record(Times([(1.0, fields)]), Times(), 0.0, "me", 1)}
    assert words.change(records, records).keys == [NAME]


def test_many_large_identifies_fill_no_memory() -> None:
    def kept_after(numbers: range) -> int:
        for number in numbers:
            compare(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = kept_after(range(10))  # as many names as are kept in all
        after = kept_after(range(10, 20))
    finally:
        tracemalloc.stop()
    assert (after - before) / 10 < 32_768, "bytes for each"
