"""The events that the account has recorded, each (profile, metric, unique_id) once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from local.klaviyo_stand_in.records import times

Keep = Literal["all", "ids", "counts"]
"""What is kept of an event: everything, only its key, or a hash of the key (for benchmarks)."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One recorded event. `sent` counts how often it has arrived, the first time included.

    `time` is ISO 8601 in UTC, in whole seconds. If only keys are kept, everything after `unique_id`
    is empty, except `sent`.
    """

    profile_id: str
    metric: str
    unique_id: str
    sent: int = 1
    time: str | None = None
    value: float | int | None = None
    value_currency: str | None = None
    properties: Mapping[str, Any] | None = None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class KlaviyoMetric:
    """The metric of all events with one name. It cannot be deleted."""

    id: str
    name: str
    created: datetime


_Key = tuple[str, str, str]


class Events:
    """`sent` counts all accepted events, `recorded` the new ones."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._sent: dict[_Key, int] = {}
        self._attributes: dict[_Key, tuple[str, Mapping[str, Any], bool]] = {}
        self._hashes: set[int] = set()
        self.metrics: dict[str, KlaviyoMetric] = {}
        """By name, in the order of their first events."""
        self.sent = 0
        self.recorded = 0

    def record(
        self, profile_id: str, attributes: Mapping[str, Any], now: datetime, backfill: bool
    ) -> None:
        """Record the event, unless there is one with its profile, metric and unique_id.

        The time defaults to `now`, and the unique_id to the time: without a unique_id there is one
        event for each profile, metric and second.
        """
        name = attributes["metric"]["data"]["attributes"]["name"]
        metric = self.metric(name, now).name
        stated = attributes.get("time")
        time = times.written((stated and times.parse(stated)) or now)
        unique_id = attributes.get("unique_id")
        key = (profile_id, metric, time if unique_id is None else unique_id)
        self.sent += 1
        if self._keep == "counts":
            self._hashes.add(hash(key))
            self.recorded = len(self._hashes)
            return
        before = self._sent.get(key, 0)
        self._sent[key] = before + 1
        self.recorded = len(self._sent)
        if self._keep == "all" and not before:
            flows_off = backfill or bool(attributes.get("backfill"))
            self._attributes[key] = (time, attributes, flows_off)

    def metric(self, name: str, now: datetime) -> KlaviyoMetric:
        """The metric of this name, which is created if necessary."""
        found = self.metrics.get(name)
        if found is None:
            found = self.metrics[name] = KlaviyoMetric(f"M{len(self.metrics) + 1:05d}", name, now)
        return found

    def records(self) -> list[EventRecord]:
        """The recorded events in the order of their first arrival."""
        return [self._record(key, sent) for key, sent in self._sent.items()]

    def _record(self, key: _Key, sent: int) -> EventRecord:
        if key not in self._attributes:
            return EventRecord(*key, sent)
        time, attributes, backfill = self._attributes[key]
        return EventRecord(
            *key,
            sent,
            time,
            attributes.get("value"),
            attributes.get("value_currency"),
            attributes["properties"],
            backfill,
        )
