"""Something that goes on in a thread of its own, from `with` to its end."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import Self

LOOK_SECONDS = 0.05
"""How soon a server sees that it has to end."""


class Background(ABC):
    """`work` runs in a daemon thread of this name, and ends soon after `stopped` is set.

    The end of `with` waits `patience` seconds for it at most, without a limit when it is None.
    """

    def __init__(self, name: str, patience: float | None = None) -> None:
        self.stopped = threading.Event()
        self._patience = patience
        self._thread = threading.Thread(target=self.work, name=name, daemon=True)

    @abstractmethod
    def work(self) -> None:
        """What goes on."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join(self._patience)


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """The server on loopback, at work until the end of `with`; gives its URL without a path."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
