"""Values of items, as DynamoDB writes them."""

from typing import Any

import pytest

from ledger.values import marshalled, unmarshalled


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("a text", {"S": "a text"}),
        ("", {"S": ""}),
        (True, {"BOOL": True}),
        (7, {"N": "7"}),
        (-7, {"N": "-7"}),
        (1764000000.25, {"N": "1764000000.25"}),
        (1e20, {"N": "1e+20"}),
        (["a", 1], {"L": [{"S": "a"}, {"N": "1"}]}),
        ({"a": {"b": 2}}, {"M": {"a": {"M": {"b": {"N": "2"}}}}}),
        ([None], {"L": [{"NULL": True}]}),
    ],
)
def test_a_value_is_written_with_its_type_and_read_again(
    value: Any, attribute: dict[str, Any]
) -> None:
    assert marshalled({"x": value}) == {"x": attribute}
    assert unmarshalled({"x": attribute}) == {"x": value}


def test_none_is_left_out() -> None:
    assert marshalled({"x": None, "y": 1}) == {"y": {"N": "1"}}
