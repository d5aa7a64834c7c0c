"""Promise and reality side by side, one row for each fact."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.rehearsal.promise import Promise
from cli.rehearsal.reality import Reality, RecordedEvent
from operations import CreateEvent

ABSENT = "–"

EVENT_ID, VALUE = "$event_id", "$value"
"""Under which names Klaviyo shows an event's unique id and value among its properties."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: what was promised of it, and how it is in Klaviyo."""

    what: str
    promised: str
    actual: str
    holds: bool


def compare(promise: Promise, reality: Reality) -> list[Row]:
    """Every promised fact."""
    return [
        *_profile(promise, reality),
        *_events(promise, reality),
        *_lists(promise, reality),
        *_consents(promise, reality),
    ]


def _profile(promise: Promise, reality: Reality) -> Iterator[Row]:
    for place, value in promise.profile.items():
        actual = reality.profile.get(place)
        yield Row(place, _text(value), _text(actual), _is_same(value, actual, place))


def _events(promise: Promise, reality: Reality) -> Iterator[Row]:
    for metric in promise.metrics:
        wanted = [event for event in promise.events if event.metric == metric]
        recorded = [event for event in reality.events if event.metric == metric]
        yield Row(
            f'"{metric}", each sent twice',
            f"{len(wanted)} recorded",
            f"{len(recorded)} recorded",
            len(recorded) == len(wanted),
        )
        for event in wanted:
            yield from _event(event, recorded)
    others = [event.metric for event in reality.events if event.metric not in promise.metrics]
    if others:
        yield Row("other events", ABSENT, ", ".join(dict.fromkeys(others)), False)


def _event(event: CreateEvent, recorded: list[RecordedEvent]) -> Iterator[Row]:
    """The properties and the value of one event, in one row."""
    wanted: dict[str, Any] = dict(event.properties)
    if event.value is not None:
        wanted[VALUE] = event.value
    best = min(
        (_differences(event, wanted, each) for each in recorded), key=len, default=list(wanted)
    )
    promised = f"{len(wanted)} properties" if VALUE not in wanted else (
        f"{len(wanted) - 1} properties, value {_text(event.value)}"
    )  # fmt: skip
    actual = f"differs: {', '.join(best)}" if best else "the same"
    yield Row(f'"{event.metric}" {event.unique_id}', promised, actual, not best)


def _differences(event: CreateEvent, wanted: Mapping[str, Any], found: RecordedEvent) -> list[str]:
    named = found.properties.get(EVENT_ID)
    if named is not None and named != event.unique_id:
        return [EVENT_ID, *wanted]
    # Whether a value is shown at all is not documented: what is not shown is not compared.
    return [
        name
        for name, value in wanted.items()
        if not (name == VALUE and name not in found.properties)
        and not _is_same(value, found.properties.get(name))
    ]


def _lists(promise: Promise, reality: Reality) -> Iterator[Row]:
    for named in promise.joins:
        found = reality.lists.get(named)
        name = f"list {found.name if found else named}"
        is_on = found is not None and found.has_person
        yield Row(name, "on it", "on it" if is_on else "not on it", is_on)


def _consents(promise: Promise, reality: Reality) -> Iterator[Row]:
    """A double opt-in list, and an account that asks, wait for the person's click."""
    for named in promise.subscribes:
        found = None if named is None else reality.lists.get(named)
        consent = reality.consent or ABSENT
        if found is None:
            promised = "SUBSCRIBED, or asked by e-mail"
            is_right = consent in ("SUBSCRIBED", "NEVER_SUBSCRIBED")
            yield Row("consent to e-mail", promised, consent, is_right)
            continue
        asks = found.opt_in != "single_opt_in"
        promised = "asked by e-mail, not on it yet" if asks else "on it, SUBSCRIBED"
        place = "on it" if found.has_person else "not on it"
        is_right = not found.has_person if asks else found.has_person and consent == "SUBSCRIBED"
        yield Row(f"list {found.name} ({found.opt_in})", promised, f"{place}, {consent}", is_right)


def _is_same(promised: Any, actual: Any, place: str = "") -> bool:
    if place == "email" and isinstance(actual, str):
        return bool(promised.lower() == actual.lower())
    is_number = isinstance(promised, int | float) and not isinstance(promised, bool)
    if is_number and isinstance(actual, int | float) and not isinstance(actual, bool):
        return math.isclose(promised, actual)
    if isinstance(promised, list) and isinstance(actual, list):
        return len(promised) == len(actual) and all(map(_is_same, promised, actual))
    if isinstance(promised, Mapping) and isinstance(actual, Mapping):
        return promised.keys() == actual.keys() and all(
            _is_same(value, actual[name]) for name, value in promised.items()
        )
    return type(promised) is type(actual) and bool(promised == actual)


def _text(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
