"""What both sides are compared by: metrics, properties with the types of their values, lists."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TYPES = (
    (bool, "true or false"),
    (int | float, "number"),
    (str, "text"),
    (list, "list"),
    (Mapping, "object"),
)


def type_of(value: Any) -> str | None:
    """The type of a value, in the words of Klaviyo's segment builder; `None` for nothing."""
    return next((name for kind, name in TYPES if isinstance(value, kind)), None)


class Properties:
    """Names of properties, with how often each type of value was seen."""

    def __init__(self) -> None:
        self.types: dict[str, Counter[str]] = {}

    def add(self, properties: Mapping[str, Any]) -> None:
        """Count the properties of one person or event."""
        for name, value in properties.items():
            kind = type_of(value)
            if kind is not None and not name.startswith("$"):
                self.types.setdefault(name, Counter())[kind] += 1

    def usual(self, name: str) -> str:
        """The type that a property has most often."""
        return self.types[name].most_common(1)[0][0]


@dataclass(slots=True)
class Facts:
    """One side. `metrics` counts events by metric; of an account, how many is not known (0).

    `of_events` has the properties of each metric's events. `lists` names each list by its id, or
    by its name where only that is known.
    """

    metrics: dict[str, int] = field(default_factory=dict)
    people: Properties = field(default_factory=Properties)
    of_events: dict[str, Properties] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


def resembling(name: str, among: Mapping[str, Any]) -> str | None:
    """A name that differs only in case, spaces and marks, as a rename leaves it."""
    wanted = _bare(name)
    return next((each for each in among if each != name and _bare(each) == wanted), None)


def _bare(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
