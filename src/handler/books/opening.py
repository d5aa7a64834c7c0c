"""The ledger for a process of one of the functions, and its key."""

import functools

from handler.books.carried import Carried
from handler.books.last_word import LastWord
from handler.books.page import Page
from handler.books.written_names import WrittenNames
from handler.report.telemetry import Metric, Telemetry
from ledger.allowance import SECONDS, Allowance
from ledger.people import People
from ledger.table import Table

NO_KEY = (
    "ledger_key: expected a text of 32 characters or more in the secret; "
    "`klaviyo-destination secret set` makes one"
)


class Books:
    """The ledger, for one process of the function called `by`. It takes `seconds` of a call."""

    def __init__(
        self,
        table: Table,
        by: str,
        telemetry: Telemetry,
        last_word: LastWord,
        seconds: float | None = None,
    ) -> None:
        self.seconds = SECONDS if seconds is None else seconds
        self.last_word = last_word
        self._table = table
        self._by = by
        self._telemetry = telemetry
        self._written_names = WrittenNames()
        self._carried = Carried()

    def open(self, ledger_key: str | None) -> Page | None:
        """The ledger for one call; `None`, and a counted failure, if the secret has no key."""
        if ledger_key is None:
            self._telemetry.warning("ledger off", detail=NO_KEY)
            self._telemetry.count(Metric.LEDGER_FAILURES, 1)
            return None
        people = _people(ledger_key)
        return Page(
            self._table,
            self._by,
            self._telemetry,
            people,
            self._written_names,
            self._carried,
            self.last_word,
            Allowance(self.seconds),
        )


@functools.lru_cache(maxsize=2)
def _people(ledger_key: str) -> People:
    return People(ledger_key)
