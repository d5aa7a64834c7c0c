"""Medians, spreads and ratios, and which differences count."""

import json

import pytest

from bench.figures import Figure, is_beyond_noise, ratio, ratio_in_turns, verdict

STEADY = Figure.of([99, 100, 101, 100, 100])
WILD = Figure.of([60, 80, 100, 140, 190])


@pytest.mark.parametrize(
    ("values", "median", "low", "high", "spread"),
    [
        ([4.0], 4.0, 4.0, 4.0, 0.0),
        ([1, 2], 1.5, 1.25, 1.75, 0.25 / 1.5),
        ([5, 1, 3, 2, 4], 3, 2, 4, 1 / 3),
        ([0, 0, 0], 0, 0, 0, 0.0),
    ],
)
def test_figure_is_the_median_and_its_spread_half_the_distance_of_the_quartiles(
    values: list[float], median: float, low: float, high: float, spread: float
) -> None:
    figure = Figure.of(values)
    assert (figure.median, figure.low, figure.high) == (median, low, high)
    assert figure.spread == pytest.approx(spread)


def test_figure_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a value"):
        Figure.of([])


def test_figure_is_read_as_it_was_stored() -> None:
    stored = json.loads(json.dumps(WILD.to_json()))
    assert stored == {"median": 100, "low": 80, "high": 140, "values": [60, 80, 100, 140, 190]}
    assert Figure.from_json(stored) == WILD


def test_ratio_is_ours_against_the_other_and_none_against_nothing() -> None:
    assert ratio(Figure.of([3]), Figure.of([2])) == 1.5
    assert ratio(Figure.of([3]), Figure.of([0])) is None


def test_ratio_in_turns_is_the_median_of_the_rounds_own() -> None:
    # The machine was slow in the second round and in the third, for both.
    ours, other = Figure.of([50, 150, 60]), Figure.of([100, 300, 240])
    assert ratio_in_turns(ours, other) == 0.5
    assert ratio(ours, other) == 60 / 240


@pytest.mark.parametrize("other", [Figure.of([2, 2]), Figure.of([2, 0, 3])])
def test_ratio_in_turns_is_that_of_the_medians_where_a_round_is_missing(other: Figure) -> None:
    assert ratio_in_turns(Figure.of([3, 3, 3]), other) == 1.5


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [
        (Figure.of([105, 106, 107, 108, 109]), STEADY, "SLOWER"),
        (Figure.of([91, 92, 93, 94, 95]), STEADY, "faster"),
        # Under five per cent, however steady both are.
        (Figure.of([104, 104, 104, 104, 104]), STEADY, ""),
        (Figure.of([96, 96, 96, 96, 96]), STEADY, ""),
        # Of few values it takes ten per cent.
        (Figure.of([108, 108, 108]), STEADY, ""),
        (Figure.of([112, 112, 112]), STEADY, "SLOWER"),
        # Well over that, but within what the other one does by itself.
        (Figure.of([150, 150, 150, 150, 150]), WILD, ""),
        (Figure.of([200, 200, 200, 200, 200]), WILD, "SLOWER"),
        # What is counted or weighed has one value, and no spread to hide in.
        (Figure.of([7.0]), Figure.of([6.0]), "SLOWER"),
        (Figure.of([0]), Figure.of([0]), ""),
    ],
)
def test_only_a_difference_beyond_noise_is_called_one(
    ours: Figure, other: Figure, expected: str
) -> None:
    assert verdict(ours, other) == expected
    assert is_beyond_noise(ours, other) is bool(expected)
