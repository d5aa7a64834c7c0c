"""The archive from a position on, cut into what one round delivers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from cli.archive import ArchiveEntry, ArchiveFile, NoArchive, records
from cli.backfill.state_file import (
    MOST_BYTES,
    Counts,
    Lane,
    Position,
    Waiting,
)
from cli.backfill.translation import Translated, Translator
from cli.troubles import Trouble
from handler.door.refusals import Refusal
from handler.report.codes import RejectionCode
from klaviyo_client.api.endpoints import BULK_CREATE_EVENTS
from operations import (
    CreateEvent,
)

FULL = BULK_CREATE_EVENTS.max_items

EVENTS_A_ROUND = 10 * FULL
"""What Klaviyo takes in the second of its burst limit."""

MOST_MESSAGES = 4 * EVENTS_A_ROUND
"""Read in one round, where few of them are events."""


@dataclass(slots=True)
class Chunk:
    """What one round has read."""

    events: list[Waiting]
    profiles: list[Waiting]
    rejects: list[dict[str, Any]]
    counts: Counts
    position: Position
    is_last: bool


class ArchiveReading:
    """The archive from a position on, cut into chunks."""

    def __init__(
        self, sources: Sequence[ArchiveFile], translator: Translator, position: Position
    ) -> None:
        self._sources = sources
        self._translator = translator
        self._position = position
        self._bytes_before = sum(source.size for source in sources[: position.source])
        self._stream: IO[bytes] | None = None
        self._records: Iterator[ArchiveEntry] = iter(())
        self._skipped: list[str] = []

    def close(self) -> None:
        """Close the file that is open."""
        if self._stream is not None:
            self._stream.close()

    def chunk(self, room: int) -> Chunk:
        """The next messages: until there are `room` events, or enough of everything else."""
        chunk = Chunk([], [], [], Counts(), self._position, is_last=False)
        size = 0
        while len(chunk.events) < room and chunk.counts.messages < MOST_MESSAGES:
            if size > MOST_BYTES:
                break
            record = self._next()
            if record is None:
                chunk.is_last = True
                break
            size += len(record.text)
            self._take(record, chunk)
        chunk.position = self._position
        chunk.counts.bytes_done = self._bytes_done()
        chunk.counts.skipped, self._skipped = self._skipped, []
        return chunk

    def _next(self) -> ArchiveEntry | None:
        while self._position.source < len(self._sources):
            source = self._sources[self._position.source]
            try:
                if self._stream is None:
                    self._stream = source.open()
                    self._records = records(
                        self._stream, self._position.line, is_named=source.is_named
                    )
                record = next(self._records, None)
            except NoArchive:
                self._skipped.append(source.name)
                record = None
            except Trouble as trouble:
                raise Trouble(f"{source.name}: {trouble}") from None
            if record is not None:
                self._position = Position(self._position.source, record.number)
                return record
            self.close()
            self._stream = None
            self._bytes_before += source.size
            self._position = Position(self._position.source + 1)
        return None

    def _bytes_done(self) -> int:
        return self._bytes_before + (0 if self._stream is None else self._stream.tell())

    def _take(self, record: ArchiveEntry, chunk: Chunk) -> None:
        at = self._position
        try:
            if record.problem is not None:
                raise Refusal(record.problem)
            values = record.contents()
        except Refusal as refusal:
            text = record.text.decode(errors="replace")
            code = RejectionCode.UNREADABLE.value
            self._reject(chunk, {"code": code, "detail": str(refusal)}, unreadable=text)
            return
        for value in values:
            chunk.counts.messages += 1
            translated = self._translator.translate(value)
            if translated.reason is not None:
                self._reject(chunk, dict(translated.reason), **translated.held)
                continue
            self._count(translated, chunk.counts)
            for operation in translated.operations:
                is_event = isinstance(operation, CreateEvent)
                lane, kept = (
                    (Lane.EVENTS, chunk.events) if is_event else (Lane.PROFILES, chunk.profiles)
                )
                kept.append(Waiting(lane, operation, at.source, at.line))

    @staticmethod
    def _count(translated: Translated, counts: Counts) -> None:
        if translated.operations:
            counts.mapped += 1
            counts.steps_left_out.update(translated.left_out)
        else:
            counts.left_out.update(translated.left_out)

    def _reject(self, chunk: Chunk, reason: dict[str, Any], **what: Any) -> None:
        if "unreadable" in what:
            chunk.counts.messages += 1
        chunk.counts.rejected[reason["code"]] += 1
        source = self._sources[self._position.source].name
        chunk.rejects.append(
            {"source": source, "line": self._position.line, "reason": reason, **what}
        )


def add_counts(counts: Counts, more: Counts) -> None:
    """Add what a chunk has read."""
    counts.messages += more.messages
    counts.mapped += more.mapped
    counts.left_out.update(more.left_out)
    counts.steps_left_out.update(more.steps_left_out)
    counts.rejected.update(more.rejected)
    counts.skipped += more.skipped
    counts.bytes_done = more.bytes_done
