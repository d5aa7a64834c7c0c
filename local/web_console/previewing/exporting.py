"""Settings as other tools take them, so that what was tried here can be used there."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import Declared, declared

IN_A_FILE = "rules"
"""Where they are deployed, and on the command line, they are a file."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The settings that are not the defaults: as environment variables for a shell, as options of
    the command line, and as parameters of `sam deploy`. Texts to copy, empty for the defaults."""

    environment: str
    options: str
    parameters: str


def exported(texts: Mapping[str, str]) -> Exported:
    """What was filled in, as far as it is not the default."""
    chosen = [
        (each, text)
        for each in declared(Settings)
        if (text := texts.get(each.variable, "").strip()) and text != each.default_text
    ]
    parameters = [_parameter(each, text) for each, text in chosen]
    return Exported(
        "\n".join(f"{each.variable}={shlex.quote(text)}" for each, text in chosen),
        " ".join(_option(each, text) for each, text in chosen),
        " ".join(["sam deploy --parameter-overrides", *parameters]) if parameters else "",
    )


def _option(each: Declared, text: str) -> str:
    flag = each.name.replace("_", "-")
    if each.is_switch:
        return f"--{flag}" if text == "true" else f"--no-{flag}"
    if each.name == IN_A_FILE:
        return f"--{flag}-file {each.name}.toml"
    return f"--{flag} {shlex.quote(text)}"


def _parameter(each: Declared, text: str) -> str:
    if each.name == IN_A_FILE:
        return f"{each.parameter}File={each.name}.toml"
    return shlex.quote(f"{each.parameter}={_value(text)}")


def _value(text: str) -> str:
    """A value of `Name=value`, which SAM takes in double quotes where it is not one word:
    https://github.com/aws/aws-sam-cli/blob/develop/samcli/cli/types.py"""
    if all(letter.isalnum() or letter in "_-.,:/" for letter in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
