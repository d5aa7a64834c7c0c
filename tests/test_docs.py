"""The documentation is complete and true: settings, codes, metrics, examples, links, pictures."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy import rollout
from handler.door import refusals
from handler.report.codes import DeferralCode, RejectionCode, TroubleCode
from handler.report.telemetry import Metric
from klaviyo_client.api.outcomes import DeliveryWarning, RetryReason
from klaviyo_mapping import Mapped, Message, canonical, map_message
from klaviyo_mapping.decision.reasons import DropReason, MappingWarning
from klaviyo_mapping.settings.rules import Rules
from klaviyo_mapping.settings.rules_file import read_rules
from klaviyo_mapping.settings.settings import Settings
from local.aws_stand_in import template
from local.documenting import dashboard

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob(".github/**/*.md"))
)
LONGEST_README = 200
MOST_MODULES = 12
ONE_FOR_EACH = "a module for each"
"""What the row of a folder says that has a reason to hold more."""


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


def parameters() -> dict[str, str]:
    """The default of each parameter that a stack can have."""
    declared = {**template.source()["Parameters"], **rollout.PARAMETERS}
    return {name: str(facts["Default"]) for name, facts in declared.items()}


@pytest.mark.parametrize(("name", "default"), parameters().items())
def test_every_parameter_has_a_row_by_its_own_name_or_its_variables(
    name: str, default: str
) -> None:
    variable = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper()
    row = re.search(
        rf"^\|[^|]*`(?:{name}|{variable})`[^|]*\|([^|]*)\|", page("settings.md"), re.MULTILINE
    )
    assert row, f"docs/settings.md: add a row for `{name}`"
    assert (default or "–") in row[1], f"docs/settings.md: the default of `{name}` is {default!r}"


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


def folders() -> dict[str, str]:
    """The folders in architecture.md's table, with what is said of each."""
    table = page("architecture.md").partition("## Folders")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    outer = ""
    for first, said in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE):
        names = re.findall(r"`([^`]+)/`", first)
        if not first.startswith("…"):
            outer = names[-1] if names else ""
        for name in names:
            found[f"{outer}/{name}" if first.startswith("…") else name] = said
    return found


def modules() -> Counter[str]:
    """How many modules each folder of the checkout holds, `__init__` and `__main__` apart."""
    tops = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["files"]
    found: Counter[str] = Counter()
    for path in (path for top in tops for path in (ROOT / top).rglob("*.py")):
        if "node_modules" not in path.parts:
            folder = str(path.parent.relative_to(ROOT))
            found[folder] += path.stem not in ("__init__", "__main__")
    return found


def mirrored(folder: str) -> bool:
    """Whether a folder of tests has the name of what it tests."""
    tested = folder.removeprefix("tests/")
    return any((ROOT / top / tested).is_dir() for top in ("", "src"))


@pytest.mark.parametrize("folder", sorted(modules()))
def test_every_folder_of_modules_has_a_row_in_the_architecture(folder: str) -> None:
    is_there = folder in folders() or (folder.startswith("tests/") and mirrored(folder))
    assert is_there, f"docs/architecture.md, Folders: add a row for `{folder}/`"


@pytest.mark.parametrize("folder", sorted(folders()))
def test_every_folder_of_the_architecture_is_there(folder: str) -> None:
    assert (ROOT / folder).is_dir(), f"docs/architecture.md, Folders: there is no `{folder}/`"


@pytest.mark.parametrize(("folder", "number"), sorted(modules().items()))
def test_a_folder_holds_a_dozen_modules_unless_the_architecture_says_why(
    folder: str, number: int
) -> None:
    has_reason = ONE_FOR_EACH in folders().get(folder, "")
    assert number <= MOST_MODULES or has_reason, f"{folder}: {number} modules; group them"


UNDATED = [path for path in PAGES if path.name != "CHANGELOG.md" and "decisions" not in path.parts]
"""The pages that say what is, not what was."""


@pytest.mark.parametrize(
    "path", [*UNDATED, ROOT / "Makefile"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_module_that_is_named_is_there(path: Path) -> None:
    text = path.read_text("utf-8")
    tops = "|".join({folder.partition("/")[0] for folder in folders()})
    named = re.findall(rf"`((?:{tops})/[\w/-]+\.py)`", text)
    for module in re.findall(rf"python -m ((?:{tops})[\w.]*)", text):
        file = module.replace(".", "/")
        named.append(f"{file}/__main__.py" if (ROOT / file).is_dir() else f"{file}.py")
    assert [each for each in named if not (ROOT / each).exists()] == []
