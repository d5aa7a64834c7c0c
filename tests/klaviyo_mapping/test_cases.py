"""The mapping as a table: each case of `cases/` is one rule, with its input and whole output."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from klaviyo_mapping import MESSAGE_SCHEMA, Dropped, Message, Settings, canonical, map_message
from klaviyo_mapping.settings.rules_file import read_rules
from operations import to_json

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['rule']}")
    for file in FILES
    for case in json.loads(file.read_text(encoding="utf-8"))
]

check = fastjsonschema.compile(MESSAGE_SCHEMA, use_default=False)


@pytest.mark.parametrize("case", CASES)
def test_the_message_becomes_exactly_this(case: dict[str, Any]) -> None:
    document = canonical(case["message"])
    check(document)
    settings = settings_of(case)

    result = map_message(Message.from_canonical(document), settings, NOW)

    if isinstance(result, Dropped):
        outcome: dict[str, Any] = {"dropped": result.reason.value}
    else:
        outcome = {"operations": [to_json(operation) for operation in result.operations]}
        if result.warnings:
            outcome["warnings"] = [warning.text for warning in result.warnings]
    expected = {key: case[key] for key in ("dropped", "operations", "warnings") if key in case}
    assert outcome == expected
    assert as_text(outcome) == as_text(expected), "1, 1.0 and true are equal in Python only"


def test_no_two_cases_are_the_same_rule() -> None:
    rules = [param.id for param in CASES]
    assert len(rules) == len(set(rules))


def settings_of(case: dict[str, Any]) -> Settings:
    """The settings of a case, whose rules are written as in a file."""
    chosen = dict(case.get("settings", {}))
    if "rules" in chosen:
        chosen["rules"] = read_rules(chosen["rules"])
    return Settings(**chosen)


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
