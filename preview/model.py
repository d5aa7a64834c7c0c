"""What a preview says, as frozen values. Messages and requests are numbered from 1."""

from dataclasses import dataclass
from enum import StrEnum

from operations import Json, Operation
from preview.advice import Advice


class MappingVerdict(StrEnum):
    """What would become of a message, as far as that can be known without asking Klaviyo."""

    MAPPED = "mapped"
    DROPPED = "dropped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class WayOut:
    """A setting that would let a dropped message through, and the value that it would need."""

    setting: str
    value: Json


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """One message. `operations` are what it becomes, `requests` the numbers of what carries them.

    `type` and `event_name` are `None` where they are no texts. Of an operation that a queue has
    held, `type` is its kind.

    `reason` says why it is dropped or rejected. Of a rejected one, `field` and `detail` say what is
    wrong with it, as the answer to Segment would; `field` is empty when the whole is at fault.
    `warnings` belong to mapped ones.
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
    """Where something came from: a key of a message, or a setting (then `message` is `None`).

    `path` is as in `traits.address.city` or `properties.products[0].price`, the keys in the
    message's own spelling; of a setting, its variable.
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

    `items` has for each item of the body its pointer and the numbers of the messages that it comes
    from. `after` is the number of the request whose answer this one needs; what that answer will
    say is written in angle brackets. `body` is `None` for a request without one.
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
    """All messages in their order, and all requests in the order in which they would leave.

    `is_traced` is false when there was too much to trace every part of it.
    """

    messages: tuple[MessagePreview, ...]
    requests: tuple[RequestPreview, ...]
    is_traced: bool = True
