"""A cache whose size is bounded: `lru_cache` bounds the number of its entries only."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar, TypeVarTuple

MOST_FIELDS = 100
"""Few messages set more fields. What is found out about these is not kept."""

First = TypeVar("First", bound=str | bytes | tuple[str, ...])
Rest = TypeVarTuple("Rest")
T = TypeVar("T")


def cached_if_short(
    longest: int, entries: int
) -> Callable[[Callable[[First, *Rest], T]], Callable[[First, *Rest], T]]:
    """Keeps the last results of a function, except those for a first argument that is longer."""

    def decorate(function: Callable[[First, *Rest], T]) -> Callable[[First, *Rest], T]:
        cached = lru_cache(maxsize=entries)(function)

        @wraps(function)
        def call(first: First, /, *rest: *Rest) -> T:
            return cached(first, *rest) if len(first) <= longest else function(first, *rest)

        return call

    return decorate
