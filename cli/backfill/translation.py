"""What a message of an archive becomes: operations, a counted reason, or a reject."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from msgspec.structs import replace

from cli.contents import Content
from handler.decision import decide
from handler.door.validation import Malformed, validate
from handler.queue.routing import rejected_reason
from klaviyo_mapping import Dropped, Mapped, Message, Settings
from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.times import time_of
from operations import (
    AddToList,
    CheckImport,
    CreateEvent,
    DeleteProfile,
    Json,
    MergeProfiles,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    to_json,
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
    IMPORT_CHECK = "import_check"
    """The destination's look at an import job of its own: only a redrive goes on with it."""


MISSING_TIME = "missing_time"
"""Klaviyo would record an event without a time as of now, which is wrong."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages are wanted. Times have a zone; `since` is included, `until` is not.

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
        return self._objection_to_time(time_of(message, now))

    def objection_to(self, operation: Operation) -> LeftOut | None:
        """Why an operation is left out. An event counts as a track, all else as an identify."""
        type_ = "track" if isinstance(operation, CreateEvent) else "identify"
        if self.only and type_ not in self.only:
            return LeftOut.NOT_ONLY
        if self.events and not (
            isinstance(operation, CreateEvent) and normalise(operation.metric) in self.events
        ):
            return LeftOut.OTHER_EVENT
        return self._objection_to_time(getattr(operation, "time", None))

    def _objection_to_time(self, text: str | None) -> LeftOut | None:
        if text is None or (self.since is None and self.until is None):
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
    `held` are those of a reject.
    """

    operations: tuple[Operation, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: Mapping[str, Json] | None = None
    held: Mapping[str, Json] = field(default_factory=dict, repr=False)


class Translator:
    """Door and mapping for one run."""

    def __init__(self, selection: Selection, settings: Settings, now: datetime) -> None:
        self._selection = selection
        self._settings = settings
        self._now = now

    def translate(self, raw: Content) -> Translated:
        """What becomes of what an archive holds. Never raises."""
        if isinstance(raw, Operation):
            return self._carried_on(raw)
        message = validate(raw)
        if isinstance(message, Malformed):
            return Translated(reason=rejected_reason(message), held={"message": message.raw})
        objection = self._selection.objection(message, self._now)
        if objection is not None:
            return Translated(left_out=(objection.value,))
        decision = decide(message, self._settings, self._now)
        if isinstance(decision, Mapped):
            return self._historical(decision.operations, lambda: {"message": message.document()})
        if isinstance(decision, Dropped):
            return Translated(left_out=(decision.reason.value,))
        return Translated(reason=rejected_reason(decision), held={"message": decision.raw})

    def _carried_on(self, operation: Operation) -> Translated:
        """An operation that the mapping has made already, and a queue has held since."""
        objection = self._selection.objection_to(operation)
        if objection is not None:
            return Translated(left_out=(objection.value,))
        return self._historical((operation,), lambda: {"operation": to_json(operation)})

    def _historical(
        self, operations: tuple[Operation, ...], held: Callable[[], Mapping[str, Json]]
    ) -> Translated:
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
                    return Translated(reason=missing, held=held())
                kept.append(replace(operation, backfill=True))
                continue
            reason = self._left_out(operation)
            if reason is None:
                kept.append(operation)
            else:
                left_out.append(reason.value)
        return Translated(tuple(kept), tuple(left_out))

    def _left_out(self, operation: Operation) -> LeftOut | None:
        """Why a step of the past is not done again, if it is not."""
        if isinstance(operation, CheckImport):
            return LeftOut.IMPORT_CHECK
        if isinstance(operation, DeleteProfile):
            return LeftOut.DELETION
        if isinstance(operation, MergeProfiles):
            return LeftOut.MERGE
        is_said = isinstance(operation, Subscribe) and operation.is_consent
        if is_said or isinstance(operation, Unsubscribe):
            return None if self._selection.with_consent else LeftOut.CONSENT
        if isinstance(operation, Subscribe | AddToList | RemoveFromList):
            return None if self._selection.with_lists else LeftOut.LIST_STEP
        return None
