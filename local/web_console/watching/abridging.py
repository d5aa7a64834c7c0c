"""Shortens large values for the page, which asks for them every second."""

from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 300
MOST_PARTS = 400
LEFT_OUT = "…"


def abridged(value: Any) -> Any:
    """The value with long texts cut, and at most `MOST_PARTS` parts.

    A note in place of the rest says how much is left out.
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
        return self._list(value) if isinstance(value, list) else self._object(value)

    def _list(self, value: list[Any]) -> list[Any]:
        kept: list[Any] = []
        for inner in value:
            if self.left <= 0:
                return [*kept, LEFT_OUT]
            kept.append(self.of(inner))
        return kept

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            if self.left <= 0:
                return {**kept, LEFT_OUT: f"{len(value) - len(kept):,} more"}
            name = key if len(key) <= LONGEST_TEXT else f"{key[:LONGEST_TEXT]}{LEFT_OUT}"
            kept[name] = self.of(inner)
        return kept
