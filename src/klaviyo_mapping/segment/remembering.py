"""Results that are remembered for what messages name again and again: sets of keys, event names.

What strangers send decides what is kept, so it is bounded in number and in size.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

KEPT = 256
"""Results of one function. One more, and all are forgotten."""

LETTERS_KEPT = 3_000
"""Of the argument of one result: some 100 keys. What has more is looked through each time."""

LETTERS_OF_A_KEY = 16
"""What each key counts besides its own letters."""


class _Results(dict[T, R]):
    """By argument; the function is asked for what is not there."""

    def __init__(self, function: Callable[[T], R]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, argument: T) -> R:
        result = self._function(argument)
        if _size(argument) <= LETTERS_KEPT:
            if len(self) >= KEPT:
                self.clear()
            self[argument] = result
        return result


def remembered(function: Callable[[T], R]) -> Callable[[T], R]:
    """The function, of a text or of a tuple of texts, which remembers what it was asked last."""
    return _Results(function).__getitem__


def _size(argument: object) -> int:
    if isinstance(argument, tuple):
        return sum(map(_size, argument))
    return LETTERS_OF_A_KEY + (len(argument) if isinstance(argument, str) else 0)
