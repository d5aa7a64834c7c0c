"""A share of a processor, enforced by Linux itself.

`local/aws_stand_in/limits.py` says how much Lambda gives.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PERIOD = 20_000
"""Microseconds of one period, in which the share is used up."""

GROUPS = Path("/sys/fs/cgroup")


class NoQuotaError(Exception):
    """This machine cannot limit the processor. The text says why."""


@contextmanager
def limited(share: float) -> Iterator[list[str]]:
    """A control group with this share; yields the command that runs another command in it.

    Linux only, as root. Raises `NoQuotaError`.
    """
    try:
        group = _group(round(share * PERIOD))
    except OSError as error:
        raise NoQuotaError(f"{error.strerror}: {error.filename}") from None
    try:
        # The group is entered before the program is loaded, so that all of it counts.
        yield ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        group.rmdir()


def _group(quota: int) -> Path:
    name = f"bench-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    if (GROUPS / "cgroup.controllers").exists():
        group = GROUPS / name
        limits = {"cpu.max": f"{quota} {PERIOD}"}
    else:
        group = GROUPS / "cpu" / name
        limits = {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": str(quota)}
    group.mkdir()
    try:
        for file, value in limits.items():
            (group / file).write_text(value)
    except OSError:
        group.rmdir()
        raise
    return group
