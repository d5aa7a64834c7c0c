"""The result of a check, and what several of them mean together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a check ended."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """Works, but should be checked."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """Could not be checked."""
    SKIPPED = "skipped"
    """There is nothing to check."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. It holds no secret."""

    name: str
    health: Health
    found: str
    remedy: str = ""


def worst(checks: Iterable[Check]) -> Health:
    """`BAD` if anything is, else `UNKNOWN` if anything could not be checked, else `GOOD`."""
    found = {check.health for check in checks}
    return next((each for each in (Health.BAD, Health.UNKNOWN) if each in found), Health.GOOD)
