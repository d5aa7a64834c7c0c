"""Which keys of a message each part of its operations came from. Pure.

The mapping does not record this (docs/decisions/0029). Instead, the message is mapped again without
one key at a time: what is then missing or different came from that key. That includes parts which
now come from a fallback. If the message is then dropped, or nothing changes because a fallback has
the same value, the key's value is altered a little instead.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any, TypeVar

from klaviyo_mapping import Settings
from operations import (
    Identity,
    Json,
    JsonObject,
    Operation,
    kind_of,
)
from preview.paths import Path, written

Remap = Callable[[Json, Settings], Sequence[Operation] | None]
"""What a raw message becomes with these settings, or `None` if it becomes nothing."""

PARTS = 400_000
"""The most parts of messages that one preview maps, repeats included."""

PARTS_AT_LEAST = 20
"""The cost of mapping the smallest message, in parts."""

T = TypeVar("T")

Document = list[dict[str, Json]]
"""The operations of a message as JSON values."""


@dataclass(slots=True)
class Budget:
    """How much more may be traced, in parts of messages."""

    left: int = PARTS
    was_enough: bool = True

    def spend(self, parts: int) -> bool:
        """Spend so much; false if not enough is left."""
        if self.left < parts:
            self.was_enough = False
            return False
        self.left -= parts
        return True


@dataclass(slots=True)
class Origins:
    """Where the parts of one message's operations came from.

    A place in the operations begins with the operation's position. What is known of a place holds
    for everything within it. `doubtful` comes from changes that led to other operations; it is used
    where nothing else is known. `settings` are used in addition. `shared` are the places of objects
    and arrays that the operations hold unchanged.
    """

    sure: dict[Path, set[Path]] = field(default_factory=dict)
    doubtful: dict[Path, set[Path]] = field(default_factory=dict)
    settings: dict[Path, set[str]] = field(default_factory=dict)
    shared: dict[Path, Path] = field(default_factory=dict)

    def of(self, place: Path) -> tuple[list[str], list[str]]:
        """The keys and settings that a place comes from; of nested keys only the innermost."""
        keys = _innermost(_around(self.sure, place)) or _innermost(_around(self.doubtful, place))
        exact = {self._within(key, place) for key in keys}
        return sorted(map(written, exact)), sorted(_around(self.settings, place))

    def _within(self, key: Path, place: Path) -> Path:
        for length in range(len(place), 0, -1):
            if self.shared.get(place[:length]) == key:
                return key + place[length:]
        return key


def trace(
    raw: JsonObject,
    operations: Sequence[Operation],
    settings: Settings,
    remap: Remap,
    budget: Budget,
) -> Origins:
    """The origins of a message's operations, as exactly as the budget allows.

    `raw` is the message as it came. Parts that the operations share with it must be the same
    objects.
    """
    search = _Search(raw, _document(operations), settings, remap, budget)
    search.ask_for_keys()
    search.ask_for_settings()
    return search.origins


class _Search:
    def __init__(
        self, raw: JsonObject, base: Document, settings: Settings, remap: Remap, budget: Budget
    ) -> None:
        self.origins = Origins()
        self._raw = raw
        self._base = base
        self._settings = settings
        self._remap = remap
        self._budget = budget
        self._cost = PARTS_AT_LEAST + _parts(raw)
        self._containers = _containers(base)

    def ask_for_keys(self) -> None:
        """Asks for outer keys first: if one changes nothing, the keys within it change nothing."""
        queue: deque[tuple[Path, Json]] = deque(((key,), value) for key, value in self._raw.items())
        while queue and self._budget.left >= self._cost:
            path, value = queue.popleft()
            changed = self._ask_for(path, value)
            shared = self._containers.get(id(value), [])
            self.origins.shared.update(dict.fromkeys(shared, path))
            if not changed or not all(_lies_within(place, shared) for place in changed):
                queue.extend(_keys_within(path, value))
        self._budget.was_enough &= not queue

    def ask_for_settings(self) -> None:
        """Switches each setting, resets it to its default, or alters it a little."""
        for setting in fields(self._settings):
            for other in _other_values(setting, getattr(self._settings, setting.name)):
                changed: dict[str, Any] = {setting.name: other}
                found = self._changes(self._raw, replace(self._settings, **changed))
                if found is not None and found[0] and found[1]:
                    for place in found[0]:
                        self.origins.settings.setdefault(place, set()).add(setting.name.upper())
                    break

    def _ask_for(self, path: Path, value: Json) -> set[Path]:
        """Note what comes from the key at `path`; returns the places that certainly do.

        Without the key, another one may give the same value in some of the places. So the key is
        also altered.
        """
        doubtful: list[Path] = []
        sure: set[Path] = set()
        for other in _alterations(value):
            found = self._changes(_changed(self._raw, path, other), self._settings)
            if found is None:
                continue
            places, is_alike = found
            if is_alike and places:
                sure.update(places)
                if other is not _NOTHING:
                    break
            doubtful = doubtful or places
        for place in sure:
            self.origins.sure.setdefault(place, set()).add(path)
        if not sure:
            for place in doubtful:
                self.origins.doubtful.setdefault(place, set()).add(path)
        return sure

    def _changes(self, raw: Json, settings: Settings) -> tuple[list[Path], bool] | None:
        """The places that differ, and whether the results can be compared place by place.

        They cannot if the operations have other kinds, or arrays another length. `None` if the
        message becomes nothing, or the budget is spent.
        """
        operations = self._remap(raw, settings) if self._budget.spend(self._cost) else None
        if operations is None:
            return None
        document = _document(operations)
        is_alike = [each["kind"] for each in document] == [each["kind"] for each in self._base]
        places: list[Path] = []
        for position, base in enumerate(self._base):
            if position >= len(document) or document[position]["kind"] != base["kind"]:
                places.append((position,))
                continue
            for place, may_have_moved in _differences(base, document[position], (position,)):
                places.append(place)
                is_alike &= not may_have_moved
        return places, is_alike


def _document(operations: Sequence[Operation]) -> Document:
    return [
        {
            name: value.attributes() if isinstance(value, Identity) else value
            for name, value in [
                ("kind", kind_of(operation)),
                *((name, getattr(operation, name)) for name in operation.__struct_fields__),
            ]
        }
        for operation in operations
    ]


def _differences(base: Json, other: Json, place: Path) -> Iterator[tuple[Path, bool]]:
    """The places of `base` that are different or missing in `other`.

    With each, whether it is an array of another length, whose elements may only have moved.
    """
    if base is other:
        return
    if isinstance(base, dict) and isinstance(other, dict):
        for key, value in base.items():
            if key in other:
                yield from _differences(value, other[key], (*place, key))
            else:
                yield (*place, key), False
    elif isinstance(base, list) and isinstance(other, list):
        if len(base) != len(other):
            yield place, True
            return
        for position, value in enumerate(base):
            yield from _differences(value, other[position], (*place, position))
    elif type(base) is not type(other) or base != other:
        yield place, False


_NOTHING = object()
"""Stands for a removed key."""

_LAST_DIGIT = re.compile(r"[0-9](?=[^0-9]*$)")


def _alterations(value: Json) -> Iterator[Json]:
    """Replacements for a value, in the order in which they are tried."""
    yield _NOTHING
    if isinstance(value, str):
        yield f"x{value}"
        yield _LAST_DIGIT.sub(lambda digit: str((int(digit[0]) + 1) % 10), value)
        yield value.swapcase()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value + 1


def _changed(document: Json, path: Path, value: Json) -> Json:
    """The document with another value at `path`, or without it. Copies nothing else."""
    step, *rest = path
    if isinstance(document, list):
        return [
            _changed(inner, tuple(rest), value) if position == step else inner
            for position, inner in enumerate(document)
        ]
    if rest:
        return {**document, step: _changed(document[step], tuple(rest), value)}
    if value is _NOTHING:
        return {key: kept for key, kept in document.items() if key != step}
    return {**document, step: value}


def _keys_within(path: Path, value: Json) -> Iterable[tuple[Path, Json]]:
    """The keys of an object, or of the objects of an array."""
    if isinstance(value, dict):
        return [((*path, key), inner) for key, inner in value.items()]
    if isinstance(value, list):
        return [
            ((*path, position, key), inner)
            for position, element in enumerate(value)
            if isinstance(element, dict)
            for key, inner in element.items()
        ]
    return ()


def _containers(base: Document) -> dict[int, list[Path]]:
    """The objects and arrays within the operations, by identity, with their places."""
    found: dict[int, list[Path]] = {}
    waiting: list[tuple[Path, Json]] = [((), base)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict | list):
            found.setdefault(id(value), []).append(place)
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*place, step), each) for step, each in inner)
    return found


def _parts(value: Json) -> int:
    number = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        number += 1
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return number


def _other_values(setting: "Field[Any]", value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
        return
    default = setting.default
    if setting.default_factory is not MISSING:
        default = setting.default_factory()
    if default != value:
        yield default
        yield from (other for other in _alterations(value) if other is not _NOTHING)
        if isinstance(value, Mapping):
            yield {key: f"x{inner}" for key, inner in value.items()}


def _lies_within(place: Path, places: Iterable[Path]) -> bool:
    return any(place[: len(outer)] == outer for outer in places)


def _around(noted: Mapping[Path, set[T]], place: Path) -> set[T]:
    """What is noted for a place and for every place around it."""
    return {each for length in range(len(place) + 1) for each in noted.get(place[:length], ())}


def _innermost(paths: set[Path]) -> list[Path]:
    """The paths, without those that contain another one."""
    outer = {path[:length] for path in paths for length in range(len(path))}
    return [path for path in paths if path not in outer]
