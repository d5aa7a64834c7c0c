"""An array is taken apart by offset: each element is the very bytes that were sent."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.door.elements import array_elements
from tests.suite.effort import examples
from tests.suite.timing import processor_seconds

ARRAYS: list[tuple[str, bytes, list[bytes]]] = [
    ("none", b"[]", []),
    ("none but white space", b" [ \t\r\n] ", []),
    ("one", b"[1]", [b"1"]),
    ("white space around elements goes", b'[ {"a" : 1 } ,\n 2\t]', [b'{"a" : 1 }', b"2"]),
    ("white space around the array goes", b"\n[1,2] ", [b"1", b"2"]),
    ("the spelling of numbers stays", b"[1e-7,1E+2]", [b"1e-7", b"1E+2"]),
    ("commas inside stay", b'[{"a":[1,2]},[3,4]]', [b'{"a":[1,2]}', b"[3,4]"]),
    ("commas and brackets in strings stay", b'["],[{",2]', [b'"],[{"', b"2"]),
    ("an escaped quote ends no string", rb'["a\",b",2]', [rb'"a\",b"', b"2"]),
    ("an escaped backslash escapes no quote", rb'["a\\",2]', [rb'"a\\"', b"2"]),
    ("brackets that close together", b"[[[[1]]]]", [b"[[[1]]]"]),
    ("bytes that are no UTF-8 stay", b'["\xff",2]', [b'"\xff"', b"2"]),
    ("an element that is missing is empty", b"[1,,]", [b"1", b"", b""]),
]


@pytest.mark.parametrize(
    ("body", "elements"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS]
)
def test_the_elements_of_an_array(body: bytes, elements: list[bytes]) -> None:
    assert list(array_elements(body)) == elements


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1",
        b"{}",
        b'{"a":[1]}',
        b"[",
        b"[1,2",
        b"[[1,2]",
        b'["1]',
        b'["1\\',
        b'["1\\"]',
        b"[1}",
        b"[[1]]]",
        b"[1]2",
        b"[1],[2]",
    ],
)
def test_what_is_no_array_or_has_no_proper_end_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="array"):
        list(array_elements(body))


@pytest.mark.parametrize("piece", [b"[", b"}{", b"1,", b'"",', b'\\"', b'{"a":[1]},', b'"'])
def test_a_megabyte_takes_no_longer_than_its_length_asks_for(piece: bytes) -> None:
    body = b"[[" + piece * (1_000_000 // len(piece))

    def read() -> None:
        with pytest.raises(ValueError, match="array"):
            list(array_elements(body))

    assert processor_seconds(read, 1.0) < 1.0


@pytest.mark.parametrize("rest", [b"", b"]]", b'"', b"{" * 100_000, b"\xff"])
def test_an_element_is_given_out_before_what_follows_it_is_looked_at(rest: bytes) -> None:
    assert next(array_elements(b'[{"a":1},' + rest)) == b'{"a":1}'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(200))
@given(
    st.lists(JSON_VALUES, max_size=5), st.sampled_from([None, 1, "\t"]), st.sampled_from([" ", ""])
)
def test_the_elements_are_those_that_json_finds(
    values: list[object], indent: int | str | None, space: str
) -> None:
    text = json.dumps(values, indent=indent, separators=("," + space, ":" + space))
    assert [json.loads(element) for element in array_elements(text.encode())] == json.loads(text)
