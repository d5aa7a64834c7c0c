"""The README is complete: every setting, reason, status code and metric stands in it."""

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handler.codes import DeferralCode, RejectionCode, TroubleCode
from handler.door import refusals
from handler.environment import Environment
from handler.telemetry import Metric
from klaviyo_client.outcomes import DeliveryWarning, RetryReason
from klaviyo_mapping import Mapped, Message, canonical, map_message
from klaviyo_mapping.reasons import DropReason, MappingWarning
from klaviyo_mapping.rules import Rules
from klaviyo_mapping.rules_text import read_rules
from klaviyo_mapping.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def codes() -> Iterator[str]:
    yield from (reason.value for reason in DropReason)
    yield from (reason.value for reason in RetryReason)
    yield from (warning.value for warning in MappingWarning)
    yield from (warning.value for warning in DeliveryWarning)
    yield from (refusal.code for refusal in refusals.Refusal.__subclasses__())
    yield from (code.value for code in (*DeferralCode, *RejectionCode, *TroubleCode))


def variables() -> Iterator[str]:
    yield from (setting.name.upper() for setting in dataclasses.fields(Settings))
    for field in dataclasses.fields(Environment):
        if field.name not in {"settings", "retry_seconds"}:
            yield field.name.upper()
    yield "RETRY_HOURS"
    yield "RULES_FILE"
    yield "AWS_ENDPOINT_URL"


@pytest.mark.parametrize("code", sorted(set(codes())))
def test_every_reason_is_explained(code: str) -> None:
    assert f"`{code}`" in README


@pytest.mark.parametrize("variable", sorted(variables()))
def test_every_setting_is_explained(variable: str) -> None:
    assert f"`{variable}`" in README


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", README, re.DOTALL))
def test_every_message_shown_is_one_that_becomes_something_without_a_warning(text: str) -> None:
    message = Message.from_canonical(canonical(json.loads(text)))
    mapped = map_message(message, Settings(consent_events=True), datetime(2026, 6, 1, tzinfo=UTC))
    assert isinstance(mapped, Mapped)
    assert mapped.warnings == ()


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
def test_every_rules_file_shown_can_be_read(text: str) -> None:
    assert read_rules(text) != Rules()


@pytest.mark.parametrize("metric", sorted(metric.value for metric in Metric))
def test_every_metric_is_explained(metric: str) -> None:
    assert f"`{metric}`" in README
