"""Keys as a dozen SDKs spell them, and tables that say which of them is asked first.

Segment's traits are matched ignoring case and the separators `_`, `-` and space, and so is every
other key here. Messages of one SDK have the same few sets of keys, so what a table finds is kept
per set of keys and no key is read twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from klaviyo_mapping.segment.remembering import remembered
from operations import Json, JsonObject

T = TypeVar("T")
Shape = tuple[str, ...]
"""The keys of an object, in its order."""


def normalise(key: str) -> str:
    """The form that all spellings of one key share: `First Name` and `firstName` are one."""
    return key.replace("_", "").replace("-", "").replace(" ", "").casefold()


class Precedence:
    """A table: fields, and for each the names that may fill it, the first choice first."""

    __slots__ = ("keys_beside_nulls", "keys_of")

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.keys_of = remembered(partial(_keys_of, names))
        """As `keys_in`, for an object of these keys, none of which counts as absent."""
        self.keys_beside_nulls = remembered(partial(_keys_beside_nulls, names))
        """As `keys_in`, for an object that `split_at_nulls` has taken apart."""

    def keys_in(self, document: JsonObject) -> Mapping[str, Shape]:
        """For each field, the keys of `document` that may fill it, in the table's order.

        For each name that is its exact spelling, else the first loose one in the document's order.
        Null counts as absent: a key that holds it is followed by the next spelling.
        """
        if None in document.values():
            return self.keys_beside_nulls(split_at_nulls(document))
        return self.keys_of(tuple(document))


def split_at_nulls(document: JsonObject) -> tuple[Shape, Shape]:
    """All keys, and those that hold something."""
    return tuple(document), tuple(key for key in document if document[key] is not None)


def _keys_of(table: Mapping[str, Sequence[str]], shape: Shape) -> Mapping[str, Shape]:
    find = _finder(shape)
    return {field: _distinct(find(names)) for field, names in table.items()}


def _keys_beside_nulls(
    table: Mapping[str, Sequence[str]], shapes: tuple[Shape, Shape]
) -> Mapping[str, Shape]:
    """The keys of an object, by all its keys and those that hold something."""
    find, find_present = map(_finder, shapes)
    return {
        field: _distinct(
            key for pair in zip(find(names), find_present(names), strict=True) for key in pair
        )
        for field, names in table.items()
    }


def _finder(shape: Shape) -> Callable[[Sequence[str]], Sequence[str | None]]:
    """What gives, for each of some names, the key among `shape` that spells it best."""
    loose = {normalise(key): key for key in reversed(shape)}
    present = frozenset(shape)

    def find(names: Sequence[str]) -> Sequence[str | None]:
        exact = {normalise(name): name for name in reversed(names) if name in present}
        return [
            name if name in present else exact.get(normalise(name)) or loose.get(normalise(name))
            for name in names
        ]

    return find


def _distinct(keys: Iterable[str | None]) -> Shape:
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def first(document: JsonObject, keys: Iterable[str], read: Callable[[Json], T | None]) -> T | None:
    """What `read` makes of the first key whose value it can read; null is never asked."""
    for key in keys:
        value = document[key]
        if value is not None:
            result = read(value)
            if result is not None:
                return result
    return None


def as_object(value: Json) -> JsonObject | None:
    """The value when it is an object."""
    return value if isinstance(value, dict) else None
