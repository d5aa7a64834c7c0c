"""Work in a thread, from `with` to its end."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import Self

LOOK_SECONDS = 0.05
"""How soon a server notices that it has to end, in seconds."""


class Background(ABC):
    """`work` runs in a daemon thread of this name. It must end soon after `stopped` is set.

    The end of `with` waits at most `patience` seconds for it; without a limit if it is `None`.
    """

    def __init__(self, name: str, patience: float | None = None) -> None:
        self.stopped = threading.Event()
        self._patience = patience
        self._thread = threading.Thread(target=self.work, name=name, daemon=True)

    @abstractmethod
    def work(self) -> None:
        """The work itself."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join(self._patience)


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Run the server on loopback until the end of `with`; yields its URL without a path."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
