"""Facts from `template.yaml` that the stand-ins need."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[2] / "template.yaml"


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms. In Python alone the template takes 0.2 s."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(text: str) -> dict[str, Any]:
    """A template's document, with short forms written out."""
    document: dict[str, Any] = yaml.load(text, _Loader)
    return document


@functools.cache
def source() -> Mapping[str, Any]:
    """The template of this checkout."""
    return load(FILE.read_text())


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function as it is deployed with the parameters' defaults."""

    handler: str
    timeout_seconds: int
    memory_mb: int
    allows_recursion: bool


def function(logical_id: str, document: Mapping[str, Any] | None = None) -> FunctionFacts:
    """The facts of a function in the template, or in another `document`."""
    document = source() if document is None else document
    properties: dict[str, Any] = {
        **document["Globals"]["Function"],
        **document["Resources"][logical_id]["Properties"],
    }
    return FunctionFacts(
        handler=properties["Handler"],
        timeout_seconds=properties["Timeout"],
        memory_mb=_number(properties["MemorySize"], document),
        # Lambda's own default is to end a loop.
        allows_recursion=properties.get("RecursiveLoop", "Terminate") == "Allow",
    )


def _number(value: Any, document: Mapping[str, Any]) -> int:
    """A number, or the default of the parameter that it refers to."""
    if isinstance(value, dict):
        value = document["Parameters"][value["Ref"]]["Default"]
    return int(value)


def properties(logical_id: str) -> Mapping[str, Any]:
    """The properties of a resource of the template."""
    found: Mapping[str, Any] = source()["Resources"][logical_id]["Properties"]
    return found
