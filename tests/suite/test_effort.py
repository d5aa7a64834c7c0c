"""How many examples of a property are tried, by the environment."""

import pytest

from tests.suite.effort import examples


@pytest.mark.parametrize(
    ("variables", "tried"),
    [
        ({}, [50, 10, 10, 5]),
        ({"CI": "true"}, [200, 40, 12, 5]),
        ({"QUICK": "1"}, [20, 10, 10, 5]),
        ({"QUICK": "1", "CI": "true"}, [20, 10, 10, 5]),
    ],
)
def test_all_are_tried_in_ci_and_a_part_elsewhere(
    variables: dict[str, str], tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "QUICK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [examples(number) for number in (200, 40, 12, 5)] == tried
