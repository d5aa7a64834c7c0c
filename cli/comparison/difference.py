"""What would change for the account's flows, segments and reports."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cli.comparison.account import Holdings
from cli.comparison.facts import Facts, Properties, resembling


@dataclass(frozen=True, slots=True)
class NewName:
    """A name that the account does not have. `resembles` is one that it has; `setting` would write
    the one that it has."""

    name: str
    number: int
    resembles: str | None = None
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class ChangedType:
    """A property whose values have another type than in the account; of events with a `metric`."""

    name: str
    before: str
    after: str
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Renamed:
    """A property that the account has under a name that resembles it; of events with a `metric`."""

    name: str
    before: str
    metric: str | None = None


@dataclass(slots=True)
class Difference:
    """Metrics by name; lists by id or name."""

    go_on: dict[str, int] = field(default_factory=dict)
    new: list[NewName] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    other_integrations: int = 0
    renamed: list[Renamed] = field(default_factory=list)
    changed: list[ChangedType] = field(default_factory=list)
    new_properties: list[str] = field(default_factory=list)
    missing_lists: list[str] = field(default_factory=list)

    @property
    def deserves_a_look(self) -> bool:
        """Whether a flow, a segment or a report may break."""
        listened_to = any(each.resembles or each.setting for each in self.new)
        return bool(listened_to or self.stop or self.renamed or self.changed or self.missing_lists)

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return asdict(self)


def difference(
    archive: Facts, account: Holdings, alternatives: Mapping[str, Mapping[str, str]]
) -> Difference:
    """Of the archive's facts and the account's. `alternatives` has, by metric, what it would be
    called instead, and by which setting."""
    found = Difference(other_integrations=len(account.others))
    there = account.facts.metrics
    for name, number in sorted(archive.metrics.items(), key=lambda each: -each[1]):
        if name in there or name in account.others:
            found.go_on[name] = number
            continue
        setting = next(
            (
                f'{setting}: it is "{other}" then'
                for other, setting in alternatives.get(name, {}).items()
                if other in there or other in account.others
            ),
            None,
        )
        found.new.append(NewName(name, number, resembling(name, there), setting))
    found.stop = sorted(name for name in there if name not in archive.metrics)
    _compare(found, archive.people, account.facts.people)
    for metric, properties in archive.of_events.items():
        if metric in account.facts.of_events:
            _compare(found, properties, account.facts.of_events[metric], metric)
    found.missing_lists = [
        named
        for named in archive.lists
        if named not in account.facts.lists and named not in account.facts.lists.values()
    ]
    return found


def _compare(
    found: Difference, new: Properties, old: Properties, metric: str | None = None
) -> None:
    if not old.types:
        return
    for name in new.types:
        if name in old.types:
            if old.usual(name) != new.usual(name):
                found.changed.append(ChangedType(name, old.usual(name), new.usual(name), metric))
        elif other := resembling(name, old.types):
            found.renamed.append(Renamed(name, other, metric))
        elif metric is None:
            found.new_properties.append(name)
