"""The parameters of one stack: a YAML file of the user's, checked against the template.

CloudFormation would refuse a wrong value as well, but minutes later, and it takes a wrong name for
a parameter of some other template.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.rollout import PARAMETERS
from local.aws_stand_in.template import source

FOLDER = Path("stacks")
"""Where the files are, one a stack; git ignores all but the example."""

EXAMPLE = FOLDER / "example.yaml"


class ParameterError(Exception):
    """A parameter that cannot be deployed; the text names it and the remedy."""


def file_of(stack: str) -> Path:
    """The file with the parameters of a stack."""
    return FOLDER / f"{stack}.yaml"


def read(file: Path) -> dict[str, str]:
    """The parameters that a file sets, as CloudFormation takes them.

    Raises `ParameterError` naming the file, the parameter and the remedy.
    """
    try:
        # BaseLoader leaves every value as it was written: `true`, `no` and `0042` stay texts.
        text = file.read_text("utf-8")
        _check_names(yaml.compose(text, yaml.BaseLoader), file)
        document = yaml.load(text, yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{file} cannot be read: {type(error).__name__}") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        raise ParameterError(f"{file}{line}: it is not YAML; see {EXAMPLE}") from None
    if document in (None, ""):
        return {}
    if not isinstance(document, dict):
        raise ParameterError(f"{file}: write one `Name: value` a line; see {EXAMPLE}")
    for name, value in document.items():
        try:
            check(name, value)
        except ParameterError as error:
            raise ParameterError(f"{file}: {error}") from None
    return document


def _check_names(document: yaml.Node | None, file: Path) -> None:
    """YAML would take the last value of a name that stands twice, and say nothing."""
    seen: set[str] = set()
    for name, _ in document.value if isinstance(document, yaml.MappingNode) else ():
        place = f"{file}, line {name.start_mark.line + 1}"
        if not isinstance(name, yaml.ScalarNode):
            raise ParameterError(f"{place}: write one `Name: value` a line; see {EXAMPLE}")
        if name.value in seen:
            raise ParameterError(f"{place}: {name.value} is set twice: keep one line")
        seen.add(name.value)


def check(name: str, value: Any) -> None:
    """Raise `ParameterError` unless the template takes this value for this parameter."""
    declared: Mapping[str, Mapping[str, Any]] = {**source()["Parameters"], **PARAMETERS}
    if name not in declared:
        near = difflib.get_close_matches(name, declared, 1)
        raise ParameterError(
            f"there is no parameter {name}"
            + (f"; is {near[0]} meant?" if near else "; template.yaml has the list")
        )
    if not isinstance(value, str):
        raise ParameterError(f"{name}: write one value, JSON in single quotes")
    if "\\" in value:
        # samcli.cli.types takes one from each `\"`, and JSON would be none any more.
        raise ParameterError(f"{name}: SAM cannot hand on a backslash; write it without")
    facts = declared[name]
    if "AllowedValues" in facts:
        words = [str(word) for word in facts["AllowedValues"]]
        if value not in words:
            raise ParameterError(f"{name}: expected one of {', '.join(words)}")
    elif facts["Type"] == "Number":
        least, most = facts["MinValue"], facts["MaxValue"]
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            raise ParameterError(f"{name}: expected a whole number from {least} to {most}")
    elif not re.fullmatch(facts["AllowedPattern"], value):
        raise ParameterError(f"{name}: expected {_in_a_sentence(facts['ConstraintDescription'])}")


def _in_a_sentence(text: str) -> str:
    return text[0].lower() + text[1:].removesuffix(".")
