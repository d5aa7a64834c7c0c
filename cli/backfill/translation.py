"""What a message of an archive becomes: operations, a counted reason, or a reject."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from handler.decision import decide
from handler.door.body import Unreadable
from handler.door.validation import Malformed, validate
from handler.queue.routing import rejected_reason
from klaviyo_mapping import Dropped, Mapped, Message, Settings
from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.times import time_of
from operations import (
    AddToList,
    CreateEvent,
    DeleteProfile,
    Json,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
)


class LeftOut(StrEnum):
    """Why a message or a step is left out on request, in addition to the mapping's own reasons."""

    NOT_ONLY = "not_only"
    """`--only` names other types."""
    OTHER_EVENT = "other_event"
    """`--event` names other events."""
    BEFORE = "before_since"
    AFTER = "after_until"
    LIST_STEP = "list_step"
    """Lists are joined and left only with `--with-lists`."""
    CONSENT = "consent"
    """Consent is given and withdrawn only with `--with-consent`."""
    DELETION = "deletion"
    """An archive deletes nobody: it would also delete people who have come back since."""
    MERGE = "merge"
    """An archive merges nobody: an id may belong to somebody else by now."""


MISSING_TIME = "missing_time"
"""Klaviyo would record an event without a time as of now, which is wrong."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages count. Times have a zone; `since` is included, `until` is not.

    With `events`, normalised names, only tracks of these.
    """

    since: datetime | None = None
    until: datetime | None = None
    only: frozenset[str] = frozenset()
    with_lists: bool = False
    with_consent: bool = False
    events: frozenset[str] = frozenset()

    def objection(self, message: Message, now: datetime) -> LeftOut | None:
        """Why the message is left out. One without a time is within every period."""
        if self.only and message.type not in self.only:
            return LeftOut.NOT_ONLY
        if self.events and not self._is_wanted(message):
            return LeftOut.OTHER_EVENT
        if self.since is None and self.until is None:
            return None
        text = time_of(message, now)
        if text is None:
            return None
        time = datetime.fromisoformat(text)
        if self.since is not None and time < self.since:
            return LeftOut.BEFORE
        if self.until is not None and time >= self.until:
            return LeftOut.AFTER
        return None

    def _is_wanted(self, message: Message) -> bool:
        return message.type == "track" and normalise(message.event_name or "") in self.events


@dataclass(frozen=True, slots=True)
class Translated:
    """What becomes of one message.

    `left_out` are counted reasons: of the whole message when there are no operations. `reason` and
    `raw` are those of a reject.
    """

    operations: tuple[Operation, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: Mapping[str, Json] | None = None
    raw: Any = field(default=None, repr=False)


class Translator:
    """Door and mapping for one run."""

    def __init__(self, selection: Selection, settings: Settings, now: datetime) -> None:
        self._selection = selection
        self._settings = settings
        self._now = now

    def translate(self, raw: Json | Unreadable) -> Translated:
        """What becomes of a value that an archive holds. Never raises."""
        message = validate(raw)
        if isinstance(message, Malformed):
            return Translated(reason=rejected_reason(message), raw=message.raw)
        objection = self._selection.objection(message, self._now)
        if objection is not None:
            return Translated(left_out=(objection.value,))
        decision = decide(message, self._settings, self._now)
        if isinstance(decision, Mapped):
            return self._historical(message, decision.operations)
        if isinstance(decision, Dropped):
            return Translated(left_out=(decision.reason.value,))
        return Translated(reason=rejected_reason(decision), raw=decision.raw)

    def _historical(self, message: Message, operations: tuple[Operation, ...]) -> Translated:
        """The operations as those of the past: no flows; no lists and no consent unless asked for;
        no deletions and no merges."""
        kept: list[Operation] = []
        left_out: list[str] = []
        for operation in operations:
            if isinstance(operation, CreateEvent):
                if operation.time is None:
                    missing = {
                        "code": MISSING_TIME,
                        "detail": "an event of the past needs a timestamp, or it counts as of now",
                    }
                    return Translated(reason=missing, raw=message.document())
                kept.append(replace(operation, backfill=True))
                continue
            reason = self._left_out(message, operation)
            if reason is None:
                kept.append(operation)
            else:
                left_out.append(reason.value)
        return Translated(tuple(kept), tuple(left_out))

    def _left_out(self, message: Message, operation: Operation) -> LeftOut | None:
        """Why a step of the past is not done again, if it is not."""
        if isinstance(operation, DeleteProfile):
            return LeftOut.DELETION
        if isinstance(operation, MergeProfiles):
            return LeftOut.MERGE
        is_said = isinstance(operation, Subscribe) and message.type == "track"
        if is_said or isinstance(operation, Unsubscribe):
            return None if self._selection.with_consent else LeftOut.CONSENT
        if isinstance(operation, Subscribe | AddToList | RemoveFromList):
            return None if self._selection.with_lists else LeftOut.LIST_STEP
        return None
