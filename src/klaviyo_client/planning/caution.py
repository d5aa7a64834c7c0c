"""One item that makes every request fail must not hold back the others. Pure.

A 500, a firewall's 403, a 408 or a cut connection does not say which item it is about, or whether
it is about one at all. So items that have failed together several times are sent in a series of
smaller requests. The first is a sample. If it fails as well, Klaviyo is in trouble, and nothing
more is sent. If it is accepted, pieces follow, which grow with each success and shrink with each
failure. A piece that fails waits for its next attempt, whose sample is smaller. So an outage costs
one small request a delivery, its end about ten more for a thousand items, and a poison item is soon
by itself.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from klaviyo_client.api.outcomes import Outcome, Retryable, RetryReason
from klaviyo_client.planning.requests import Item, Request, Series

SUSPECT_AFTER = 3
"""Failed attempts after which an item may be what makes its requests fail."""

MOST_ATTEMPTS = 1000
"""Higher counts are cut to this: a count in the queue may have been edited by hand."""

MOST_MISSES = 8
"""Pieces of one series that may fail: then the rest waits for its next attempt."""

MAY_BE_ONE_ITEM = frozenset(
    {
        RetryReason.UNAVAILABLE,
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_FAILED,
        RetryReason.FORBIDDEN,
        RetryReason.UNEXPECTED_ANSWER,
    }
)
"""Failures that may be about one item of a request."""

GOLDEN = 0.618
"""The part of the length by which the sample moves at each attempt, so that it soon reaches every
item."""


def cautious(requests: Iterable[Request], attempts: Sequence[int]) -> Iterator[Request]:
    """The requests, with what has failed too often in series; `attempts` are by position."""
    for request in requests:
        tries = [
            min(max(attempts[each] for each in (*item.covers, *item.joins)), MOST_ATTEMPTS)
            for item in request.items
        ]
        if len(tries) < 2 or max(tries) < SUSPECT_AFTER:
            yield request
            continue
        pairs = list(zip(request.items, tries, strict=True))
        steady = tuple(item for item, tried in pairs if tried < SUSPECT_AFTER)
        if steady:
            yield replace(request, items=steady)
        yield _series(request, [pair for pair in pairs if pair[1] >= SUSPECT_AFTER])


def _series(request: Request, suspects: Sequence[tuple[Item, int]]) -> Request:
    """A sample of those that failed least, and the others behind it."""
    fewest = int(min(tried for _, tried in suspects))
    offset = int(fewest * GOLDEN * len(suspects)) % len(suspects)
    ordered = sorted([*suspects[offset:], *suspects[:offset]], key=lambda pair: pair[1])
    items = tuple(item for item, _ in ordered)
    size = max(1, len(items) >> fewest)
    return replace(request, items=items[:size], series=Series(items[size:]))


def following(request: Request, series: Series, outcome: Outcome) -> list[Request]:
    """The next piece of the series after this one has its outcome; `None` ends the series."""
    size = 2 * len(request.items)
    if isinstance(outcome, Retryable):
        series = replace(series, misses=series.misses + 1)
        if (
            outcome.reason not in MAY_BE_ONE_ITEM
            or not series.was_answered
            or series.misses > MOST_MISSES
        ):
            return []
        size = max(1, len(request.items) // 2)
    else:
        series = replace(series, was_answered=True)
    items = series.items
    if not items:
        return []
    return [replace(request, items=items[:size], series=replace(series, items=items[size:]))]
