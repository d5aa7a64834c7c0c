"""The `filter` parameter: https://developers.klaviyo.com/en/docs/filtering_"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.klaviyo_stand_in.protocol.problems import Problem, Refusal
from local.klaviyo_stand_in.records import times

_FILTER = re.compile(r"(?P<operator>[a-z-]+)\((?P<field>[\w.]+),(?P<value>.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one field: its text is one of `values`, or its time is beyond `bound`."""

    field: str
    operator: str
    values: Sequence[str] = ()
    bound: datetime | None = None

    def admits(self, value: Any) -> bool:
        """Whether a resource with this value matches."""
        if self.bound is None:
            return value in self.values
        after: bool = value > self.bound if self.operator == "greater-than" else value < self.bound
        return after


def read(text: str, allowed: Mapping[str, Sequence[str]]) -> Filter:
    """Read the filter. `allowed` names the operators of each field.

    Raises a `Refusal` (400) that names the parameter.
    """
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise _refusal("Invalid filter provided.")
    field, operator, value = found["field"], found["operator"], found["value"].strip()
    if field not in allowed:
        raise _refusal(f"'{field}' is not a filterable field for this resource.")
    if operator not in allowed[field]:
        raise _refusal(f"Operator '{operator}' is not allowed for field '{field}'.")
    return READERS[operator](field, operator, value)


def _text(field: str, operator: str, value: str) -> Filter:
    return Filter(field, operator, (_string(value),))


def _texts(field: str, operator: str, value: str) -> Filter:
    if not (value.startswith("[") and value.endswith("]")):
        raise _refusal("Operator 'any' takes an array.")
    try:
        wanted = json.loads(value)
    except ValueError:
        wanted = [_string(entry.strip()) for entry in value[1:-1].split(",")]
    if not wanted or not all(isinstance(entry, str) for entry in wanted):
        raise _refusal("Operator 'any' takes an array of strings.")
    return Filter(field, operator, tuple(dict.fromkeys(wanted)))


def _bound(field: str, operator: str, value: str) -> Filter:
    time = times.parse(value)
    if time is None:
        raise _refusal("Not a valid datetime.")
    return Filter(field, operator, bound=time)


READERS: Mapping[str, Callable[[str, str, str], Filter]] = {
    "equals": _text,
    "any": _texts,
    "greater-than": _bound,
    "less-than": _bound,
}


def _string(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise _refusal("A string must stand in quotes.")
    return value


def _refusal(detail: str) -> Refusal:
    return Refusal(400, Problem(detail, parameter="filter"))
