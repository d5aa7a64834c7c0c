"""Bulk profile import jobs. They take some time, and then say what they refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.klaviyo_stand_in.protocol.findings import Predicate
from local.klaviyo_stand_in.protocol.problems import Problem

KEPT = timedelta(days=7)
"""How long a job can be asked about (recorded 2026-09-04)."""


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """One refused profile: the reason, and the profile as it was sent."""

    id: str
    problem: Problem
    original_payload: dict[str, Any]


@dataclass(slots=True)
class ImportJob:
    """One job. It is queued for the first half of its time, runs in the second, and then is
    complete.

    `fails` picks valid profiles, by their attributes, that the job refuses anyway.
    """

    id: str
    created: datetime
    duration: timedelta
    list_ids: Sequence[str]
    profiles: Sequence[dict[str, Any]]
    fails: Predicate | None = None
    total: int = 0
    failures: list[ImportFailure] = field(default_factory=list)
    done: bool = False

    @property
    def started(self) -> datetime:
        return self.created + self.duration / 2

    @property
    def completed(self) -> datetime:
        return self.created + self.duration

    def status(self, now: datetime) -> str:
        """The job's status in Klaviyo's words."""
        if self.done:
            return "complete"
        return "processing" if now >= self.started else "queued"
