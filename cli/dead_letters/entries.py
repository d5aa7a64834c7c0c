"""Entries of the dead-letter queue: what each is about, which are meant, and groups by reason."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from handler.door.validation import validate
from handler.queue.envelope import Entry, document_of, encode
from handler.report.message_ids import shown_id
from klaviyo_client.api.redaction import redact, redact_code, redact_pointer
from operations import Json, kind_of


@dataclass(frozen=True, slots=True)
class Letter:
    """One SQS message and the entries in it. `sent_at` is when it came into the queue."""

    message_id: str
    receipt: str
    sent_at: datetime
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries are selected: by reason, by message id and by key; by default all."""

    reasons: frozenset[str] = frozenset()
    message_ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return not self.reasons and not self.message_ids and not self.keys

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is meant. A reason is our code or Klaviyo's, an id the message's or its
        hash."""
        return not (
            (self.reasons and not self.reasons & codes_of(entry))
            or (self.message_ids and self.message_ids.isdisjoint(names_of(entry)))
            or (self.keys and key_of(entry) not in self.keys)
        )


def codes_of(entry: Entry) -> set[str]:
    """Why the entry is here: our code, and Klaviyo's if it has one."""
    reason = entry.reason or {}
    codes = (reason.get("code"), reason.get("klaviyo_code"))
    return {code for code in codes if isinstance(code, str)}


def key_of(entry: Entry) -> str:
    """A short name for the entry that copies of it share: a hash of all that it holds."""
    return hashlib.sha256(encode(document_of(entry)).encode()).hexdigest()[:16]


def message_id_of(entry: Entry) -> str | None:
    """The id of the Segment message that the entry is about, if it has one."""
    if entry.operation is not None:
        return entry.operation.message_id
    return None if entry.message is None else validate(entry.message).message_id


def names_of(entry: Entry) -> set[str]:
    """What its message is called: its id, and the hash by which answers, logs and the ledger name
    an id that may be an address."""
    message_id = message_id_of(entry)
    return set() if message_id is None else {message_id, str(shown_id(message_id))}


def kind_in(entry: Entry) -> str:
    """What the entry holds."""
    if entry.operation is not None:
        return kind_of(entry.operation)
    if entry.messages is not None:
        return "messages"
    return "unreadable" if entry.unreadable is not None else "message"


def shown(letter: Letter, entry: Entry) -> dict[str, Json]:
    """An entry as JSON, whole."""
    return {
        "sqs_message_id": letter.message_id,
        "sent_at": letter.sent_at.isoformat(timespec="seconds"),
        "message_id": message_id_of(entry),
        **document_of(entry),
    }


@dataclass(slots=True)
class ReasonGroup:
    """The entries that share a reason. Nothing in it is personal."""

    code: str
    detail: str
    klaviyo_code: str | None = None
    status: int | None = None
    count: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    oldest: datetime | None = None
    newest: datetime | None = None
    message_ids: list[str] = field(default_factory=list)

    def add(self, letter: Letter, entry: Entry) -> None:
        """Count an entry."""
        self.count += 1
        kind = kind_in(entry)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.oldest = min(self.oldest or letter.sent_at, letter.sent_at)
        self.newest = max(self.newest or letter.sent_at, letter.sent_at)
        message_id = message_id_of(entry)
        if message_id is not None and len(self.message_ids) < SAMPLE_IDS:
            self.message_ids.append(message_id)


SAMPLE_IDS = 5
"""Message ids that a group names."""


def group_of(entry: Entry) -> ReasonGroup:
    """An empty group for the entry's reason, with everything personal masked."""
    reason = entry.reason or {}
    detail = str(reason.get("detail") or "")
    if entry.operation is not None:
        detail = redact(detail, entry.operation)
    detail = detail or str(reason.get("last") or "")
    pointer, at_fault = reason.get("pointer"), reason.get("field")
    if isinstance(pointer, str):
        detail = f"{redact_pointer(pointer)}: {detail}"
    elif isinstance(at_fault, str):
        detail = f"{at_fault}: {detail}"
    klaviyo_code, status = reason.get("klaviyo_code"), reason.get("status")
    return ReasonGroup(
        str(reason.get("code", "unknown")),
        detail,
        redact_code(klaviyo_code) if isinstance(klaviyo_code, str) else None,
        status if isinstance(status, int) else None,
    )


def write_line(letter: Letter, entry: Entry) -> bytes:
    """One line of an export."""
    return json.dumps(shown(letter, entry), ensure_ascii=False).encode(errors="replace") + b"\n"
