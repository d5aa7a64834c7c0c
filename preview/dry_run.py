"""A dry run of a delivery: the client's own code against a made-up Klaviyo.

The requests are those that the client would send, in the order in which it plans them. Values that
only a real answer can give are written in angle brackets.
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from msgspec.structs import replace

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    GET_LIST_MEMBERS,
    GET_LISTS,
    GET_PROFILES,
    NOT_IN_PATH,
    Endpoint,
    Shape,
)
from klaviyo_client.api.outcomes import Retryable
from klaviyo_client.one_delivery import OneDelivery
from klaviyo_client.planning.lists import KnownLists
from klaviyo_client.planning.requests import Item, Request
from klaviyo_client.sending.sender import Limits, OnReply
from operations import Operation, Subscribe

IDENTIFIED = "<the id in the answer to request {}>"
FOUND = "<the id of {} in the answer to request {}>"

LATER = "About {} later, by way of the retry queue."

CHECK_SECONDS = 60.0
"""How long after an import job the client first asks for its result."""

NOTES: Mapping[Endpoint, str] = {
    GET_LISTS: "A list that is to be joined is created if there is none of its name.",
    GET_PROFILES: "If there is no such profile, nothing more is sent for it.",
    GET_LIST_MEMBERS: "If the person is not on the list, nothing more is sent for them.",
}
"""What happens if Klaviyo answers otherwise."""

CONSENTS = "Who has opted out, without a later consent, is not subscribed."

WITHDRAWALS = "If there is no such profile, it is created first, so that it keeps the withdrawal."

ROUNDS = 8
"""How often, at most, waiting operations are tried again."""


@dataclass(frozen=True, slots=True)
class Step:
    """A request. `after` is the number (from 1) of the step whose answer it needs.

    `path` is decoded, for people.
    """

    request: Request
    path: str
    after: int | None = None
    note: str | None = None


@dataclass(slots=True)
class DryRun:
    """The `steps` in their order, and the `operations` that their positions refer to.

    The operations are the given ones, followed by the checks of import jobs. `lists` are the lists
    that were looked up by name.
    """

    operations: list[Operation]
    steps: list[Step] = field(default_factory=list)
    lists: KnownLists = field(default_factory=KnownLists)


def run_dry(operations: Sequence[Operation]) -> DryRun:
    """Carry the operations out on paper. Those that have to wait are retried after the wait."""
    dry_run = DryRun(list(operations))
    paper = _Paper(dry_run)
    waiting: dict[float, dict[int, Operation]] = {0.0: dict(enumerate(operations))}
    for _ in range(ROUNDS):
        following: dict[float, dict[int, Operation]] = {}
        for seconds, due in sorted(waiting.items()):
            _carry_out(paper, due, seconds, following)
        if not following:
            break
        waiting = following
    return dry_run


def _carry_out(
    paper: "_Paper",
    due: Mapping[int, Operation],
    seconds: float,
    following: dict[float, dict[int, Operation]],
) -> None:
    """Deliver what is due after so many seconds. What has to wait longer goes into `following`."""
    dry_run = paper.dry_run
    positions = list(due)
    paper.begin(positions, LATER.format(_in_words(seconds)) if seconds else None)
    delivery = OneDelivery(paper, dry_run.lists, list(due.values()), "", 1.0, {}).carry_out()
    for position, result in zip(positions, delivery.results, strict=True):
        if isinstance(result.outcome, Retryable):
            later = seconds + (result.outcome.delay or 0.0)
            following.setdefault(later, {})[position] = result.operation
    for operation in delivery.follow_ups:
        checks = following.setdefault(seconds + CHECK_SECONDS, {})
        checks[len(dry_run.operations)] = operation
        dry_run.operations.append(operation)


class _Paper:
    """A `Courier` that records each request and answers as a healthy Klaviyo would.

    Every profile, list and member that is asked for exists.
    """

    def __init__(self, dry_run: DryRun) -> None:
        self.dry_run = dry_run
        self._positions: Sequence[int] = ()
        self._note: str | None = None
        self._prepared: dict[int, int] = {}
        self._told_by: dict[str, int] = {}

    def begin(self, positions: Sequence[int], note: str | None) -> None:
        """Begin a delivery of the operations at these positions of the dry run."""
        self._positions, self._note = positions, note
        self._prepared = {}

    def clock(self) -> float:
        """No time passes on paper."""
        return 0.0

    def send(
        self,
        requests: Iterable[Request],
        private_key: str,  # noqa: ARG002 - nobody is asked for one
        limits: Limits,  # noqa: ARG002 - no time passes
        on_reply: OnReply,
    ) -> int:
        """Record the requests in order, then the requests that their answers lead to."""
        began = len(self.dry_run.steps)
        waiting: deque[tuple[Request, int]] = deque((request, 0) for request in requests)
        while waiting:
            request, parent = waiting.popleft()
            number = self._write_down(request, parent)
            further = on_reply(request, self._answer(request, number))
            waiting.extend((each, number) for each in further)
        return len(self.dry_run.steps) - began

    def _write_down(self, request: Request, parent: int) -> int:
        """Record the request under its number. `parent` is the request whose answer led to it."""
        needs = {position for item in request.items for position in item.covers}
        prepares = {position for item in request.items for position in item.joins}
        if request.endpoint is BULK_IMPORT_PROFILES:
            needs |= prepares
        target, path = request.target, request.path
        after = [parent, *(self._prepared.get(each, 0) for each in needs)]
        if target in self._told_by:
            after.append(self._told_by[target])
            path = path.replace(quote(target, safe=""), target)
        of_endpoint = NOTES.get(request.endpoint)
        if request.with_consents and request.endpoint is not GET_LIST_MEMBERS:
            of_endpoint = CONSENTS if self._is_of_subscriptions(request) else WITHDRAWALS
        notes = [note for note in (self._note, of_endpoint) if note is not None]
        steps = self.dry_run.steps
        placed = replace(request, items=tuple(map(self._placed, request.items)))
        steps.append(Step(placed, path, max(after) or None, " ".join(notes) or None))
        self._prepared.update(dict.fromkeys(needs | prepares, len(steps)))
        return len(steps)

    def _is_of_subscriptions(self, request: Request) -> bool:
        """Whether its answer decides who may be subscribed."""
        operations = self.dry_run.operations
        return any(
            isinstance(operations[self._positions[each]], Subscribe)
            for item in request.items
            for each in (*item.covers, *item.joins)
        )

    def _placed(self, item: Item) -> Item:
        """The item with the dry run's positions in place of the delivery's."""
        covers = tuple(self._positions[each] for each in item.covers)
        return replace(
            item, covers=covers, joins=tuple(self._positions[each] for each in item.joins)
        )

    def _answer(self, request: Request, number: int) -> Answer:
        """An answer that the endpoint's row counts as a success."""
        endpoint = request.endpoint
        document: dict[str, Any] = {}
        if endpoint.is_lookup:
            document["data"] = [self._found(request, item, number) for item in request.items]
        elif endpoint.shape is Shape.ONE:
            document["data"] = {
                "type": endpoint.resource,
                "id": self._id(IDENTIFIED, number),
                "attributes": {"status": "complete", "failed_count": 0, "subscriptions": {}},
            }
        return Answer(min(endpoint.success), document)

    def _found(self, request: Request, item: Item, number: int) -> dict[str, Any]:
        value, *_ = json.loads(f"[{unquote(item.body.decode())}]")
        found = self._id(FOUND, value, number)
        attributes = {request.field: value}
        if request.with_consents:
            attributes["subscriptions"] = {}
        return {"type": request.endpoint.resource, "id": found, "attributes": attributes}

    def _id(self, pattern: str, *parts: object) -> str:
        """Words in place of an id that only a real answer has."""
        written = NOT_IN_PATH.sub("-", pattern.format(*parts))[:200]
        self._told_by[written] = len(self.dry_run.steps)
        return written


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
