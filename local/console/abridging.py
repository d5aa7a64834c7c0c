"""Large values made small enough to look at: the page asks for them every second."""

from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 300
MOST_PARTS = 400
LEFT_OUT = "…"


def abridged(value: Any) -> Any:
    """The value with long texts cut, and without what goes beyond `MOST_PARTS` parts.

    What is left out is told in its place.
    """
    return _Abridging(MOST_PARTS).of(value)


@dataclass(slots=True)
class _Abridging:
    left: int

    def of(self, value: Any) -> Any:
        self.left -= 1
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            return f"{value[:LONGEST_TEXT]}{LEFT_OUT} ({len(value):,} characters)"
        if not isinstance(value, dict | list):
            return value
        if self.left <= 0:
            return LEFT_OUT
        if isinstance(value, list):
            shown = [self.of(inner) for inner in value[: self.left]]
            return shown if len(shown) == len(value) else [*shown, LEFT_OUT]
        kept = {}
        for key, inner in value.items():
            if self.left <= 0:
                kept[LEFT_OUT] = f"{len(value) - len(kept):,} more"
                break
            kept[key if len(key) <= LONGEST_TEXT else f"{key[:LONGEST_TEXT]}{LEFT_OUT}"] = self.of(
                inner
            )
        return kept
