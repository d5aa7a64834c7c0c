"""Host names to addresses, in bounded time.

`getaddrinfo` has no time-out, and the system's resolver may take half a minute over a name whose
servers are silent. So a look-up runs in a thread of its own, and its caller gives up at its own
deadline. A look-up that hangs is abandoned, and later callers start another: at most one every
`STUCK_SECONDS`, so that few threads hang at a time. None of them is a worker.
"""

import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

STUCK_SECONDS = 10.0

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family and what `connect` takes in it."""


class Names:
    """Look-ups under way. Thread-safe. Keeps no answers: kept connections need none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], tuple[float, Future[list[Address]]]] = {}

    def addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        """The host's addresses, in the order in which to try them.

        Raises `TimeoutError` when they are not known within `seconds`, `OSError` when there are
        none, and `UnicodeError` for what is no host name.
        """
        try:
            return _look_up(host, port, socket.AI_NUMERICHOST)
        except socket.gaierror:
            return self._look_up(host, port).result(seconds)

    def _look_up(self, host: str, port: int) -> Future[list[Address]]:
        """The look-up that is under way, or a new one."""
        with self._lock:
            now = time.monotonic()
            began, running = self._running.get((host, port), (now, None))
            if running is not None and not running.done() and now - began < STUCK_SECONDS:
                return running
            fresh: Future[list[Address]] = Future()
            self._running[host, port] = now, fresh
        arguments = (fresh, host, port)
        threading.Thread(target=_resolve, args=arguments, name="names", daemon=True).start()
        return fresh


def _resolve(future: Future[list[Address]], host: str, port: int) -> None:
    try:
        future.set_result(_look_up(host, port))
    except (OSError, UnicodeError) as error:
        future.set_exception(error)


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]
