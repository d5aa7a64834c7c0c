"""What all functions know of Klaviyo together, in one item of the table.

The circuit's state, the pauses that Klaviyo asked for, and when each process last sent. A process
that sends makes one update a second: it writes what is new, and returns the rest.
"""

from klaviyo_client.sending.shared import ACTIVE_SECONDS, STALE_SECONDS, Outlook
from ledger import item_keys
from ledger.allowance import Allowance
from ledger.table import Table, Update
from ledger.values import Item

PAUSE, SENDER = "p#", "m#"
"""Prefixes of the attributes of an endpoint's pause and of a process."""

SECONDS = 0.1
"""The part of the allowance for all exchanges of a call: the retry function sends for most of a
minute."""


class TableBarometer:
    """For one call of the process `me`. It takes at most `seconds` of the call's allowance, and at
    most half of them at a time; see `klaviyo_client.sending.shared`."""

    def __init__(
        self, table: Table, allowance: Allowance, me: str, seconds: float = SECONDS
    ) -> None:
        self._table = table
        self._allowance = allowance
        self._me = f"{SENDER}{me}"
        self._gone: list[str] = []
        self._left, self._most = seconds, seconds / 2

    def exchange(self, news: Outlook) -> Outlook | None:
        """Write what is new, and return what the others have written."""
        if self._left <= 0:
            return None
        try:
            return self._exchange(news)
        except Exception:  # whatever the table answers, it must never cost a message
            self._allowance.fail("unexpected")
            return None

    def _exchange(self, news: Outlook) -> Outlook | None:
        now = self._table.now()
        sets: dict[str, float] = {self._me: now, "expires": float(self._table.expires())}
        if news.open_until is not None:
            sets |= {"open_until": news.open_until, "open_seconds": news.open_seconds}
        sets |= {f"{PAUSE}{name}": until for name, until in news.pauses.items()}
        names = {f"#{place}": name for place, name in enumerate((*sets, *self._gone))}
        written = ", ".join(f"#{place} = :{place}" for place in range(len(sets)))
        removed = ", ".join(f"#{place}" for place in range(len(sets), len(names)))
        expression = f"SET {written}" + (f" REMOVE {removed}" if removed else "")
        values = {f":{place}": value for place, value in enumerate(sets.values())}
        update = Update(item_keys.KLAVIYO, expression, values, names)
        before = self._allowance.left
        [changed] = self._table.change([update], self._allowance, most=self._most)
        self._left -= before - self._allowance.left
        if not changed.is_made or changed.item is None:
            return None
        self._gone = _gone(changed.item, now)
        return _outlook(changed.item, now)


def _outlook(item: Item, now: float) -> Outlook:
    return Outlook(
        item.get("open_until", 0.0),
        item.get("open_seconds", 0.0),
        {
            name.removeprefix(PAUSE): until
            for name, until in item.items()
            if name.startswith(PAUSE) and until > now
        },
        sum(name.startswith(SENDER) and now - at < ACTIVE_SECONDS for name, at in item.items()),
    )


def _gone(item: Item, now: float) -> list[str]:
    """The names of attributes that are out of date."""
    return [
        name
        for name, at in item.items()
        if name.startswith((PAUSE, SENDER)) and at + STALE_SECONDS < now
    ][:50]
