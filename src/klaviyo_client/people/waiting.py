"""The people whose upserts wait in a queue, as far as one process knows.

A later upsert of such a person must not overtake the earlier one, or the older traits would win.
It is queued as well: both meet in the queue, and a batch from the queue is sorted by time.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.people.persons import Key

MOST_KEYS = 20_000
"""The most keys that are kept; beyond that the oldest are forgotten first."""


MOST_LETTERS = 2_000_000
"""The most characters of their values, whose length the sender decides."""


LatestRetry = Callable[[float | None], float | None]
"""The longest wait before a first retry, in seconds, given the one that Klaviyo named."""


class WaitingPersons:
    """Remembers people for `seconds`; with 0, nobody. Times are monotonic seconds.

    What follows an upsert must not be due before it. The upsert's own delay is partly random, so
    what follows waits for the longest delay, as `latest_retry` gives it.
    """

    def __init__(self, seconds: float, latest_retry: LatestRetry) -> None:
        self._seconds = seconds
        self._latest_retry = latest_retry
        self._known: dict[Key, tuple[float, Retryable]] = {}

    def at(self, now: float) -> Mapping[Key, Retryable]:
        """Who is waiting, and why."""
        self._known = {key: known for key, known in self._known.items() if known[0] > now}
        return {key: outcome for key, (_, outcome) in self._known.items()}

    def remember(self, waiting: Mapping[Key, Retryable], now: float) -> None:
        """Remember that these upserts have failed and are queued now."""
        if self._seconds <= 0:
            return
        until = now + self._seconds
        for key, outcome in waiting.items():
            follows = replace(outcome, delay=self._latest_retry(outcome.delay))
            self._known[key] = (until, follows)
        number, letters = len(self._known), sum(len(each) for _, each in self._known)
        for key in list(self._known):
            if number <= MOST_KEYS and letters <= MOST_LETTERS:
                break
            del self._known[key]
            number, letters = number - 1, letters - len(key[1])
