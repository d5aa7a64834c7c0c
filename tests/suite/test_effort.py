"""How much is tried, by the environment."""

import pytest

from tests.suite.effort import examples, part


@pytest.mark.parametrize(
    ("variables", "tried", "cases"),
    [
        ({}, [50, 10, 10, 5], [0, 4, 8, 12, 16, 20]),
        ({"CI": "true"}, [200, 40, 12, 5], list(range(21))),
        ({"QUICK": "1"}, [20, 10, 10, 5], [0, 10, 20]),
        ({"QUICK": "1", "CI": "true"}, [20, 10, 10, 5], [0, 10, 20]),
    ],
)
def test_all_are_tried_in_ci_and_a_part_elsewhere(
    variables: dict[str, str],
    tried: list[int],
    cases: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CI", "QUICK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [examples(number) for number in (200, 40, 12, 5)] == tried
    assert part(range(21)) == cases
