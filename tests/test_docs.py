"""The documentation is complete and true: settings, codes, metrics, examples, links, pictures."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handler.door import refusals
from handler.report.codes import DeferralCode, RejectionCode, TroubleCode
from handler.report.telemetry import Metric
from klaviyo_client.api.outcomes import DeliveryWarning, RetryReason
from klaviyo_mapping import Mapped, Message, canonical, map_message
from klaviyo_mapping.decision.reasons import DropReason, MappingWarning
from klaviyo_mapping.settings.rules import Rules
from klaviyo_mapping.settings.rules_file import read_rules
from klaviyo_mapping.settings.settings import Settings
from local.documenting import dashboard

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob(".github/**/*.md"))
)
LONGEST_README = 200


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def fenced(language: str) -> list[str]:
    texts = (path.read_text("utf-8") for path in PAGES)
    return [
        found
        for text in texts
        for found in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    ]


def codes() -> Iterator[str]:
    yield from (reason.value for reason in DropReason)
    yield from (reason.value for reason in RetryReason)
    yield from (warning.value for warning in MappingWarning)
    yield from (warning.value for warning in DeliveryWarning)
    yield from (refusal.code for refusal in refusals.Refusal.__subclasses__())
    yield from (code.value for code in (*DeferralCode, *RejectionCode, *TroubleCode))


@pytest.mark.parametrize("code", sorted(set(codes())))
def test_every_code_has_a_row(code: str) -> None:
    is_there = re.search(rf"^\|.*`{code}`", page("answers-and-reasons.md"), re.MULTILINE)
    assert is_there, f"docs/answers-and-reasons.md: add a row for `{code}`"


@pytest.mark.parametrize("metric", sorted(metric.value for metric in Metric))
def test_every_metric_has_one_row(metric: str) -> None:
    rows = re.findall(rf"^\|[^|]*`{metric}`[^|]*\|", page("answers-and-reasons.md"), re.MULTILINE)
    assert len(rows) == 1, f"docs/answers-and-reasons.md: one row for the metric `{metric}`"


@pytest.mark.parametrize("text", fenced("json"))
def test_every_message_shown_is_one_that_becomes_something_without_a_warning(text: str) -> None:
    message = Message.from_canonical(canonical(json.loads(text)))
    mapped = map_message(message, Settings(consent_events=True), datetime(2026, 6, 1, tzinfo=UTC))
    assert isinstance(mapped, Mapped)
    assert mapped.warnings == ()


@pytest.mark.parametrize("text", fenced("toml"))
def test_every_rules_file_shown_can_be_read(text: str) -> None:
    assert read_rules(text) != Rules()


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= LONGEST_README


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        path = ahead.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        links = re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8"))
        ahead += [(path.parent / link).resolve() for link in links if not link.startswith("http")]
    assert set(DOCS.rglob("*.md")) - {DOCS / "images" / "README.md"} <= reached


def test_picture_of_the_dashboard_is_that_of_the_template() -> None:
    drawn = (DOCS / "images" / "dashboard.svg").read_text("utf-8")
    assert drawn == dashboard.dashboard(), "run: python -m local.documenting dashboard"
