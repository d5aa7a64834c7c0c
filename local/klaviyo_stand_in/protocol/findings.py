"""What the validation finds in one request body."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from local.klaviyo_stand_in.protocol.exchange import Json, JsonObject
from local.klaviyo_stand_in.protocol.policy import Policy
from local.klaviyo_stand_in.protocol.problems import Problem

Predicate = Callable[[JsonObject], bool]


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the rules may look at beside the value itself.

    `refuses` picks valid items, by their attributes, to refuse anyway. `refusal` says whether the
    refusal names the item, or the request fails as a whole.
    """

    now: datetime
    policy: Policy
    historical_import: bool = False
    refuses: Predicate | None = None
    refusal: Literal["pointer", "silent", "whole"] = "pointer"


@dataclass(slots=True)
class Findings:
    """The problems so far, and what rules remember between items."""

    facts: CheckContext
    problems: list[Problem] = field(default_factory=list)
    items: int = 0
    is_poisoned: bool = False
    seen: set[Hashable] = field(default_factory=set)

    def add(self, pointer: str | None, detail: str) -> None:
        """Note a problem at `pointer`."""
        self.problems.append(Problem(detail, pointer))


Rule = Callable[[Json, str, Findings], None]
"""Checks a value with a valid structure, given its JSON pointer, and notes problems."""
