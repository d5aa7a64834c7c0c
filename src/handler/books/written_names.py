"""Which further names of people a process has written into the ledger, so as not to repeat it."""

from collections import OrderedDict

MOST_NAMES = 20_000
"""Names that a process remembers."""


class WrittenNames:
    """The names of people that this process has written, the latest of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_new(self, name: tuple[str, str]) -> bool:
        """Whether it has not been written yet; it counts as written from now on."""
        if name in self._known:
            return False
        self._known[name] = None
        if len(self._known) > MOST_NAMES:
            self._known.popitem(last=False)
        return True

    def clear(self) -> None:
        """Nobody knows what was written."""
        self._known.clear()
