"""Every reason that somebody may meet is explained in plain words."""

import itertools
from enum import StrEnum

import pytest

from handler.report.codes import RejectionCode
from klaviyo_client.api.outcomes import RetryReason
from klaviyo_mapping import DropReason, MappingWarning
from preview import ADVICE

REASONS = [*DropReason, *MappingWarning, *RejectionCode, *RetryReason]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_meaning_and_its_remedy(reason: StrEnum) -> None:
    advice = ADVICE[reason.value]
    assert advice.code == reason.value
    assert advice.meaning.endswith(".")
    assert advice.remedy.endswith(".") or advice.remedy.endswith('".')


def test_nothing_else_is_explained() -> None:
    assert sorted(ADVICE) == sorted({reason.value for reason in REASONS})


def test_no_meaning_stands_for_two_reasons() -> None:
    meanings = [advice.meaning for advice in ADVICE.values()]
    assert [one for one, other in itertools.combinations(meanings, 2) if one == other] == []
