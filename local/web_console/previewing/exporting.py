"""Settings in the form of other tools, so that they can be used there."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import Declared, declared

IN_A_FILE = "rules"
"""In a deployment and on the command line, they are a file."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The settings that are not the defaults: as environment variables for a shell, as options of
    the command line, and as lines of the stack's file that `make deploy` reads. Texts to copy,
    empty for the defaults."""

    environment: str
    options: str
    parameters: str


def exported(texts: Mapping[str, str]) -> Exported:
    """The filled-in settings that are not the default."""
    chosen = [
        (each, text)
        for each in declared(Settings)
        if (text := texts.get(each.variable, "").strip()) and text != each.default_text
    ]
    return Exported(
        "\n".join(f"{each.variable}={shlex.quote(text)}" for each, text in chosen),
        " ".join(_option(each, text) for each, text in chosen),
        "\n".join(_parameter(each, text) for each, text in chosen),
    )


def _option(each: Declared, text: str) -> str:
    flag = each.name.replace("_", "-")
    if each.is_switch:
        return f"--{flag}" if text == "true" else f"--no-{flag}"
    if each.name == IN_A_FILE:
        return f"--{flag}-file {each.name}.toml"
    return f"--{flag} {shlex.quote(text)}"


def _parameter(each: Declared, text: str) -> str:
    """A line of the stack's file. `deploy.parameters` reads each value as a text."""
    if each.name == IN_A_FILE:
        return f"{each.parameter}File: {each.name}.toml"
    line: str = yaml.safe_dump({each.parameter: text}, width=math.inf, allow_unicode=True)
    return line.rstrip()
