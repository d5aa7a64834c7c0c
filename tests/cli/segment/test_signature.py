"""What is signed, and how."""

import pytest

from cli.segment.signature import signature, signed_part


def test_signature_is_the_known_one() -> None:
    assert signature(b"{}", "secret") == "5d61605c3feea9799210ddcb71307d4ba264225f"


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (b'{"type":"track"}', b'{"type":"track"}'),
        (b'[{"a":1},{"b":2}]', b'{"a":1}'),
        (b'[{"a":[1,2]}]', b'{"a":[1,2]}'),
    ],
)
def test_first_element_of_an_array_is_signed(body: bytes, signed: bytes) -> None:
    assert signed_part(body) == signed
