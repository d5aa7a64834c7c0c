"""What is sent: requests, and the items that their bodies hold. Pure.

Operations are named by their position in the list of the delivery, so that each of them gets an
outcome of its own whatever request carried it. Which requests carry which operations is planned in
`upserts`, `steps`, `consent` and the modules of look-ups.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from msgspec import Struct

from klaviyo_client.api import queries
from klaviyo_client.api.endpoints import MAX_BODY_BYTES, Endpoint, fits_path

BODY_OVERHEAD = 10_000
"""Bytes of a body that are reserved for everything except its items."""

UNPLANNABLE = (ValueError, TypeError, AttributeError, RecursionError)
"""Errors that planning raises for an invalid operation, such as one that was put into a queue by
hand."""


class Item(Struct, frozen=True):
    """One entry of a request's body.

    `covers` are the operations that it carries out; `joins` the `AddToList` operations of the same
    person, which an import job carries out by its `lists` and a single upsert prepares by its id.
    A single upsert also prepares those consents that need a profile to be there. Of a lookup,
    `body` is a value of the query.
    """

    body: bytes
    covers: tuple[int, ...]
    joins: tuple[int, ...] = ()


class Series(Struct, frozen=True):
    """Items that follow a request of their kind, as it turns out (`caution`).

    `was_answered` once Klaviyo has taken one of the series; `misses` counts those that failed.
    """

    items: tuple[Item, ...]
    was_answered: bool = False
    misses: int = 0


class Request(Struct, frozen=True):
    """One HTTP request and the operations that it carries out.

    `target` is the id in the path; `list_ids` the lists that the profiles of an import job join,
    or the list of a consent job, whose further attributes are `settings`; `field` is what a lookup
    compares, and `page` counts its pages; `rest` what must follow, one request an item, once this
    one has ended; `series` what follows only if this one goes well. The answer shows consents
    `with_consents`.
    """

    endpoint: Endpoint
    items: tuple[Item, ...]
    target: str = ""
    list_ids: tuple[str, ...] = ()
    query: str = ""
    rest: tuple[Item, ...] = ()
    settings: bytes = b""
    field: str = ""
    page: int = 0
    series: Series | None = None
    with_consents: bool = False

    def __post_init__(self) -> None:
        """Raises `ValueError` for an id that no path may hold, wherever it comes from."""
        if self.target and not fits_path(self.target):
            raise ValueError("an id that cannot stand in a path")

    @property
    def path(self) -> str:
        """The path with its query, without the host."""
        target = quote(str(self.target).encode(errors="replace"), safe="")
        query = self.query
        if not query and self.endpoint.is_lookup:
            values = [item.body for item in self.items]
            query = queries.query(self.endpoint, self.field, values, self.with_consents)
        elif not query and self.with_consents:
            query = f"?{queries.WITH_CONSENTS}"
        return self.endpoint.path.replace("{id}", target) + query

    def body(self) -> bytes:
        """The body, written from the items at each call."""
        items = [item.body for item in self.items]
        body: bytes = self.endpoint.write_body(items, self.list_ids, self.settings)
        return body


def chunks(
    items: Iterable[Item], endpoint: Endpoint, most_bytes: int = MAX_BODY_BYTES - BODY_OVERHEAD
) -> Iterator[tuple[Item, ...]]:
    """The items in order, cut where a request is full by number or by bytes."""
    items = tuple(items)
    length = len(items) + sum([len(item.body) for item in items])
    if 0 < len(items) <= endpoint.max_items and length <= most_bytes:
        yield items
        return
    chunk: list[Item] = []
    size = 0
    for item in items:
        length = len(item.body) + 1
        if chunk and (len(chunk) == endpoint.max_items or size + length > most_bytes):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield tuple(chunk)
