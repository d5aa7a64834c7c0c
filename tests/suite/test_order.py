"""Which tests begin first, and which stay together."""

from pathlib import Path

from tests.suite.order import CONSOLE, FIRST, place

ROOT = Path(__file__).resolve().parents[2]


def test_each_place_is_one_that_tests_lie_in() -> None:
    """After a move they would begin late, and nothing else would tell."""
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")}
    assert [start for start in FIRST if not any(each.startswith(start) for each in modules)] == []


def test_modules_that_start_a_console_of_all_tests_are_one_group() -> None:
    """Each worker that takes one starts a console."""
    folder = ROOT / "tests/local/web_console"
    sharing = [
        path.relative_to(ROOT).as_posix()
        for path in folder.glob("**/test_*.py")
        if "running: Running" in path.read_text()
    ]
    assert sharing
    assert [module for module in sharing if not module.startswith(CONSOLE)] == []


def test_what_is_not_first_comes_last() -> None:
    nodeids = ["tests/test_docs.py::a", "tests/handler/test_x.py::b", "tests/faults/x.py::c"]
    assert sorted(nodeids, key=place) == nodeids[::-1]
