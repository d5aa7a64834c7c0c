"""Looks on once a second, so that the page can show how things went, also before it was opened."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper, Books, Dead

EVERY_SECONDS = 1.0

KEPT = 180
"""Looks that are remembered: three minutes."""


@dataclass(frozen=True, slots=True)
class Look:
    """How things stood at a time (Unix seconds).

    `delivered` and `queued` count messages since the start, `waiting` and `dead` are the entries in
    either queue.
    """

    at: float
    delivered: int
    queued: int
    waiting: int
    dead: int


class Watch:
    """Keeps the last looks, and the journal up to date, from `with` to its end."""

    def __init__(
        self, journal: Journal, bookkeeper: Bookkeeper, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._clock = clock
        self._looks: deque[Look] = deque(maxlen=KEPT)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def looks(self) -> list[Look]:
        """The last looks, the oldest first."""
        return list(self._looks)

    def look(self) -> Books:
        """The queues as they stand, once the journal knows of it."""
        number = self._journal.number
        books = self._bookkeeper.look()
        self._journal.observe(books, number)
        return books

    def letter(self, key: str) -> Dead | None:
        """The dead letter of this key, if it is still there."""
        return next((each for each in self.look().dead if each.key == key), None)

    def _look_on(self) -> None:
        while not self._stopped.is_set():
            books = self.look()
            totals = self._journal.totals()
            self._looks.append(
                Look(
                    self._clock(),
                    totals.get("delivered", 0),
                    totals.get("queued", 0),
                    len(books.waiting),
                    len(books.dead),
                )
            )
            self._stopped.wait(EVERY_SECONDS)
