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
    told = ADVICE[reason.value]
    assert told.code == reason.value
    assert told.meaning.endswith(".")
    assert told.remedy.endswith(".") or told.remedy.endswith('".')


def test_nothing_else_is_explained() -> None:
    assert sorted(ADVICE) == sorted({reason.value for reason in REASONS})


def test_no_meaning_stands_for_two_reasons() -> None:
    meanings = [told.meaning for told in ADVICE.values()]
    assert [one for one, other in itertools.combinations(meanings, 2) if one == other] == []
