"""The table, on moto's server, and when DynamoDB is slow, throttled or down."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from handler.aws.dynamodb import DynamoDb
from ledger.allowance import FOR_WANT_OF_TIME, Allowance
from ledger.calls import Asked, Document, Requests, TableError
from ledger.swaps import Swap, puts_of, swap
from ledger.table import Changed, Table, Update
from ledger.values import marshalled, unmarshalled
from tests.deployment import answer_of

PLENTY = 30.0
"""Seconds, where time is not what is tested."""


def plenty() -> Allowance:
    return Allowance(PLENTY)


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"pk": f"M#{number:03}", "sk": "0", **more}


def test_what_was_written_is_read(table: Table) -> None:
    allowance = plenty()
    items = [item(number, at=float(number)) for number in range(230)]
    assert table.write(map(marshalled, items), allowance) == {}
    read = table.read([(each["pk"], "0") for each in items] + [("M#none", "0")], allowance)
    assert not read.unknown
    assert len(read.items) == 230
    found = unmarshalled(read.items["M#007", "0"])
    assert found.pop("expires") == pytest.approx(time.time() + 86_400, abs=60)
    assert found == item(7, at=7)
    assert not allowance.failures


def test_of_one_key_the_last_item_counts_and_items_can_be_deleted(table: Table) -> None:
    allowance = plenty()
    table.write(map(marshalled, [item(1, n=1), item(2, n=1), item(1, n=2)]), allowance)
    table.write([], allowance, deleted=[("M#002", "0")])
    read = table.read([("M#001", "0"), ("M#002", "0")], allowance, consistent=True)
    assert {key: found["n"] for key, found in read.items.items()} == {("M#001", "0"): {"N": "2"}}
    assert not read.unknown


def test_what_has_expired_is_passed_over(table: Table) -> None:
    table.write(map(marshalled, [item(1, expires=int(time.time()) - 1), item(2)]), plenty())
    assert list(table.read([("M#001", "0"), ("M#002", "0")], plenty()).items) == [("M#002", "0")]
    assert table.query("M#001", plenty()) == ([], True)


def test_an_update_is_made_under_its_condition(table: Table) -> None:
    def newest(moment: float) -> Update:
        return Update(
            ("P#a", "newest"),
            "SET #at = :at",
            values={":at": moment},
            names={"#at": "at"},
            condition="attribute_not_exists(#at) OR #at < :at",
        )

    made = {"pk": "P#a", "sk": "newest"}
    assert table.change([newest(2.0)], plenty()) == [Changed(True, {**made, "at": 2})]
    assert table.change([newest(1.5), newest(1.0)], plenty()) == [
        Changed(False, {**made, "at": 2}),
        Changed(False, {**made, "at": 2}),
    ]
    assert table.change([newest(3.5)], plenty()) == [Changed(True, {**made, "at": 3.5})]


def test_the_items_of_one_key_and_of_one_person_come_in_order(table: Table) -> None:
    table.write(
        map(
            marshalled,
            [
                {"pk": "M#1", "sk": f"A#{number}", "person": "p", "at": 10 - number}
                for number in (3, 1, 2)
            ]
            + [{"pk": "M#1", "sk": "0"}],
        ),
        plenty(),
    )

    def keys(found: tuple[list[dict[str, Any]], bool]) -> tuple[list[str], bool]:
        return [each["sk"] for each in found[0]], found[1]

    assert keys(table.query("M#1", plenty())) == (["0", "A#1", "A#2", "A#3"], True)
    assert keys(table.query("p", plenty(), index=True)) == (["A#3", "A#2", "A#1"], True)


class Unwell:
    """DynamoDB on its bad days: each call is answered by `answer`, or passed on."""

    def __init__(self, table: Table) -> None:
        self.calls: list[str] = []
        self.throttled = 0
        self.pause = 0.0
        self.down: str | None = None
        self._well = DynamoDb().call
        self.table = Table(table.name, self.call, 86_400.0)

    def call(
        self, asked: Iterable[Asked], seconds: float
    ) -> Iterator[tuple[int, Document | TableError]]:
        time.sleep(min(self.pause, seconds))
        for number, (operation, document) in enumerate(asked):
            self.calls.append(operation)
            if self.down or self.pause > seconds:
                yield number, TableError(self.down or "TimedOut")
            elif self.throttled:
                self.throttled -= 1
                kind = "UnprocessedItems" if operation == "BatchWriteItem" else "UnprocessedKeys"
                yield number, {"Responses": {}, kind: document["RequestItems"]}
            else:
                yield number, answer_of(self._well, operation, document, seconds)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_what_was_throttled_once_is_sent_once_more(table: Table) -> None:
    unwell, allowance = Unwell(table), plenty()
    unwell.throttled = 1
    assert unwell.table.write(map(marshalled, [item(1)]), allowance) == {}
    unwell.throttled = 1
    assert list(unwell.table.read([("M#001", "0")], allowance).items) == [("M#001", "0")]
    assert unwell.calls == ["BatchWriteItem"] * 2 + ["BatchGetItem"] * 2
    assert not allowance.failures


def test_what_stays_throttled_is_counted(table: Table) -> None:
    unwell, allowance = Unwell(table), plenty()
    unwell.throttled = 99
    unwritten = unwell.table.write(map(marshalled, [item(1)]), allowance, deleted=[("M#002", "0")])
    assert sorted(unwritten) == [("M#001", "0"), ("M#002", "0")]
    read = unwell.table.read([("M#001", "0")], allowance)
    assert read.unknown == {("M#001", "0")}
    assert allowance.failures == {"throttled": 3}


def test_an_item_that_dynamodb_refuses_costs_no_other(table: Table) -> None:
    """It refuses the whole batch for it."""
    allowance = plenty()
    items = [item(number) for number in range(30)]
    items[3]["warnings"] = "x" * 400_001
    unwritten = table.write(map(marshalled, items), allowance)
    assert unwritten == {("M#003", "0"): "ValidationException"}
    assert allowance.failures == {"ValidationException": 1}
    read = table.read([(each["pk"], "0") for each in items], allowance, consistent=True)
    assert len(read.items) == 29


@pytest.mark.alone
def test_slow_answers_cost_no_more_than_the_allowance(table: Table) -> None:
    unwell, allowance = Unwell(table), Allowance()
    unwell.pause = 5.0
    with at_most(0.45):
        read = unwell.table.read([("M#001", "0")], allowance, most=0.1)
        unwell.table.write(map(marshalled, [item(number) for number in range(500)]), allowance)
        unwell.table.change([Update(("P#a", "x"), "SET a = :a", {":a": 1})] * 20, allowance)
        unwell.table.query("M#001", allowance)
    assert read.unknown == {("M#001", "0")}
    assert allowance.left == 0
    # One item was read, 500 written, 20 changed; and the query.
    assert allowance.failures.total() == 522
    assert allowance.failures.keys() <= FOR_WANT_OF_TIME


@pytest.mark.parametrize(
    ("asked", "is_there"),
    [
        ([], True),
        (["yes", 600, "late"], True),  # a function that had nothing to do
        (["yes late", 600, "late"], True),
        (["yes", "nothing", 600, "late"], True),
        (["late", 50, "late"], True),
        (["late", 70, "late"], False),
        (["late", 70, "yes", 70, "late"], True),
    ],
)
def test_a_table_is_out_of_reach_once_it_was_asked_in_vain_for_a_minute(
    asked: list[str | int], monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    """Numbers are seconds that pass; the rest are the answers to what is asked at once."""
    now = 1000.0

    def call(answers: Iterable[Asked], _: float) -> Iterator[tuple[int, Document | TableError]]:
        for number, (answer, _) in enumerate(answers):
            yield number, {} if answer == "yes" else TableError("TimedOut")

    monkeypatch.setattr("ledger.calls.time.monotonic", lambda: now)
    requests, allowance = Requests(call), Allowance(PLENTY, clock=lambda: now)
    for each in asked:
        if isinstance(each, int):
            now += each
        else:
            answers: list[Asked] = [(word, {}) for word in each.split() if word != "nothing"]
            requests.ask_each(answers, now + 1.0, allowance)
    assert requests.are_answered is is_there


def test_a_table_that_is_down_is_counted_and_raises_nothing(table: Table) -> None:
    unwell, allowance = Unwell(table), plenty()
    unwell.down = "InternalServerError"
    assert unwell.table.write(map(marshalled, [item(1)]), allowance) == {
        ("M#001", "0"): "InternalServerError"
    }
    assert unwell.table.read([("M#001", "0")], allowance).unknown == {("M#001", "0")}
    assert unwell.table.change([Update(("P#a", "x"), "SET a = :a", {":a": 1})], allowance) == [
        Changed(None)
    ]
    assert unwell.table.query("M#001", allowance) == ([], False)
    assert allowance.failures == {"InternalServerError": 4}, "each of the four once"


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Cut"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}, "Cut"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "NotSetUp"),
    ],
)
def test_what_is_wrong_with_the_way_to_dynamodb_is_a_code(
    variables: dict[str, str],
    code: str,
    aws_variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TableError, match=f"^{code}$"):
        answer_of(DynamoDb().call, "Query", {}, 1.0)


def test_dynamodb_names_its_error(aws_variables: dict[str, str]) -> None:
    with pytest.raises(TableError, match=r"^ResourceNotFoundException$"):
        answer_of(
            DynamoDb().call,
            "BatchGetItem",
            {"RequestItems": {"none": {"Keys": [{"pk": {"S": "a"}}]}}},
            5.0,
        )


def test_what_nobody_had_time_to_ask_about_failed_for_want_of_time(table: Table) -> None:
    allowance = Allowance(0.0)
    assert table.read([("M#001", "0")], allowance).unknown == {("M#001", "0")}
    assert allowance.failures == {"no_time_left": 1}
    assert allowance.was_too_short


def test_what_is_wanted_as_well_is_found_out_while_the_others_are_read(table: Table) -> None:
    allowance = plenty()
    table.write(map(marshalled, [item(number) for number in range(3)]), allowance)
    read = table.read(
        [("M#000", "0")], allowance, further=lambda: [("M#001", "0"), ("M#002", "0"), ("P", "0")]
    )
    assert sorted(pk for pk, _ in read.items) == ["M#000", "M#001", "M#002"]
    assert not read.unknown
    assert table.read([], allowance, further=list).items == {}
    assert not allowance.failures


@pytest.mark.parametrize("fails", [False, True])
def test_while_the_table_works_something_else_is_done_once(table: Table, *, fails: bool) -> None:
    """Once all is asked. What fails in it is the matter of whoever needs it."""
    unwell, allowance = Unwell(table), plenty()
    asked: list[list[str]] = []

    def meanwhile() -> None:
        asked.append(list(unwell.calls))
        unwell.calls.clear()
        if fails:
            raise LookupError

    items = [marshalled(item(number)) for number in range(60)]
    assert unwell.table.write(items, allowance, meanwhile=meanwhile) == {}
    puts = puts_of(table, [Swap(("P#a", "words"), 0, {"v": {"N": "1"}})])
    assert swap(unwell.table, puts, allowance, meanwhile=meanwhile) == [True]
    keys = [("M#001", "0"), ("P#a", "words")]
    read = unwell.table.read(keys, allowance, consistent=True, meanwhile=meanwhile)
    assert len(read.items) == len(keys)
    assert asked == [["BatchWriteItem"] * 3, ["PutItem"], ["BatchGetItem"]]
    assert not allowance.failures


@pytest.mark.parametrize("is_aside", [False, True])
def test_what_is_done_meanwhile_is_not_charged_to_the_ledger(
    table: Table, *, is_aside: bool
) -> None:
    now, allowance = [0.0], Allowance(1.0, clock=lambda: now[0])

    def meanwhile() -> None:
        now[0] += 5.0

    def write(charged: Allowance) -> None:
        assert table.write([marshalled(item(1))], charged, meanwhile=meanwhile) == {}

    if is_aside:
        with allowance.aside() as other:
            write(other)
    else:
        write(allowance)
    assert allowance.left == 1.0


def test_it_is_no_failure_if_what_is_wanted_as_well_cannot_be_read(table: Table) -> None:
    unwell, allowance = Unwell(table), plenty()
    unwell.down = "InternalServerError"
    keys = [("M#001", "0"), ("M#002", "0")]
    read = unwell.table.read(keys[:1], allowance, further=lambda: keys[1:])
    assert read.unknown == set(keys)
    assert allowance.failures == {"InternalServerError": 1}
