"""What a memory size costs, and which one is suggested."""

from pathlib import Path

import pytest

from bench.figures import Figure
from bench.scenarios import memory
from bench.subjects import processor
from local.aws_stand_in.limits import share_of

Sizes = dict[int, dict[str, Figure]]


def size_of(cold: float, order: float) -> dict[str, Figure]:
    """Milliseconds of a cold start, microseconds of one order among 1,600."""
    return {"cold.secret": Figure.of([cold]), "order": Figure.of([order])}


@pytest.mark.parametrize(
    ("megabytes", "share"), [(256, 256 / 1769), (1024, 1024 / 1769), (1769, 1.0), (3008, 1.0)]
)
def test_share_of_a_processor_grows_to_one(megabytes: int, share: float) -> None:
    assert share_of(megabytes) == share


def test_machine_without_control_groups_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "GROUPS", tmp_path)
    with (
        pytest.raises(processor.NoQuotaError, match=r"No such file or directory: .*/cpu/bench-"),
        processor.limited(0.5),
    ):
        pass


def test_cost_is_of_the_call_and_of_the_wait_for_klaviyo() -> None:
    assert memory.KLAVIYO_MS == 300
    assert memory.cost(200.0, 512) == 250.0
    assert memory.cost(None, 512) is None


def test_times_of_a_message_become_those_of_the_call() -> None:
    figures = {"thousand": Figure.of([50.0]), "cold.secret": Figure.of([400.0])}
    [thousand] = [row for row in memory.ROWS if row.figure == "thousand"]
    assert thousand.milliseconds(figures) == 50.0
    assert memory.COLD.milliseconds(figures) == 400.0
    assert memory.ORDERS.milliseconds(figures) is None


@pytest.mark.parametrize(
    ("sizes", "peak", "start"),
    [
        # The cold start and the batch, 400 + 1,600 × 1.25, are in time at the second size.
        ({256: size_of(900, 2_500), 512: size_of(400, 1_250)}, 100, "suggests 512 MB"),
        # 128 MB fill the half of 256 and no more.
        ({256: size_of(400, 1_250), 512: size_of(200, 625)}, 128, "suggests 256 MB"),
        ({256: size_of(400, 1_250), 512: size_of(200, 625)}, 129, "suggests 512 MB"),
        # Not delivered in time at all, so there is no figure.
        (
            {256: {"cold.secret": Figure.of([900])}, 512: size_of(400, 1_250)},
            100,
            "suggests 512 MB",
        ),
        ({256: size_of(900, 2_500)}, 100, "suggests none"),
    ],
)
def test_smallest_size_in_time_that_is_filled_to_half_is_suggested(
    sizes: Sizes, peak: float, start: str
) -> None:
    assert memory.suggestion(sizes, peak).startswith(start)


def test_table_has_a_column_for_each_size_and_a_dash_for_what_was_not_delivered() -> None:
    sizes: Sizes = {256: {"cold.secret": Figure.of([900])}, 512: size_of(400, 1_250)}
    rows = [line.split() for line in memory.table(sizes, 105).splitlines()]
    assert rows[:2] == [
        ["256", "MB", "512", "MB"],
        ["share", "of", "a", "processor", "0.14", "0.29"],
    ]
    assert [row[-2:] for row in rows if row[:2] == ["cold", "start,"] and row[-3] == "Manager"] == [
        ["900", "400"],
        ["300", "350"],
    ]
    assert [row[-2:] for row in rows if row[:2] == ["1.8", "MB:"]] == [
        ["–", "2,000"],
        ["–", "1,150"],
    ]
    assert rows[-1][-2:] == ["105", "MB"]
