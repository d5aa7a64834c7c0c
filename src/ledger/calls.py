"""Calls to DynamoDB: within the allowance, side by side, and a second time where that helps."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from ledger.allowance import NO_TIME_LEFT, Allowance

Document = dict[str, Any]

Call = Callable[[str, Document, float], Document]
"""Sends an operation with its parameters within so many seconds; raises `TableError`."""

THREADS = 20
"""Requests under way at once: a large call sends its ten reads, or its ten transactions, side
by side, and its forty writes in two rounds."""

ROUNDS = 2
"""How often what DynamoDB has left undone is sent in all."""

PAUSE = 0.02
"""Seconds before the second round."""

ALIVE_SECONDS = 60.0
"""So long after its last answer DynamoDB counts as late rather than as out of reach."""

FAILED_CONDITION = "ConditionalCheckFailedException"


class TableError(Exception):
    """DynamoDB has refused, or not answered; the text is its code. `answer` is what it said."""

    def __init__(self, code: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.answer = answer or {}


T = TypeVar("T")


class Requests:
    """Those of one process. Safe to use from several threads."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self._threads: ThreadPoolExecutor | None = None
        self._answered_at: float | None = None

    def ask(
        self, operation: str, document: Document, until: float, allowance: Allowance
    ) -> Document:
        """DynamoDB's answer until then. Raises `TableError`."""
        left = until - allowance.clock()
        if left <= 0:
            raise TableError(NO_TIME_LEFT)
        if self._answered_at is None:
            self._answered_at = time.monotonic()
        answer = self.call(operation, document, left)
        self._answered_at = time.monotonic()
        return answer

    @property
    def are_answered(self) -> bool:
        """Whether DynamoDB has answered this process within the last minute: then it is there,
        however late it is now. A process that has just begun to ask gives it that minute too."""
        return self._answered_at is not None and (
            time.monotonic() - self._answered_at < ALIVE_SECONDS
        )

    def ask_or_count(
        self,
        operation: str,
        document: Document,
        until: float,
        allowance: Allowance,
        number: int,
    ) -> Document | None:
        """DynamoDB's answer; `None`, and `number` failures, where there is none."""
        try:
            return self.ask(operation, document, until, allowance)
        except TableError as error:
            allowance.fail(str(error), number)
            return None

    def is_over(self, attempt: int, until: float, allowance: Allowance) -> bool:
        """Whether there is no time for another round; pauses before the second one."""
        pause = PAUSE if attempt else 0.0
        if until - allowance.clock() <= pause:
            return True
        if pause:
            time.sleep(pause)
        return False

    def each(self, act: Callable[[Any], T], parts: Sequence[Any]) -> list[T]:
        """What comes of each part, in order; several parts side by side."""
        if len(parts) < 2:
            return [act(part) for part in parts]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "ledger")
        return list(self._threads.map(act, parts))


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of this size, the last one maybe shorter."""
    waiting = iter(values)
    while chunk := list(islice(waiting, size)):
        yield chunk
