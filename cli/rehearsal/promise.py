"""What the mapping promises for the messages of a rehearsal, as facts about one person.

The facts come from the operations that `preview` shows, in order: the latest value of an attribute
counts, and every event once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handler.decision import decide
from handler.door.validation import validate
from klaviyo_mapping import Dropped, Mapped
from klaviyo_mapping.settings.settings import Settings
from operations import AddToList, CreateEvent, Operation, Subscribe, UpsertProfile


@dataclass(slots=True)
class Promise:
    """`profile` has values by their place, as `location.city` or `properties.plan`.

    `joins` holds the ids of lists joined at once, and of those that are joined by name, the names.
    `subscribes` holds the lists on which the address is subscribed, `None` for no list.
    """

    profile: dict[str, Any] = field(default_factory=dict)
    events: list[CreateEvent] = field(default_factory=list)
    joins: dict[str, None] = field(default_factory=dict)
    subscribes: dict[str | None, None] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    """The reason by the message's id."""

    @property
    def metrics(self) -> list[str]:
        """The metrics of the events, each once."""
        return list(dict.fromkeys(event.metric for event in self.events))

    def take(self, operation: Operation) -> None:
        """Count what an operation does."""
        if isinstance(operation, UpsertProfile):
            self.profile.update(operation.identity.attributes())
            self.profile.update(flat(operation.attributes))
            self.profile.update(
                (f"properties.{name}", value) for name, value in operation.properties.items()
            )
        elif isinstance(operation, CreateEvent):
            self.events.append(operation)
        elif isinstance(operation, AddToList):
            self.joins[operation.list_id or str(operation.list_name)] = None
        elif isinstance(operation, Subscribe):
            self.subscribes[operation.list_id] = None


def promise(messages: Iterable[Mapping[str, Any]], settings: Settings, now: datetime) -> Promise:
    """What becomes of the messages under these settings."""
    found = Promise()
    for message in messages:
        decision = decide(validate(dict(message)), settings, now)
        if isinstance(decision, Mapped):
            for operation in decision.operations:
                found.take(operation)
        elif isinstance(decision, Dropped):
            found.dropped[str(message["messageId"])] = decision.reason.value
    return found


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by their place; an object's by the names in it."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, Mapping):
            found.update((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            found[name] = value
    return found
