"""Statistics of a measurement: median, spread, ratios, and what the ratios mean."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

NOISE, ENOUGH = 0.05, 5
"""A smaller difference than this share is noise, whatever the spread; with too few values, one
smaller than twice this share. So two runs of one commit hardly ever differ."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The values of one measurement, one from each run. Each run is its own process."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The figure of one or more values."""
        if not values:
            raise ValueError("a figure needs a value")
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """What is shown and compared."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The first quartile."""
        return self._quartiles()[0]

    @property
    def high(self) -> float:
        """The third quartile."""
        return self._quartiles()[1]

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0

    def _quartiles(self) -> tuple[float, float]:
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def to_json(self) -> dict[str, Any]:
        """The figure as it is stored."""
        return {
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "values": list(self.values),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls.of([float(value) for value in document["values"]])


def ratio(ours: Figure, other: Figure) -> float | None:
    """Ours divided by the other; `None` if the other is zero."""
    return ours.median / other.median if other.median else None


def ratio_in_turns(ours: Figure, other: Figure) -> float | None:
    """The same for measurements in turns: the median of each round's ratio, so that a slow moment
    of the machine, which affects both, does not count. The ratio of the medians if a round is
    missing."""
    if len(ours.values) != len(other.values) or not all(other.values):
        return ratio(ours, other)
    return statistics.median(
        mine / theirs for mine, theirs in zip(ours.values, other.values, strict=True)
    )


def is_beyond_noise(ours: Figure, other: Figure) -> bool:
    """Whether the two differ by more than chance: every value of one is above all values of the
    other, and the medians differ by more than `NOISE`."""
    few = min(len(ours.values), len(other.values)) < ENOUGH
    times = ratio(ours, other)
    if times is None or abs(times - 1) <= NOISE * (1 + few):
        return False
    return min(ours.values) > max(other.values) or max(ours.values) < min(other.values)


def verdict(ours: Figure, other: Figure) -> str:
    """`SLOWER` or `faster` if ours differs from the other beyond noise, else nothing.

    The words are also used for sizes and numbers of requests: more is worse.
    """
    if not is_beyond_noise(ours, other):
        return ""
    return "SLOWER" if ours.median > other.median else "faster"
