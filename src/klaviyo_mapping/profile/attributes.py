"""The tables that say which traits fill which attribute of a Klaviyo profile."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from klaviyo_mapping.segment.keys import Precedence, Shape
from klaviyo_mapping.segment.remembering import remembered
from klaviyo_mapping.segment.text import as_identifier, as_text
from operations import Json

_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


def _first_word(value: Json) -> str | None:
    words = (as_text(value) or "").split(maxsplit=1)
    return words[0] if words else None


def _further_words(value: Json) -> str | None:
    words = (as_text(value) or "").strip().split(maxsplit=1)
    return words[1] if len(words) > 1 else None


def as_locale(value: Json) -> str | None:
    """A BCP 47 tag; the underscore of POSIX and Java (`en_US`) becomes the hyphen."""
    tag = (as_text(value) or "").strip().replace("_", "-")
    return tag if _LOCALE.fullmatch(tag) else None


def as_coordinate(value: Json) -> Json:
    """A latitude or longitude as sent, text or number; None for anything else."""
    return value if as_identifier(value) is not None else None


@dataclass(frozen=True, slots=True)
class Source:
    """A trait, or a field of one, that may fill an attribute.

    `owner` is the trait whose field it is, empty for a trait itself. `read` makes the attribute's
    value of one that is not null; None means that it cannot, and the next source is asked. A trait
    that `stays` remains a custom property all the same.
    """

    owner: str
    name: str
    read: Callable[[Json], Json]
    stays: bool


def _source(path: str, read: Callable[[Json], Json] = as_text, *, stays: bool = False) -> Source:
    owner, _, name = path.rpartition(".")
    return Source(owner, name, read, stays)


def _texts(*paths: str) -> tuple[Source, ...]:
    return tuple(_source(path) for path in paths)


def _coordinates(*paths: str) -> tuple[Source, ...]:
    return tuple(_source(path, as_coordinate) for path in paths)


Table = Mapping[str, Sequence[Source]]

# The first source that is present fills the attribute. Klaviyo's old `$` names come first.
ATTRIBUTES: Table = {
    "first_name": (*_texts("$first_name", "firstName"), _source("name", _first_word, stays=True)),
    "last_name": (*_texts("$last_name", "lastName"), _source("name", _further_words, stays=True)),
    "organization": _texts("$organization", "organization", "company", "company.name"),
    "title": _texts("$title", "title", "position", "jobTitle"),
    "image": _texts("$image", "avatar", "photoUrl", "avatarUrl", "image"),
    "locale": (_source("$locale", as_locale), _source("locale", as_locale)),
}
LOCATION: Table = {
    "address1": _texts("$address1", "address.street", "address.address1", "street"),
    "address2": _texts("$address2", "address.address2"),
    "city": _texts("$city", "address.city", "city"),
    "region": _texts("$region", "address.region", "region", "address.state", "state"),
    "country": _texts("$country", "address.country", "country"),
    "zip": _texts("$zip", "address.postalCode", "postalCode", "address.zip", "zip"),
    "timezone": _texts("$timezone", "timezone"),
    "latitude": _coordinates("$latitude", "address.latitude", "latitude"),
    "longitude": _coordinates("$longitude", "address.longitude", "longitude"),
}

OWNERS = ("", "address", "company")
_NAMES = {
    owner: Precedence(
        {
            source.name: (source.name,)
            for table in (ATTRIBUTES, LOCATION)
            for sources in table.values()
            for source in sources
            if source.owner == owner
        }
    )
    for owner in OWNERS
}

Candidates = Sequence[tuple[str, int, str, Callable[[Json], Json], bool]]
"""The sources that are there, of each attribute the first choice first: the attribute, the owner's
place in `OWNERS`, the key, `read` and `stays`."""


@remembered
def candidates_in(shapes: tuple[Shape, Shape, Shape]) -> tuple[Candidates, Candidates]:
    """What may fill which of `ATTRIBUTES`, and of `LOCATION`, in objects of these keys: in the
    traits, their address and their company."""
    keys = {
        owner: _NAMES[owner].keys_of(shape) for owner, shape in zip(OWNERS, shapes, strict=True)
    }

    def there(table: Table) -> Candidates:
        return [
            (attribute, OWNERS.index(source.owner), key, source.read, source.stays)
            for attribute, sources in table.items()
            for source in sources
            for key in keys[source.owner][source.name]
        ]

    return there(ATTRIBUTES), there(LOCATION)
