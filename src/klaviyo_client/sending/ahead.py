"""What is made ahead of its time, while there is nothing to do but wait for Klaviyo."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class CalledOffError(Exception):
    """It is not wanted any more."""


class Ahead(Generic[T]):
    """Something that is made once, by whoever asks first; the others wait for it.

    What raises is made again by the next one that asks.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._is_called_off = False
        self._lock = threading.Lock()

    def get(self) -> T:
        """The value. Raises `CalledOffError` after `call_off`, unless it was made before."""
        with self._lock:
            if not self._made:
                if self._is_called_off:
                    raise CalledOffError
                self._made.append(self._make())
            return self._made[0]

    def call_off(self) -> T | None:
        """The value, if somebody has begun to make it. Otherwise nobody makes it any more."""
        with self._lock:
            self._is_called_off = True
            return self._made[0] if self._made else None
