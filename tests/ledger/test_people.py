"""People as keyed hashes."""

import pytest

from ledger.people import People

PEOPLE = People("k" * 32)


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("email", "ada@acme-store.example", " Ada@ACME-store.example "),
        ("external_id", "user-1", "user-1"),
    ],
)
def test_one_identifier_has_one_hash(name: str, value: str, other: str) -> None:
    assert PEOPLE.hash(name, value) == PEOPLE.hash(name, other)


def test_hashes_differ_by_name_value_and_key() -> None:
    hashes = PEOPLE.hashes([("external_id", "1"), ("external_id", "2"), ("phone_number", "1")])
    hashes.append(People("K" * 32).hash("external_id", "1"))
    assert len(set(hashes)) == 4


def test_a_hash_is_short_and_has_nothing_of_the_value() -> None:
    assert PEOPLE.hash("email", "ada@acme-store.example") == "F_Q0vu7L9p0jNXi4dFBORA"
