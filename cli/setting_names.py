"""Names of settings, in a file of `NAME=value` lines and in the environment: no silent mistakes."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from cli.troubles import Misuse
from handler.aws.environment import Environment
from klaviyo_mapping.settings.declaration import declared
from klaviyo_mapping.settings.settings import Settings

SETTINGS = tuple(each.variable for owner in (Settings, Environment) for each in declared(owner))
"""The variables that docs/settings.md describes."""

KNOWN = (*SETTINGS, "WEBHOOK_TOKEN")
"""With the variable that only commands read."""


OTHERS = re.compile("^AWS_|PROXY$", re.IGNORECASE)
"""Names that others read, in several spellings."""


def read(path: Path) -> dict[str, str]:
    """The settings in the file. Raises `Misuse` naming a line that is not a setting."""
    from dotenv.parser import parse_stream

    found: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in parse_stream(file):
            # A statement's text begins with the empty lines before it.
            text = line.original.string
            number = line.original.line + len(text) - len(text.lstrip("\n"))
            place = f"{path}, line {number}"
            if line.error or (line.key is not None and line.value is None):
                raise Misuse(f"{place}: expected NAME=value")
            if line.key is None:
                continue
            if line.key not in KNOWN:
                raise Misuse(f"{place}: {unknown(line.key)}")
            if line.key in found:
                raise Misuse(f"{place}: {line.key} is set twice")
            found[line.key] = line.value or ""
    return found


def unknown(name: str) -> str:
    """That no setting has this name, and which one may be meant."""
    near = meant(name)
    return f"{name} is no setting; " + (f"do you mean {near}?" if near else "see docs/settings.md")


def meant(name: str) -> str | None:
    """The setting that a name is a misspelling of; `None` for a setting, and for other names."""
    if name in KNOWN or OTHERS.search(name):
        return None
    return next(iter(get_close_matches(name.upper(), KNOWN, 1, cutoff=0.85)), None)


def misspelt(variables: Iterable[str]) -> list[str]:
    """A warning for each name in an environment that looks like a misspelt setting."""
    return [unknown(name) for name in variables if meant(name)]
