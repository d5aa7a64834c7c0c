"""The further identifiers of people that a process has written to the ledger already."""

from collections import OrderedDict

MOST_NAMES = 20_000
"""The most names that a process remembers."""


class WrittenNames:
    """The latest names of people that this process has written."""

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
        """Forget all: it is unknown what was written."""
        self._known.clear()
