"""What another setting would change about a message.

It maps the message again with each setting changed by itself to a likely value, and compares the
results. So no feature has to be named here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from handler.decision import decide
from handler.door.validation import Malformed, validate
from klaviyo_mapping import Dropped, Mapped, Message, Settings
from klaviyo_mapping.segment.message import FORWARDABLE
from klaviyo_mapping.settings.declaration import Declared, declared
from operations import Identity, Json, Operation, kind_of
from preview.sentences import KINDS, changes, listed

TRIED: Mapping[str, Sequence[str]] = {
    "default_country": ("US", "GB", "DE", "FR", "ES", "IT", "NL", "SE", "AU", "IN", "BR", "JP"),
    "audience_lists": ("auto",),
}
"""Values to try for settings that take a text and whose one example is not enough. The first value
that changes something is offered."""

PLAIN: Mapping[str, Json] = {
    "userId": "u-1",
    "anonymousId": "a-1",
    "event": "Some Event",
    "traits": {"email": "somebody@acme-store.example"},
    "properties": {"email": "somebody@acme-store.example"},
    "context": {"locale": "en-US", "ip": "203.0.113.7"},
}
"""A plain message. A change that a setting makes here too is not special to a sample."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a message would become with another `value` of a `setting`.

    `also` are additional operations, `no_longer` the ones that would go, and `changed` the changed
    fields of the others, as phrases such as `set phone_number`. `is_special`: the change concerns
    this message and not every message of its type. `lets_through`: the message is dropped now.
    """

    setting: str
    value: str
    also: tuple[str, ...] = ()
    no_longer: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    is_special: bool = True
    lets_through: bool = False

    @property
    def variable(self) -> str:
        """The setting as an environment variable."""
        return self.setting.upper()

    @property
    def text(self) -> str:
        """A sentence for people."""
        said = [f"{'' if self.lets_through else 'also '}{listed(self.also)}"] if self.also else []
        said += [f"no longer {listed(self.no_longer)}"] if self.no_longer else []
        said += [listed(self.changed)] if self.changed else []
        return f"With {self.variable}={self.value} it would {', and '.join(said)}."


def offers(raw: Json, settings: Settings, now: datetime) -> tuple[Offer, ...]:
    """What other settings would change about a message, the special ones first.

    For a dropped message, only settings that would let it through. For a rejected one, none.
    """
    arrival = validate(raw)
    if isinstance(arrival, Malformed):
        return ()
    is_dropped = isinstance(decide(arrival, settings, now), Dropped)
    plain = validate({**PLAIN, "type": arrival.type})
    found = []
    for setting in declared(Settings):
        for text in _texts(setting, getattr(settings, setting.name), arrival):
            value = setting.read(setting.variable, text)
            other = replace(settings, **{setting.name: value})
            offer = _offer(arrival, settings, other, now)
            if offer is None:
                continue
            is_special = is_dropped or _offer(plain, settings, other, now) is None
            found.append(
                replace(
                    offer,
                    setting=setting.name,
                    value=text,
                    is_special=is_special,
                    lets_through=is_dropped,
                )
            )
            break
    return tuple(sorted(found, key=lambda offer: not offer.is_special))


def _texts(setting: Declared, value: Any, arrival: Message) -> Iterator[str]:
    """Other values of the setting, as its variable takes them."""
    if setting.is_switch:
        yield str(not value).lower()
    elif setting.choices:
        yield from (word for word in setting.choices if word != value)
    elif setting.name == "forward_types":
        if arrival.type in FORWARDABLE and arrival.type not in value:
            yield ",".join(each for each in FORWARDABLE if each in (*value, arrival.type))
    elif value is None and setting.setting.example:
        yield from TRIED.get(setting.name, (setting.setting.example,))


def _offer(
    arrival: Message | Malformed, settings: Settings, other: Settings, now: datetime
) -> Offer | None:
    """What the other settings change, unless they only drop the message."""
    before, after = decide(arrival, settings, now), decide(arrival, other, now)
    if not isinstance(after, Mapped) or not isinstance(before, Mapped | Dropped):
        return None
    had = before.operations if isinstance(before, Mapped) else ()
    if had == after.operations and isinstance(before, Mapped):
        return None
    also, no_longer, changed = _difference(had, after.operations)
    return Offer("", "", also, no_longer, changed) if also or no_longer or changed else None


def _difference(
    before: Sequence[Operation], after: Sequence[Operation]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    also: list[str] = []
    no_longer: list[str] = []
    changed: dict[str, None] = {}
    for kind, phrase in KINDS.items():
        had = [each for each in before if kind_of(each) == kind]
        has = [each for each in after if kind_of(each) == kind]
        also += [phrase(each) for each in has[len(had) :]]
        no_longer += [phrase(each) for each in had[len(has) :]]
        for one, other in zip(had, has, strict=False):
            changed.update(dict.fromkeys(changes(_flat(one), _flat(other))))
    return tuple(dict.fromkeys(also)), tuple(dict.fromkeys(no_longer)), tuple(changed)


def _flat(operation: Operation) -> dict[str, Json]:
    """The fields of an operation, with its identifiers and properties on the same level."""
    found: dict[str, Json] = {}
    for name in operation.__struct_fields__:
        value = getattr(operation, name)
        if isinstance(value, Identity):
            found.update(value.attributes())
        elif isinstance(value, Mapping):
            found.update(value)
        elif value is not None:
            found[name] = value
    return found
