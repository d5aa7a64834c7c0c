"""Calls to DynamoDB: within the allowance, side by side, and a second time where that helps."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from ledger.allowance import NO_TIME_LEFT, Allowance

Document = dict[str, Any]

Asked = tuple[str, Any]
"""An operation with its parameters: a document, which may be written already, wholly or in part
(`msgspec.Raw`)."""

ROUNDS = 2
"""How often what DynamoDB has left undone is sent in all."""

PAUSE = 0.02
"""Seconds before the second round."""

ALIVE_SECONDS = 60.0
"""So long without an answer DynamoDB counts as late rather than as out of reach."""

FAILED_CONDITION = "ConditionalCheckFailedException"

REFUSED = "ValidationException"
"""The code of a request that is wrong as a whole, such as one that is too large, or that has one
item of more than 400 KB."""


class TableError(Exception):
    """DynamoDB has refused, or not answered; the text is its code. `answer` is what it said."""

    def __init__(self, code: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.answer = answer or {}


Answered = Document | TableError

Meanwhile = Callable[[], object]
"""What is done while DynamoDB is waited for."""

Call = Callable[[Iterable[Asked], float], Iterable[tuple[int, Answered]]]
"""Sends operations side by side, within so many seconds; gives each answer with the number of its
operation. Raises `TableError` if nothing can be sent."""


class Requests:
    """Those of one process. Safe to use from several threads."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self._unanswered_since: float | None = None

    def ask(
        self, asked: Iterable[Asked], until: float, allowance: Allowance
    ) -> Iterator[tuple[int, Answered]]:
        """DynamoDB's answers until then, or why there is none, each with the number of what was
        asked; in the order in which they come. The iterator has to be exhausted.

        What is asked is taken while other requests are under way. Raises `TableError` if nothing
        can be sent.
        """
        left = until - allowance.clock()
        if left <= 0:
            raise TableError(NO_TIME_LEFT)
        began, is_answered = time.monotonic(), False
        for number, answer in self.call(asked, left):
            is_answered = is_answered or not isinstance(answer, TableError)
            if is_answered:
                self._unanswered_since = None
            elif self._unanswered_since is None:
                self._unanswered_since = began
            yield number, answer

    def ask_each(
        self,
        asked: Sequence[Asked],
        until: float,
        allowance: Allowance,
        meanwhile: Meanwhile | None = None,
    ) -> list[Answered]:
        """The answers, or why there is none, in the order of what was asked. `meanwhile` is called
        once all is asked; it is not the ledger's work, and its time does not count."""

        def beside() -> None:
            if meanwhile is not None:
                with allowance.besides():
                    meanwhile()

        try:
            answers = dict(self.ask(followed(asked, beside), until, allowance))
        except TableError as error:
            return [error] * len(asked)
        return [answers[number] for number in range(len(asked))]

    @property
    def are_answered(self) -> bool:
        """Whether DynamoDB is there, however late it is now: this process has not asked in vain for
        a minute. The time in which it asks nothing does not count."""
        since = self._unanswered_since
        return since is None or time.monotonic() - since < ALIVE_SECONDS

    def is_over(self, attempt: int, until: float, allowance: Allowance) -> bool:
        """Whether there is no time for another round; pauses before the second one."""
        pause = PAUSE if attempt else 0.0
        if until - allowance.clock() <= pause:
            return True
        if pause:
            time.sleep(pause)
        return False


def followed(asked: Iterable[Asked], meanwhile: Meanwhile | None) -> Iterator[Asked]:
    """What is asked; then `meanwhile` is done while the answers are waited for. Whoever needs what
    fails in it makes it again."""
    yield from asked
    if meanwhile is not None:
        with suppress(Exception):
            meanwhile()


T = TypeVar("T")


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of this size, the last one maybe shorter."""
    waiting = iter(values)
    while chunk := list(islice(waiting, size)):
        yield chunk
