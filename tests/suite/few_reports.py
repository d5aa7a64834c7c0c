"""A worker reports how a test's call went, and what did not pass around it: nobody reads the rest.

xdist sends six messages for each test, in Python on both sides: that took longer than most tests.
"""

import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run the test, then report. A worker that dies in a test is noticed without a report."""
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True
