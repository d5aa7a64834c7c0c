"""Every reason that somebody may meet is explained in plain words, and so is every request."""

import ast
import itertools
from enum import StrEnum
from pathlib import Path

import pytest

from handler.report.codes import RejectionCode
from klaviyo_client.api import endpoints
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import RetryReason
from klaviyo_mapping import DropReason, MappingWarning
from preview import ADVICE, TITLES, advice

REASONS = [*DropReason, *MappingWarning, *RejectionCode, *RetryReason]
ENDPOINTS = [each.name for each in vars(endpoints).values() if isinstance(each, Endpoint)]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_meaning_and_its_remedy(reason: StrEnum) -> None:
    told = ADVICE[reason.value]
    assert told.code == reason.value
    assert told.meaning.endswith(".")
    assert told.remedy.endswith(".") or told.remedy.endswith('".')


def test_nothing_else_is_explained() -> None:
    assert sorted(ADVICE) == sorted({reason.value for reason in REASONS})


def test_no_reason_is_explained_twice() -> None:
    """A dict keeps the last of two equal keys, silently: a merge can leave both."""
    tree = ast.parse(Path(advice.__file__).read_text("utf-8"))
    tables = [each for each in ast.walk(tree) if isinstance(each, ast.Dict)]
    keys = [[ast.unparse(key) for key in table.keys if key] for table in tables]
    assert [key for row in keys for key in set(row) if row.count(key) > 1] == []


def test_no_meaning_stands_for_two_reasons() -> None:
    meanings = [told.meaning for told in ADVICE.values()]
    assert [one for one, other in itertools.combinations(meanings, 2) if one == other] == []


def test_every_request_has_a_title() -> None:
    assert sorted(TITLES) == sorted(ENDPOINTS)
