"""Results that are remembered for what messages name again and again: sets of keys, event names.

What strangers send decides what is kept, so it is bounded in number and in size.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

KEPT = 256
"""Results of one function. Those met last are kept."""

LETTERS_KEPT = 3_000
"""Of the arguments of one result: some 100 keys. What has more is looked through each time."""

LETTERS_OF_A_KEY = 16
"""What each key counts besides its own letters."""


class _TooLarge(Exception, Generic[R]):  # noqa: N818 - caught below
    """A result that is not kept: `lru_cache` keeps what is returned, and nothing that is raised."""

    def __init__(self, result: R) -> None:
        super().__init__()
        self.result = result


def remembered(function: Callable[[*Ts], R]) -> Callable[[*Ts], R]:
    """The function, of texts or of tuples of texts, which remembers what it was asked last."""

    @lru_cache(maxsize=KEPT)
    def keep(*arguments: *Ts) -> R:
        result = function(*arguments)
        if _size(arguments) > LETTERS_KEPT:
            raise _TooLarge(result)
        return result

    def ask(*arguments: *Ts) -> R:
        try:
            return keep(*arguments)
        except _TooLarge as too_large:
            result: R = too_large.result
            return result

    return ask


def _size(arguments: object) -> int:
    if isinstance(arguments, tuple):
        return sum(map(_size, arguments))
    return LETTERS_OF_A_KEY + (len(arguments) if isinstance(arguments, str) else 0)
