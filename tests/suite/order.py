"""In which order pytest's workers take the tests: nobody waits for one that began late.

A worker takes a module at a time. The modules that take longest come first: they mostly wait, for
a browser, a process or a clock, and the others compute meanwhile. The tests that share a `make run`
stay together, since each worker would start one of its own.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

CONSOLE = "tests/local/web_console/in_a_browser", "tests/local/web_console/test_"
"""What the tests that share a `make run` begin with."""

FIRST = (
    "tests/faults",
    *CONSOLE,
    "tests/cli/commands/test_rehearse.py",
    "tests/local/web_console/watching/test_truth.py",
    "tests/local/make_run",
    "tests/cli/commands/test_send_verify.py",
    "tests/cli/commands/test_dlq.py",
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
    """xdist's scheduler that hands out groups of tests: modules, and the console's tests as one."""

    def _split_scope(self, nodeid: str) -> str:
        return CONSOLE[0] if nodeid.startswith(CONSOLE) else nodeid.split("::", 1)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests."""
    items.sort(key=lambda item: place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    """Take the place of `--dist loadfile`, which would start as many consoles as it has workers."""
    return ByModule(config, log) if config.getoption("dist") == "loadfile" else None
