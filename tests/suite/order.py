"""In which order pytest's workers take the tests: nobody waits for one that began late.

A worker takes a module at a time. The modules that take longest come first: they mostly wait, for
a browser, a process or a clock, and the others compute meanwhile. The tests that share a `make run`
stay together, since each worker would start one of its own.

A worker takes its next module as soon as it begins the last but one test of this one. So what takes
longest of all has short tests of its folder behind it: no long module waits there meanwhile.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

CONSOLE = "tests/local/web_console/in_a_browser", "tests/local/web_console/test_"
"""What the tests that share a `make run` begin with."""

FAULTS = "tests/faults"

FIRST = (
    "tests/faults/test_faults.py",
    FAULTS,
    "tests/handler/test_hostile_batches.py",
    *CONSOLE,
    "tests/cli/commands/test_rehearse.py",
    "tests/local/web_console/watching/test_truth.py",
    "tests/local/make_run",
    "tests/cli/commands/test_send_verify.py",
    "tests/cli/commands/test_dlq",
    "tests/cli/commands/test_backfill.py",
    "tests/cli/test_next_command.py",
    "tests/cli/test_stack.py",
    "tests/packaging",
    "tests/klaviyo_mapping/test_properties.py",
    "tests/klaviyo_client/test_faults.py",
    "tests/handler",
    "tests/bench",
)
"""What the tests that take longest begin with, in their order."""


def place(nodeid: str) -> int:
    """Where the test stands in that order. All others come last."""
    return next((n for n, start in enumerate(FIRST) if nodeid.startswith(start)), len(FIRST))


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduler that hands out groups of tests: modules, and two folders as one each."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(CONSOLE):
            return CONSOLE[0]
        return FAULTS if nodeid.startswith(FAULTS) else nodeid.split("::", 1)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests."""
    items.sort(key=lambda item: place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    """Take the place of `--dist loadfile`, which would start as many consoles as it has workers."""
    return ByModule(config, log) if config.getoption("dist") == "loadfile" else None
