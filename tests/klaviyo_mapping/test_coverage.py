"""Every warning has a case. For traits, drop reasons and types see `test_what_a_change_touches`."""

from typing import Any, cast

import pytest

from klaviyo_mapping.decision.reasons import MappingWarning
from tests.klaviyo_mapping.test_cases import CASES

DOCUMENTS = [cast("dict[str, Any]", param.values[0]) for param in CASES]

TOO_LONG_FOR_A_CASE = {MappingWarning.PRODUCTS_BEYOND_LIMIT, MappingWarning.TOO_MANY_PROPERTIES}
"""Warnings of long messages, which `test_bounds` and `test_limits` make."""


WARNED = {text.partition(":")[0] for case in DOCUMENTS for text in case.get("warnings", ())}


@pytest.mark.parametrize("warning", MappingWarning)
def test_every_warning_has_a_case(warning: MappingWarning) -> None:
    is_shown = warning.value in WARNED or warning in TOO_LONG_FOR_A_CASE
    assert is_shown, f"tests/klaviyo_mapping/cases/: add a case with the warning `{warning.value}`"
