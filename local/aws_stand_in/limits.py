"""Lambda's limits of memory and processor, for a process on this machine.

A process that takes more memory than the function's setting is killed. Its share of a processor is
proportional to the memory, a whole one at 1,769 MB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
Memory is read from Linux's `/proc`. On other systems it is not limited.
"""

import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

ONE_PROCESSOR_MB = 1_769

PERIOD = 0.02
"""Seconds of one period, in which the share of the processor is used up."""

PERIODS_BETWEEN_LOOKS = 5
"""How often the memory is checked. Linux keeps the peak of the time in between."""


def share_of(megabytes: int) -> float:
    """The share of a processor that a function with so much memory has, at most one."""
    return min(megabytes / ONE_PROCESSOR_MB, 1.0)


class ProcessLimits:
    """Holds one process after the other to its limits, each from `watch` to its end.

    A process with more than `memory_mb` is killed. `share` is of one processor. `peak_mb` is the
    largest peak of all processes, and `killed` how many were killed for their memory.
    """

    def __init__(self, memory_mb: int, share: float | None = None) -> None:
        self._memory_mb = memory_mb
        self._share = share_of(memory_mb) if share is None else share
        self.peak_mb = 0.0
        self.killed = 0

    def watch(self, process: "subprocess.Popen[str]") -> None:
        """Hold this process to the limits, in a thread of its own."""
        threading.Thread(target=self._hold, args=(process,), daemon=True).start()

    def _hold(self, process: "subprocess.Popen[str]") -> None:
        looks = 0
        while process.poll() is None:
            time.sleep(PERIOD * self._share)
            if self._share < 1:
                self._stand_still(process)
            looks += 1
            if looks % PERIODS_BETWEEN_LOOKS == 0:
                self._look(process)

    def _stand_still(self, process: "subprocess.Popen[str]") -> None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(PERIOD * (1 - self._share))
        process.send_signal(signal.SIGCONT)

    def _look(self, process: "subprocess.Popen[str]") -> None:
        held, peak = _memory_of(process.pid)
        self.peak_mb = max(self.peak_mb, peak)
        if held > self._memory_mb:
            self.killed += 1
            process.kill()


def _memory_of(pid: int) -> tuple[float, float]:
    """A process's memory in MB, and its peak; 0 if unknown."""
    found = {"VmRSS": 0.0, "VmHWM": 0.0}
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) / 1024
    return found["VmRSS"], found["VmHWM"]
