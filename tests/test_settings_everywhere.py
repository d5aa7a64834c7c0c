"""A declared setting stands wherever it must: in the template, the documentation and the tests.

The checks return sentences, each of which names the file to edit. Each is tried on what stands
there without the setting.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from handler.aws.environment import Environment
from klaviyo_mapping.settings.declaration import Declared, declared
from klaviyo_mapping.settings.settings import Settings
from local.aws_stand_in import template

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")

OWNERS = (Settings, Environment)
SETTINGS = [each for owner in OWNERS for each in declared(owner)]
PARAMETERS = [each for each in SETTINGS if each.setting.origin == "parameter"]

TESTS = {
    Settings: "tests/klaviyo_mapping/settings/test_settings.py",
    Environment: "tests/handler/aws/test_environment.py",
}

Document = Mapping[str, Any]


def id_of(value: object) -> str | None:
    return value.variable if isinstance(value, Declared) else None


def missing_in_template(each: Declared, source: Document) -> Iterator[str]:
    """What template.yaml lacks of a setting."""
    variables = source["Globals"]["Function"]["Environment"]["Variables"]
    if each.variable not in variables:
        wanted = f"!Ref {each.parameter}"
        if each.setting.origin == "local":
            wanted = '!If [IsOnThisMachine, "", !Ref AWS::NoValue]'
        yield (
            "template.yaml: Globals.Function.Environment.Variables: "
            f"add `{each.variable}: {wanted}`"
        )
    if each.setting.origin != "parameter":
        return
    interface = source["Metadata"]["AWS::CloudFormation::Interface"]
    if not any(each.parameter in group["Parameters"] for group in interface["ParameterGroups"]):
        yield f"template.yaml: ParameterGroups: add `{each.parameter}` to one of the groups"
    label = {"default": each.setting.label}
    if interface["ParameterLabels"].get(each.parameter) != label:
        yield (
            "template.yaml: ParameterLabels: "
            f"write `{each.parameter}: {{default: {each.setting.label}}}`"
        )
    parameter = source["Parameters"].get(each.parameter, {})
    expected: dict[str, object] = {
        "Default": each.default_text,
        "Description": each.setting.help,
    }
    if each.is_switch:
        expected["AllowedValues"] = ["true", "false"]
    elif each.choices:
        expected["AllowedValues"] = list(each.choices)
    for key, value in expected.items():
        found = parameter.get(key)
        if (str(found) if key == "Default" else found) != value:
            yield f"template.yaml: Parameters: {each.parameter}: write `{key}: {value!r}`"


def missing_in_page(each: Declared, page: str) -> Iterator[str]:
    """What docs/settings.md lacks of a setting."""
    row = re.search(rf"^\|[^|]*`{each.variable}`[^|]*\|([^|]*)\|", page, re.MULTILINE)
    default = f"`{each.default_text}`" if each.default_text else "–"
    if row is None:
        yield f"docs/settings.md: add a row `| `{each.variable}` | {default} | … |`"
    elif each.setting.origin != "resource" and default not in row[1]:
        yield f"docs/settings.md: the row of `{each.variable}` must say its default, {default}"


def missing_in_tests(owner: type, source: str) -> Iterator[str]:
    """The settings that no test of the owner's reads from a text."""
    for each in declared(owner):
        if f'"{each.variable}"' not in source:
            yield f'{TESTS[owner]}: add a row that reads "{each.variable}" from a text'


@pytest.mark.parametrize("each", SETTINGS, ids=id_of)
def test_the_template_has_every_setting(each: Declared) -> None:
    assert "\n".join(missing_in_template(each, template.source())) == ""


@pytest.mark.parametrize("each", SETTINGS, ids=id_of)
def test_the_documentation_has_every_setting(each: Declared) -> None:
    assert "\n".join(missing_in_page(each, PAGE)) == ""


@pytest.mark.parametrize("owner", OWNERS)
def test_a_test_reads_every_setting(owner: type) -> None:
    assert "\n".join(missing_in_tests(owner, (ROOT / TESTS[owner]).read_text("utf-8"))) == ""


@pytest.mark.parametrize("each", SETTINGS, ids=id_of)
def test_every_setting_has_a_label_and_a_sentence_of_help(each: Declared) -> None:
    assert each.setting.label
    assert each.setting.help.endswith(".")


# What is forgotten is found


Cut = Callable[[Any, Declared], None]


def without_variable(source: Any, each: Declared) -> None:
    source["Globals"]["Function"]["Environment"]["Variables"].pop(each.variable, None)


def without_group(source: Any, each: Declared) -> None:
    for group in source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        group["Parameters"] = [name for name in group["Parameters"] if name != each.parameter]


def without_label(source: Any, each: Declared) -> None:
    source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"].pop(
        each.parameter, None
    )


def without_parameter(source: Any, each: Declared) -> None:
    source["Parameters"].pop(each.parameter, None)


@pytest.mark.parametrize("each", PARAMETERS, ids=id_of)
@pytest.mark.parametrize(
    ("cut", "place"),
    [
        (without_variable, "template.yaml: Globals.Function.Environment.Variables: add"),
        (without_group, "template.yaml: ParameterGroups: add"),
        (without_label, "template.yaml: ParameterLabels: write"),
        (without_parameter, "template.yaml: Parameters: "),
    ],
)
def test_a_place_that_is_forgotten_in_the_template_is_named(
    each: Declared, cut: Cut, place: str
) -> None:
    source = copy.deepcopy(dict(template.source()))
    cut(source, each)
    sentences = missing_in_template(each, source)
    found = [sentence for sentence in sentences if sentence.startswith(place)]
    assert found
    assert all(each.parameter in sentence for sentence in found)


@pytest.mark.parametrize("each", SETTINGS, ids=id_of)
def test_a_row_that_is_forgotten_in_the_documentation_is_named(each: Declared) -> None:
    rows = [line for line in PAGE.splitlines() if f"`{each.variable}`" not in line]
    (sentence,) = missing_in_page(each, "\n".join(rows))
    assert sentence.startswith(f"docs/settings.md: add a row `| `{each.variable}` | ")


@pytest.mark.parametrize("owner", OWNERS)
def test_a_setting_that_no_test_reads_is_named(owner: type) -> None:
    assert list(missing_in_tests(owner, "")) == [
        f'{TESTS[owner]}: add a row that reads "{each.variable}" from a text'
        for each in declared(owner)
    ]
