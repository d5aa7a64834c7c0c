"""Previews for the page: computes the newest input, and abandons the ones that it replaces.

A preview of thousands of messages takes seconds, and every key press is new input. The page shows
part of a result at a time, so the last results are kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import preview
from klaviyo_mapping import Settings
from operations import Json
from preview import Offer, Preview

KEPT = 4
"""How many results are kept. The largest take some tens of megabytes each."""

TRACED = 1_000
"""The most messages for which the sources of values are traced: that takes four times as long as
the rest."""

PAGES = 100
"""How many open pages are remembered with their newest input."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A preview and its input."""

    preview: Preview
    given: Sequence[Json]
    settings: Settings
    now: datetime

    def offers(self, number: int) -> tuple[Offer, ...]:
        """What other settings would change about the message of this number."""
        return preview.offers(self.given[number - 1], self.settings, self.now)


class Superseded(Exception):  # noqa: N818 - a state, not an error
    """The page has sent newer input, so this result is not needed."""


@dataclass(slots=True)
class Previews:
    """The last previews, and the newest input of each page. Thread-safe."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _working: threading.Lock = field(default_factory=threading.Lock)
    _newest: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _kept: OrderedDict[object, Computed] = field(default_factory=OrderedDict)

    def of(
        self, text: str, texts: Mapping[str, str], settings: Settings, page: str, number: int
    ) -> Computed:
        """What the text would become with the settings, of which the `texts` are the written form.

        The inputs of a `page` are numbered in order. Raises `preview.UnreadableText`, and
        `Superseded` once the page has sent a later input.
        """
        with self._lock:
            self._newest[page] = max(number, self._newest.pop(page, 0))
            while len(self._newest) > PAGES:
                self._newest.popitem(last=False)

        def go_on() -> None:
            if self._newest.get(page, number) > number:
                raise Superseded

        key = (text, frozenset(texts.items()))
        with self._working:
            go_on()
            found = self._kept.pop(key, None) or _computed(text, settings, go_on)
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found


def _computed(text: str, settings: Settings, go_on: Callable[[], None]) -> Computed:
    now = datetime.now(UTC)
    given = preview.read(text)
    is_traced = len(given) <= TRACED
    found = preview.explain(given, settings, now, is_traced=is_traced, go_on=go_on)
    return Computed(found, given, settings, now)
