"""Items in the place of others, on moto's server."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.aws.dynamodb import DynamoDb
from ledger import swaps
from ledger.allowance import Allowance
from ledger.swaps import Swap
from ledger.table import Table

PLENTY = 30.0

NUMBERS = (1, 8, 9, 100, 250)
"""By themselves, in one transaction, in several."""


def of(number: int, version: int, text: str = "new") -> Swap:
    attributes = {"v": {"N": str(version + 1)}, "text": {"S": text}}
    return Swap((f"P#{number}", "words"), version, attributes)


def swap(table: Table, made: list[Swap], allowance: Allowance) -> list[bool | None]:
    return swaps.swap(table, swaps.puts_of(table, made), allowance)


def texts(table: Table, number: int) -> list[object]:
    keys = [(f"P#{each}", "words") for each in range(number)]
    items = table.read(keys, Allowance(PLENTY), consistent=True).items
    return [items[key]["text"]["S"] if key in items else None for key in keys]


@pytest.mark.parametrize("number", NUMBERS)
def test_items_are_put_where_there_are_none(table: Table, number: int) -> None:
    allowance = Allowance(PLENTY)
    assert swap(table, [of(each, 0) for each in range(number)], allowance) == [True] * number
    assert texts(table, number) == ["new"] * number
    assert not allowance.failures


@pytest.mark.parametrize("number", NUMBERS)
def test_what_has_changed_stays_and_the_others_are_put(table: Table, number: int) -> None:
    allowance = Allowance(PLENTY)
    swap(table, [of(each, 0, "old") for each in range(number)], allowance)
    swap(table, [of(each, 1, "changed") for each in range(0, number, 3)], allowance)
    made = swap(table, [of(each, 1) for each in range(number)], allowance)
    assert made == [each % 3 != 0 for each in range(number)]
    expected = ["changed" if each % 3 == 0 else "new" for each in range(number)]
    assert texts(table, number) == expected
    assert not allowance.failures


@pytest.mark.parametrize("number", [1, 9, 250])
def test_one_item_that_dynamodb_does_not_take_costs_no_other(table: Table, number: int) -> None:
    allowance = Allowance(PLENTY)
    made = [of(each, 0) for each in range(number)]
    made[0] = of(0, 0, "x" * 500_000)
    assert swap(table, made, allowance) == [None] + [True] * (number - 1)
    assert texts(table, number) == [None] + ["new"] * (number - 1)
    assert allowance.failures.total() == 1


def test_items_too_large_for_one_transaction_are_put_singly(table: Table) -> None:
    allowance = Allowance(PLENTY)
    made = [of(each, 0, "x" * 200_000) for each in range(25)]
    made[7] = of(7, 0, "x" * 500_000)
    expected: list[bool | None] = [True] * 25
    expected[7] = None
    assert swap(table, made, allowance) == expected
    assert allowance.failures.total() == 1


def test_nothing_counts_that_has_expired(table: Table) -> None:
    passed = Table(table.name, DynamoDb().call, keep_seconds=-10.0)
    swap(passed, [of(1, 0, "expired")], Allowance(PLENTY))
    assert swap(table, [of(1, 0)], Allowance(PLENTY)) == [True]


@pytest.mark.parametrize("number", [3, 150])
def test_of_many_that_race_one_puts_each_item(table: Table, number: int) -> None:
    def race(_: int) -> list[bool | None]:
        return swap(table, [of(each, 0) for each in range(number)], Allowance(PLENTY))

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(race, range(4)))
    winners = [sum(of_one[each] is True for of_one in made) for each in range(number)]
    assert winners == [1] * number


@pytest.mark.parametrize("number", [1, 9])
def test_without_time_nobody_knows(table: Table, number: int) -> None:
    allowance = Allowance(0.0)
    assert swap(table, [of(each, 0) for each in range(number)], allowance) == [None] * number
    assert allowance.failures.total() == number
