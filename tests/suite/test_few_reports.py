"""What a worker reports of a test."""

import pytest

from tests.suite import few_reports

pytest_plugins = "pytester"

TESTS = """
import pytest

@pytest.fixture
def begins_badly():
    raise OSError

@pytest.fixture
def ends_badly():
    yield
    raise OSError

def test_passes(): pass
def test_fails(): assert False
def test_is_skipped(): pytest.skip()
def test_begins_badly(begins_badly): pass
def test_ends_badly(ends_badly): pass
"""


def test_the_call_is_reported_and_what_did_not_pass_around_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    ran = pytester.inline_run(plugins=[few_reports])
    assert [
        (report.nodeid.partition("::")[2], report.when, report.outcome)
        for report in ran.getreports("pytest_runtest_logreport")
    ] == [
        ("test_passes", "call", "passed"),
        ("test_fails", "call", "failed"),
        ("test_is_skipped", "call", "skipped"),
        ("test_begins_badly", "setup", "failed"),
        ("test_ends_badly", "call", "passed"),
        ("test_ends_badly", "teardown", "failed"),
    ]
    assert ran.getcalls("pytest_runtest_logstart") == []
