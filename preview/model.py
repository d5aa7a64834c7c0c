"""The result of a preview, as frozen values. Messages and requests are numbered from 1."""

from dataclasses import dataclass
from enum import StrEnum

from operations import Json, Operation
from preview.advice import Advice


class MappingVerdict(StrEnum):
    """What would happen to a message, as far as can be known without asking Klaviyo."""

    MAPPED = "mapped"
    DROPPED = "dropped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class WayOut:
    """A setting that would let a dropped message through, with the value it needs."""

    setting: str
    value: Json


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """One message. `operations` are what it becomes, `requests` the numbers of their requests.

    `type` and `event_name` are `None` if they are not texts. For an operation from a queue, `type`
    is its kind.

    `reason` says why the message is dropped or rejected. For a rejected message, `field` and
    `detail` say what is wrong, as the answer to Segment does; `field` is empty if the whole message
    is at fault. Only mapped messages have `warnings`.
    """

    number: int
    message_id: str | None
    type: str | None
    event_name: str | None
    verdict: MappingVerdict
    operations: tuple[Operation, ...] = ()
    warnings: tuple[Advice, ...] = ()
    reason: Advice | None = None
    field: str | None = None
    detail: str | None = None
    ways_out: tuple[WayOut, ...] = ()
    requests: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part came from: a key of a message, or a setting (then `message` is `None`).

    `path` looks like `traits.address.city` or `properties.products[0].price`, in the message's own
    spelling. For a setting it is the environment variable.
    """

    path: str
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a body (a JSON pointer, RFC 6901; empty for the URL's path) and its sources."""

    pointer: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """One request to Klaviyo. `title` says in plain words what it does.

    `items` gives, for each item of the body, its pointer and the numbers of its messages. `after`
    is the number of the request whose answer this one needs; values from that answer are written
    in angle brackets. `body` is `None` for a request without a body.
    """

    number: int
    endpoint: str
    title: str
    method: str
    path: str
    body: Json
    items: tuple[tuple[str, tuple[int, ...]], ...]
    messages: tuple[int, ...]
    traces: tuple[Trace, ...] = ()
    after: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """All messages in their order, and all requests in the order of sending.

    `is_traced` is false if the preview was too large to trace every part.
    """

    messages: tuple[MessagePreview, ...]
    requests: tuple[RequestPreview, ...]
    is_traced: bool = True
