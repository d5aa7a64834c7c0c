"""Settings as other tools take them, so that what was tried here can be used there."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from local.web_console.previewing.settings import Input, Kind


@dataclass(frozen=True, slots=True)
class Written:
    """The settings that are not the defaults: as environment variables for a shell, as options of
    the command line, and as parameters of `sam deploy`. Texts to copy."""

    environment: str
    options: str
    parameters: str


def written(inputs: list[Input], texts: Mapping[str, str]) -> Written:
    """What was filled in, as far as it is not the default."""
    chosen = [
        (each, text)
        for each in inputs
        if (text := texts.get(each.variable, "").strip()) != each.default and text
    ]
    plain = [(each, text) for each, text in chosen if each.kind is not Kind.LINES]
    files = [each for each, _ in chosen if each.kind is Kind.LINES]
    options = [
        *(_option(each, text) for each, text in plain),
        *(f"--{_flag(each)}-file {each.variable.lower()}.toml" for each in files),
    ]
    parameters = [
        *(f"{_parameter(each)}={_quoted(text)}" for each, text in plain),
        *(f"{_parameter(each)}File={each.variable.lower()}.toml" for each in files),
    ]
    return Written(
        "\n".join(f"{each.variable}={shlex.quote(text)}" for each, text in chosen),
        " ".join(options),
        " ".join(("sam deploy --parameter-overrides", *map(shlex.quote, parameters)))
        if parameters
        else "",
    )


def _flag(each: Input) -> str:
    return each.variable.lower().replace("_", "-")


def _option(each: Input, text: str) -> str:
    if each.kind is Kind.SWITCH:
        return f"--{_flag(each)}" if text == "true" else f"--no-{_flag(each)}"
    return f"--{_flag(each)} {shlex.quote(text)}"


def _parameter(each: Input) -> str:
    return "".join(word.capitalize() for word in each.variable.split("_"))


def _quoted(text: str) -> str:
    """A value of `Name=value`, which SAM takes in double quotes where it has more than one word:
    https://github.com/aws/aws-sam-cli/blob/develop/samcli/cli/types.py"""
    if text and all(letter.isalnum() or letter in "_-.,:/" for letter in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
