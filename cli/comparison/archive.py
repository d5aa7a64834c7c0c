"""What the messages of an archive would become: counted, and nothing of it sent."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cli.archive import ArchiveEntry
from cli.backfill.translation import Selection, Translator
from cli.comparison.facts import Facts, Properties
from cli.contents import Content
from handler.decision import decide
from handler.door.refusals import Refusal
from handler.door.validation import Malformed, validate
from handler.report.codes import RejectionCode
from klaviyo_mapping import Mapped, Message, Settings
from operations import AddToList, CreateEvent, Operation, RemoveFromList, Subscribe, UpsertProfile

SAMPLE = 1_000
"""Events of a metric whose properties are looked at."""


@dataclass(slots=True)
class ArchiveSummary:
    """What was read. `dropped` counts by reason, `rejected` by code, and by field if one is at
    fault.

    `examples` has a message of each metric, by which other settings can be tried.
    """

    facts: Facts = field(default_factory=Facts)
    messages: int = 0
    mapped: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Message] = field(default_factory=dict)


class ArchiveReader:
    """Maps messages under one set of settings, as a backfill with every list and consent would."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        selection = Selection(with_lists=True, with_consent=True)
        self._translator = Translator(selection, settings, now)
        self.reading = ArchiveSummary()

    def take(self, record: ArchiveEntry) -> None:
        """Count what stands at one place of the archive."""
        try:
            values = record.contents() if record.problem is None else None
        except Refusal:
            values = None
        if values is None:
            self.reading.messages += 1
            self.reading.rejected[RejectionCode.UNREADABLE.value] += 1
            return
        for value in values:
            self._take(value)

    def _take(self, value: Content) -> None:
        reading = self.reading
        reading.messages += 1
        translated = self._translator.translate(value)
        if translated.reason is not None:
            named = (translated.reason["code"], translated.reason.get("field"))
            reading.rejected[": ".join(str(each) for each in named if each)] += 1
        elif not translated.operations:
            reading.dropped.update(translated.left_out)
        else:
            reading.mapped += 1
            for operation in translated.operations:
                self._count(operation, value)

    def _count(self, operation: Operation, value: Content) -> None:
        facts = self.reading.facts
        if isinstance(operation, CreateEvent):
            number = facts.metrics[operation.metric] = facts.metrics.get(operation.metric, 0) + 1
            if number == 1 and not isinstance(value, Operation):
                message = validate(value)
                if not isinstance(message, Malformed):
                    self.reading.examples[operation.metric] = message
            if number <= SAMPLE:
                facts.of_events.setdefault(operation.metric, Properties()).add(operation.properties)
        elif isinstance(operation, UpsertProfile):
            facts.people.add(operation.properties)
        elif isinstance(operation, AddToList | RemoveFromList | Subscribe):
            named = operation.list_id
            if named is None and not isinstance(operation, Subscribe):
                named = operation.list_name
            if named is not None:
                facts.lists[named] = named


def other_names(
    metric: str, message: Message, settings: Settings, others: Mapping[str, Settings], now: datetime
) -> dict[str, str]:
    """What a metric of this message is called under other settings: the setting by the name."""
    names = _metrics(message, settings, now)
    found: dict[str, str] = {}
    for setting, changed in others.items():
        for before, after in zip(names, _metrics(message, changed, now), strict=False):
            if before == metric != after:
                found[after] = setting
    return found


def _metrics(message: Message, settings: Settings, now: datetime) -> list[str]:
    decision = decide(message, settings, now)
    operations = decision.operations if isinstance(decision, Mapped) else ()
    return [each.metric for each in operations if isinstance(each, CreateEvent)]
