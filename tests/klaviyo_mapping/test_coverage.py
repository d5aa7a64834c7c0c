"""The cases leave nothing out: every row of a table and every reason has at least one."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from klaviyo_mapping.decision.reasons import DropReason, MappingWarning
from klaviyo_mapping.profile.attributes import ATTRIBUTES, LOCATION
from tests.klaviyo_mapping.test_cases import CASES

DOCUMENTS = [cast("dict[str, Any]", param.values[0]) for param in CASES]

SOURCES = [
    f"{source.owner}.{source.name}" if source.owner else source.name
    for table in (ATTRIBUTES, LOCATION)
    for sources in table.values()
    for source in sources
]

TOO_LONG_FOR_A_CASE = {MappingWarning.PRODUCTS_BEYOND_LIMIT, MappingWarning.TOO_MANY_PROPERTIES}
"""Warnings of long messages, which `test_bounds` and `test_limits` make."""


def traits_of_cases() -> Iterator[str]:
    for case in DOCUMENTS:
        traits = case["message"].get("traits")
        if case["message"].get("type") != "identify" or not isinstance(traits, dict):
            continue
        for name, value in traits.items():
            yield name
            if isinstance(value, dict):
                yield from (f"{name}.{key}" for key in value)


TRAITS = set(traits_of_cases())
DROPPED = {case.get("dropped") for case in DOCUMENTS}
WARNED = {text.partition(":")[0] for case in DOCUMENTS for text in case.get("warnings", ())}


@pytest.mark.parametrize("source", sorted(set(SOURCES)))
def test_every_trait_of_the_tables_has_a_case(source: str) -> None:
    assert source in TRAITS


@pytest.mark.parametrize("reason", DropReason)
def test_every_drop_reason_has_a_case(reason: DropReason) -> None:
    assert reason.value in DROPPED


@pytest.mark.parametrize("warning", MappingWarning)
def test_every_warning_has_a_case(warning: MappingWarning) -> None:
    assert warning.value in WARNED or warning in TOO_LONG_FOR_A_CASE
