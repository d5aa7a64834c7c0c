"""The decorator of the values that every message makes several of."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """A dataclass that is frozen for the type checker, and open while it runs.

        `frozen` sets each field by a call, which makes a value cost five times as much (0.85 µs
        against 0.16 µs for nine fields, Python 3.13); a message makes about ten of them. mypy
        reports who assigns to one, and equality and hash are those of a frozen dataclass.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
