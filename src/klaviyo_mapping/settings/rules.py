"""Filters and renames that need no code: which messages to send, and what of them to leave out.

`klaviyo_mapping.settings.rules_file` reads them from a file and says what may stand there.
"""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from msgspec.structs import replace

from klaviyo_mapping.segment.context import traits_in_context
from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.message import EVENT_TYPES, Context, Message
from klaviyo_mapping.segment.text import as_text
from operations import Json


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names, and patterns of names in which `*` stands for any characters.

    A name is matched like a key. In a pattern case makes no difference, nor which of `_`, `-` and
    space stands somewhere.
    """

    names: Set[str] = frozenset()
    patterns: Sequence[Sequence[str]] = ()
    """Each as the parts between its stars."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Patterns":
        """The patterns as a file writes them."""
        plain = frozenset(normalise(text) for text in texts if "*" not in text)
        patterns = tuple(tuple(_alike(text).split("*")) for text in texts if "*" in text)
        return cls(plain, patterns)

    def __bool__(self) -> bool:
        return bool(self.names or self.patterns)

    def __contains__(self, name: str) -> bool:
        if normalise(name) in self.names:
            return True
        if not self.patterns:
            return False
        alike = _alike(name)
        return any(_fits(parts, alike) for parts in self.patterns)


def _fits(parts: Sequence[str], name: str) -> bool:
    """Whether the name has the parts in their order, the first at its start, the last at its end.

    Each part is taken where it comes first, so that no place is read twice: a regular
    expression with several stars would try all of them, for minutes with a name of 30 KB.
    """
    start, *middle, end = parts
    position, limit = len(start), len(name) - len(end)
    if position > limit or not (name.startswith(start) and name.endswith(end)):
        return False
    for part in middle:
        found = name.find(part, position, limit)
        if found < 0:
            return False
        position = found + len(part)
    return True


@dataclass(frozen=True, slots=True)
class Fields:
    """Which traits, or which properties, to leave out, to send only as their hash, or to rename.

    `renames` has the new names, by the old one as `normalise` writes it. `inside` has the same for
    the fields of an object, or of each object in a list, by the name of its trait or property as
    `normalise` writes it. Everything but `renames` goes by the name that was sent.
    """

    leave_out: Patterns = field(default_factory=Patterns)
    hash: Patterns = field(default_factory=Patterns)
    inside: Mapping[str, "Fields"] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)

    def applied_to(self, document: dict[str, Json]) -> dict[str, Json]:
        """The document itself where the rules say nothing of any document, else a changed copy."""
        if not (self.leave_out or self.hash or self.inside or self.renames):
            return document
        changed = {}
        for key, value in document.items():
            if key in self.leave_out:
                continue
            if key in self.hash:
                value = hashed(value)
                if value is _NOTHING:
                    continue
            inside = self.inside.get(normalise(key))
            changed[key] = value if inside is None else inside._applied_inside(value)
        return self._renamed(changed) if self.renames else changed

    def _renamed(self, document: dict[str, Json]) -> dict[str, Json]:
        """With the new names. A key keeps its name if the new one is already there, in any
        spelling, so that neither value is lost."""
        taken = {normalise(key) for key in document if normalise(key) not in self.renames}
        renamed: dict[str, Json] = {}
        for key, value in document.items():
            new = self.renames.get(normalise(key))
            if new is None or normalise(new) in taken:
                renamed[key] = value
            else:
                taken.add(normalise(new))
                renamed[new] = value
        return renamed

    def _applied_inside(self, value: Json) -> Json:
        if isinstance(value, dict):
            return self.applied_to(value)
        if isinstance(value, list):
            return [self.applied_to(each) if isinstance(each, dict) else each for each in value]
        return value


@dataclass(frozen=True, slots=True)
class Rules:
    """What a rules file says.

    A type or an event is sent when `allow` names it, or names nothing at all, and `deny` does not.
    `renames` has new event names, by the old one as `normalise` writes it.
    """

    allow_types: Set[str] = frozenset()
    deny_types: Set[str] = frozenset()
    allow_events: Patterns = field(default_factory=Patterns)
    deny_events: Patterns = field(default_factory=Patterns)
    renames: Mapping[str, str] = field(default_factory=dict)
    traits: Fields = field(default_factory=Fields)
    properties: Fields = field(default_factory=Fields)

    def sends(self, event_name: str) -> bool:
        """Whether an event of this name is sent on."""
        if event_name in self.deny_events:
            return False
        return not self.allow_events or event_name in self.allow_events

    def applied_to(self, message: Message) -> Message | None:
        """The message as the rules leave it; None where they deny it.

        Events are allowed and denied by the name that they were sent under. The traits in a
        message's context are traits.
        """
        if message.type in self.deny_types or (
            self.allow_types and message.type not in self.allow_types
        ):
            return None
        event_name = message.event_name
        if message.type in EVENT_TYPES and event_name is not None:
            if not self.sends(event_name):
                return None
            event_name = self.renames.get(normalise(event_name), event_name)
        return replace(
            message,
            event_name=event_name,
            traits=self.traits.applied_to(message.traits),
            properties=self.properties.applied_to(message.properties),
            context=self._applied_to_context(message),
        )

    def _applied_to_context(self, message: Message) -> Context:
        traits = traits_in_context(message)
        return replace(message.context, traits=self.traits.applied_to(traits))


_NOTHING = object()


def hashed(value: Json) -> Json:
    """The SHA-256 of a text without the white space around it, or of a number written out, as 64
    hexadecimal digits.

    In a list, each entry is hashed; null and blank text stay. Anything else is left out: it has
    so few possible values that a hash would not hide them.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return [each for each in map(hashed, value) if each is not _NOTHING]
    text = as_text(value)
    if text is None:
        return _NOTHING
    text = text.strip()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else value


def _alike(text: str) -> str:
    return text.replace("_", " ").replace("-", " ").casefold()
