"""The parts that the console works with, and readers of its requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from local.make_run.configuration import Configuration
from local.make_run.deployment import Deployment
from local.web_console.acting.redriving import Redriving
from local.web_console.acting.traffic import Traffic
from local.web_console.previewing.computing import Previews
from local.web_console.watching.journal import Journal
from local.web_console.watching.watch import Watch


@dataclass(slots=True)
class Parts:
    """The console's parts. `variables` are the functions' environment, with changed settings;
    `command` is how the command line is called for this run."""

    configuration: Configuration
    deployment: Deployment
    variables: Mapping[str, str]
    command: str
    journal: Journal
    watch: Watch
    traffic: Traffic
    redriving: Redriving
    previews: Previews = field(default_factory=Previews)


def document() -> dict[str, Any]:
    """The request's JSON object. Raises `ValueError` for another value."""
    found = request.get_json()
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def text_of(found: Mapping[str, Any], name: str) -> str:
    """A text of the object. Raises `ValueError` for another value."""
    value = found.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a text")
    return value


def number_of(found: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number of the object, zero or more. Raises `ValueError` for another value."""
    value = found.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: expected a whole number")
    return value


def texts_of(value: Any) -> dict[str, str]:
    """An object of texts, as settings are sent. Raises `ValueError` for another value."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("settings: expected an object of texts")
    return value
