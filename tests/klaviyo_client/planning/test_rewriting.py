"""What can be written at all."""

from typing import Any

import pytest

from klaviyo_client.planning.rewriting import can_be_planned
from operations import AddToList, CheckImport, Identity
from tests.klaviyo_client.fakes import event, upsert


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (event(), True),
        (event(properties={"x": object()}), False),
        (event(properties=None), True),
        (event(metric={"not": "text"}), False),
        (upsert(properties={"x": {1j: 2}}), False),
        (upsert(attributes=["not", "an", "object"]), False),
        (upsert(properties="text"), False),
        (upsert(identity=Identity(email=["a"])), False),  # type: ignore[arg-type]
        (AddToList("m", Identity(kx="k"), {"L": 1}, "P"), False),  # type: ignore[arg-type]
        (CheckImport(None, "J"), True),
    ],
)
def test_an_operation_that_cannot_be_written_is_recognised(operation: Any, expected: bool) -> None:
    assert can_be_planned(operation) is expected
