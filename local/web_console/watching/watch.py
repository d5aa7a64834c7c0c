"""Records the state once a second, so that the page can show what happened before it was opened."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from local.background import Background
from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper, Dead, QueueContents

EVERY_SECONDS = 1.0

KEPT = 180
"""How many looks are kept: three minutes."""


@dataclass(frozen=True, slots=True)
class Look:
    """The state at one time (Unix seconds).

    `delivered` and `queued` count messages since the start. `waiting` and `dead` are the numbers of
    entries in the two queues.
    """

    at: float
    delivered: int
    queued: int
    waiting: int
    dead: int


class Watch(Background):
    """Keeps the last looks, and updates the journal, from `with` to its end."""

    def __init__(
        self, journal: Journal, bookkeeper: Bookkeeper, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._bookkeeper = bookkeeper
        self._clock = clock
        self._looks: deque[Look] = deque(maxlen=KEPT)
        super().__init__("watch")

    @property
    def looks(self) -> list[Look]:
        """The last looks, the oldest first."""
        return list(self._looks)

    def look(self) -> QueueContents:
        """The current queues, after an update of the journal."""
        number = self._journal.number
        contents = self._bookkeeper.look()
        self._journal.observe(contents, number)
        return contents

    def letter(self, key: str) -> Dead | None:
        """The dead letter of this key, if it is still there."""
        return next((each for each in self.look().dead if each.key == key), None)

    def work(self) -> None:
        while not self.stopped.is_set():
            contents = self.look()
            totals = self._journal.totals()
            self._looks.append(
                Look(
                    self._clock(),
                    totals.get("delivered", 0),
                    totals.get("queued", 0),
                    len(contents.waiting),
                    len(contents.dead),
                )
            )
            self.stopped.wait(EVERY_SECONDS)
