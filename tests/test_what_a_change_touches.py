"""CONTRIBUTING.md's lists ("To add …") are complete: a check names the file that was forgotten.

Each check returns sentences that name the file to edit. It is tried on what stands there now, and
on that without one thing. For a setting see `test_settings_everywhere`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from klaviyo_client.api import endpoints, revision
from klaviyo_client.api.endpoints import ENDPOINTS, Endpoint
from klaviyo_mapping import DropReason, mapper
from klaviyo_mapping.profile.attributes import ATTRIBUTES, LOCATION
from klaviyo_mapping.segment.message import EVENT_TYPES, FORWARDABLE
from local.aws_stand_in import template
from local.klaviyo_stand_in.api import endpoints as answers
from local.klaviyo_stand_in.protocol import openapi
from operations.explained import Explained
from tests.klaviyo_client.api.test_endpoints import NAMES as PUBLISHED
from tests.klaviyo_mapping.test_cases import CASES

ROOT = Path(__file__).parent.parent
MAPPING_PAGE = (ROOT / "docs" / "mapping.md").read_text("utf-8")
REASONS_PAGE = (ROOT / "docs" / "answers-and-reasons.md").read_text("utf-8")
CASE_DOCUMENTS = [cast("dict[str, Any]", param.values[0]) for param in CASES]
LICENSE = (ROOT / "local/klaviyo_stand_in/data/LICENSE").read_text("utf-8")

TRAITS = sorted(
    {
        f"{source.owner}.{source.name}" if source.owner else source.name
        for table in (ATTRIBUTES, LOCATION)
        for sources in table.values()
        for source in sources
    }
)


# A trait


def traits_of_cases() -> Iterator[str]:
    for case in CASE_DOCUMENTS:
        traits = case["message"].get("traits")
        if case["message"].get("type") != "identify" or not isinstance(traits, dict):
            continue
        for name, value in traits.items():
            yield name
            if isinstance(value, dict):
                yield from (f"{name}.{key}" for key in value)


OF_CASES = set(traits_of_cases())


def missing_of_trait(trait: str, of_cases: Collection[str], page: str) -> Iterator[str]:
    if trait not in of_cases:
        yield f"tests/klaviyo_mapping/cases/profile.json: add a case with the trait `{trait}`"
    is_shown = re.search(rf"^\|[^|]*\|[^|]*`{re.escape(trait)}`", page, re.MULTILINE)
    if not is_shown and not trait.startswith("$"):
        yield f"docs/mapping.md: add `{trait}` to its attribute's row, in the second column"


@pytest.mark.parametrize("trait", TRAITS)
def test_a_trait_has_a_case_and_stands_in_the_documentation(trait: str) -> None:
    assert "\n".join(missing_of_trait(trait, OF_CASES, MAPPING_PAGE)) == ""


@pytest.mark.parametrize("trait", [each for each in TRAITS if not each.startswith("$")])
def test_a_trait_that_is_forgotten_is_named(trait: str) -> None:
    assert list(missing_of_trait(trait, OF_CASES - {trait}, "")) == [
        f"tests/klaviyo_mapping/cases/profile.json: add a case with the trait `{trait}`",
        f"docs/mapping.md: add `{trait}` to its attribute's row, in the second column",
    ]


# A drop reason


DROPPED = {case["dropped"] for case in CASE_DOCUMENTS if "dropped" in case}


def missing_of_reason(reason: str, dropped: Collection[str], page: str) -> Iterator[str]:
    if reason not in dropped:
        yield f"tests/klaviyo_mapping/cases/drops.json: add a case that is dropped as `{reason}`"
    if not re.search(rf"^\| dropped \| `{reason}` \|", page, re.MULTILINE):
        yield f"docs/answers-and-reasons.md: add a row `| dropped | `{reason}` | … | … |`"


@pytest.mark.parametrize("reason", DropReason)
def test_a_drop_reason_has_a_case_and_a_row(reason: DropReason) -> None:
    assert "\n".join(missing_of_reason(reason.value, DROPPED, REASONS_PAGE)) == ""


@pytest.mark.parametrize("reason", DropReason)
def test_a_drop_reason_that_is_forgotten_is_named(reason: DropReason) -> None:
    assert list(missing_of_reason(reason.value, DROPPED - {reason.value}, "")) == [
        f"tests/klaviyo_mapping/cases/drops.json: add a case that is dropped as `{reason.value}`",
        f"docs/answers-and-reasons.md: add a row `| dropped | `{reason.value}` | … | … |`",
    ]


def test_a_code_without_an_explanation_cannot_be_written() -> None:
    with pytest.raises((TypeError, RuntimeError)) as caught:

        class Codes(Explained):
            A = "a"

    # Python 3.11 wraps it.
    error = caught.value.__cause__ or caught.value
    assert str(error) == "Codes: write 'a', its meaning and its remedy"


# An endpoint


PLANNING = "\n".join(
    path.read_text("utf-8")
    for folder in ("planning", "recovery")
    for path in (ROOT / "src" / "klaviyo_client" / folder).glob("*.py")
)


def constant_of(endpoint: Endpoint) -> str:
    return next(name for name, each in vars(endpoints).items() if each is endpoint)


def missing_of_endpoint(
    endpoint: Endpoint,
    *,
    planning: str,
    published: Collection[str],
    answered: Collection[str],
    queries: Collection[str],
) -> Iterator[str]:
    name, constant = endpoint.name, constant_of(endpoint)
    if not re.search(rf"\b{constant}\b", planning):
        yield f"src/klaviyo_client/planning/: no request is planned to {constant}"
    if name not in answered:
        yield f"local/klaviyo_stand_in/api/endpoints.py: add `def {name}(call)`"
    if name not in queries:
        yield (
            "local/klaviyo_stand_in/data/openapi.json: run `python -m "
            f"local.klaviyo_stand_in.derive FOLDER`, where FOLDER has {name}.json"
        )
    if name not in published:
        yield (
            f"tests/klaviyo_client/api/test_endpoints.py: add {name} to PUBLISHED, "
            "with what Klaviyo's OpenAPI document says of it"
        )


NOW: Mapping[str, Any] = {
    "planning": PLANNING,
    "published": PUBLISHED,
    "answered": vars(answers),
    "queries": openapi.QUERIES,
}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_an_endpoint_is_planned_answered_and_published(endpoint: Endpoint) -> None:
    assert "\n".join(missing_of_endpoint(endpoint, **NOW)) == ""


@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("planning", "src/klaviyo_client/planning/"),
        ("answered", "local/klaviyo_stand_in/api/endpoints.py"),
        ("queries", "local/klaviyo_stand_in/data/openapi.json"),
        ("published", "tests/klaviyo_client/api/test_endpoints.py"),
    ],
)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_an_endpoint_that_is_forgotten_somewhere_is_named(
    endpoint: Endpoint, part: str, file: str
) -> None:
    [sentence] = missing_of_endpoint(endpoint, **{**NOW, part: ""})
    assert sentence.startswith(f"{file}: ")


# A revision


def missing_of_revision(ours: str, of_the_cut: str, licence: str) -> Iterator[str]:
    if ours != of_the_cut:
        yield (
            f"local/klaviyo_stand_in/data/openapi.json is of {of_the_cut}, and {ours} is sent: run "
            "`python -m local.klaviyo_stand_in.derive FOLDER` with Klaviyo's files of that revision"
        )
    said = re.search(r"API revision +: (?:.*taken to )?(\S+)", licence)
    if said is None or said[1] != of_the_cut:
        yield (
            "local/klaviyo_stand_in/data/LICENSE: write the commit of Klaviyo's files and "
            f"`API revision : {of_the_cut}`"
        )


def test_the_revision_is_that_of_the_stand_ins_cut_and_of_its_licence() -> None:
    assert "\n".join(missing_of_revision(revision.REVISION, openapi.REVISION, LICENSE)) == ""


@pytest.mark.parametrize(
    ("ours", "of_the_cut", "file"),
    [
        ("2099-01-15", openapi.REVISION, "local/klaviyo_stand_in/data/openapi.json is of "),
        ("2099-01-15", "2099-01-15", "local/klaviyo_stand_in/data/LICENSE: write "),
    ],
)
def test_a_file_that_is_forgotten_with_a_revision_is_named(
    ours: str, of_the_cut: str, file: str
) -> None:
    [sentence] = missing_of_revision(ours, of_the_cut, LICENSE)
    assert sentence.startswith(file)


# A Segment type


PATTERN: str = template.source()["Parameters"]["ForwardTypes"]["AllowedPattern"]
TYPES_OF_CASES = {case["message"].get("type") for case in CASE_DOCUMENTS}


def missing_of_type(
    type_: str, mapped: Collection[str], of_cases: Collection[str], page: str, pattern: str
) -> Iterator[str]:
    if type_ not in mapped:
        yield f"src/klaviyo_mapping/mapper.py: say in OTHERS what a `{type_}` becomes"
    if type_ not in of_cases:
        yield f"tests/klaviyo_mapping/cases/: add cases with the type `{type_}`"
    if not re.search(rf"^\|[^|]*`{type_}`.*`FORWARD_TYPES` \|", page, re.MULTILINE):
        yield f"docs/mapping.md: add a row `| `{type_}`, with `FORWARD_TYPES` | … |`"
    if not re.search(pattern, type_):
        yield f"template.yaml: ForwardTypes: AllowedPattern must take `{type_}`"


@pytest.mark.parametrize("type_", FORWARDABLE)
def test_a_type_is_mapped_documented_and_taken_by_the_template(type_: str) -> None:
    mapped = {*mapper.OTHERS, *EVENT_TYPES}
    assert "\n".join(missing_of_type(type_, mapped, TYPES_OF_CASES, MAPPING_PAGE, PATTERN)) == ""


@pytest.mark.parametrize("type_", FORWARDABLE)
def test_a_type_that_is_forgotten_is_named(type_: str) -> None:
    assert list(missing_of_type(type_, (), (), "", "^$")) == [
        f"src/klaviyo_mapping/mapper.py: say in OTHERS what a `{type_}` becomes",
        f"tests/klaviyo_mapping/cases/: add cases with the type `{type_}`",
        f"docs/mapping.md: add a row `| `{type_}`, with `FORWARD_TYPES` | … |`",
        f"template.yaml: ForwardTypes: AllowedPattern must take `{type_}`",
    ]


def unnamed_types(mapped: Collection[str], forwardable: Collection[str]) -> list[str]:
    """A sentence for each type that is mapped and that no setting lets in."""
    always = {"track", "delete", "alias"}  # with a setting of their own, or none
    return [
        f"src/klaviyo_mapping/segment/message.py: name `{type_}` in FORWARDABLE"
        for type_ in sorted(set(mapped) - always - set(forwardable))
    ]


def test_what_is_mapped_can_be_let_in() -> None:
    assert unnamed_types({*mapper.OTHERS, *EVENT_TYPES}, FORWARDABLE) == []


def test_a_type_that_nothing_lets_in_is_named() -> None:
    sentence = "src/klaviyo_mapping/segment/message.py: name `clip` in FORWARDABLE"
    assert unnamed_types({*mapper.OTHERS, *EVENT_TYPES, "clip"}, FORWARDABLE) == [sentence]
