"""Previews messages: what they would become in Klaviyo with given settings."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handler.decision import Decision, decide
from handler.door.body import Unreadable
from handler.door.validation import Malformed, validate
from handler.report.codes import RejectionCode
from klaviyo_mapping import Dropped, Mapped, Message, Settings, canonical
from operations import CreateEvent, Json, Operation, kind_of
from preview.advice import ADVICE, advice_on
from preview.dry_run import DryRun, Step, run_dry
from preview.marking import item_places, landings
from preview.model import (
    MappingVerdict,
    MessagePreview,
    Preview,
    RequestPreview,
    Source,
    Trace,
    WayOut,
)
from preview.offers import offers
from preview.paths import Path, pointer
from preview.provenance import Budget, Origins, trace
from preview.reading import read

Given = Json | Unreadable | Operation
"""A message, or an operation from a queue that was mapped earlier."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """The input and the decision on it. `begins` is the position of its first operation."""

    number: int
    raw: Given
    arrival: Message | Malformed | Operation
    decision: Decision
    begins: int

    @property
    def operations(self) -> tuple[Operation, ...]:
        return self.decision.operations if isinstance(self.decision, Mapped) else ()


def explain(
    messages: str | Sequence[Given],
    settings: Settings,
    now: datetime,
    *,
    is_traced: bool = True,
    go_on: Callable[[], None] = lambda: None,
) -> Preview:
    """What the messages would become with these settings in one webhook call. Sends nothing.

    `messages` is a text (one message or an array), or a sequence of messages as `json.loads`
    returns them and of operations, which no setting changes. `now` needs a time zone, as in
    `map_message`. Without `is_traced`, requests do not say where their parts came from; that is
    much faster for many messages. `go_on` is called between messages and may raise to stop the
    preview. Raises `UnreadableText` for a text without messages.
    """
    given = read(messages) if isinstance(messages, str) else messages
    decided = _decide_all(given, settings, now, go_on)
    dry_run = run_dry([operation for each in decided for operation in each.operations])
    owners = [each for each in decided for _ in each.operations]
    budget = Budget()
    origins = _trace_all(decided, settings, now, budget, go_on) if is_traced else {}
    requests = tuple(
        _request(number, step, dry_run, owners, origins)
        for number, step in enumerate(dry_run.steps, start=1)
    )
    carried_by: dict[int, list[int]] = {}
    go_on()
    for request in requests:
        for message in request.messages:
            carried_by.setdefault(message, []).append(request.number)
    return Preview(
        messages=tuple(
            _message(each, settings, now, tuple(carried_by.get(each.number, ())), go_on)
            for each in decided
        ),
        requests=requests,
        is_traced=is_traced and budget.was_enough,
    )


def _decide_all(
    given: Sequence[Given], settings: Settings, now: datetime, go_on: Callable[[], None]
) -> list[_Decided]:
    decided: list[_Decided] = []
    begins = 0
    for number, raw in enumerate(given, start=1):
        go_on()
        if isinstance(raw, Operation):
            decided.append(_Decided(number, raw, raw, Mapped((raw,)), begins))
        else:
            arrival = validate(raw)
            decided.append(_Decided(number, raw, arrival, decide(arrival, settings, now), begins))
        begins += len(decided[-1].operations)
    return decided


def _trace_all(
    decided: Sequence[_Decided],
    settings: Settings,
    now: datetime,
    budget: Budget,
    go_on: Callable[[], None],
) -> dict[int, Origins]:
    """The origins of each message's operations, by the message's number."""

    def remap(raw: Json, settings: Settings) -> Sequence[Operation] | None:
        go_on()
        decision = decide(validate(raw), settings, now)
        return decision.operations if isinstance(decision, Mapped) else None

    return {
        each.number: trace(each.raw, each.operations, settings, remap, budget)
        for each in decided
        if each.operations and isinstance(each.raw, dict)
    }


def _message(
    each: _Decided,
    settings: Settings,
    now: datetime,
    requests: tuple[int, ...],
    go_on: Callable[[], None],
) -> MessagePreview:
    go_on()
    arrival, decision = each.arrival, each.decision
    if isinstance(arrival, Operation):
        return _operation(each.number, arrival, requests)
    said = canonical(each.raw) if isinstance(each.raw, dict) else {}
    preview = MessagePreview(
        number=each.number,
        message_id=arrival.message_id,
        type=_text(said.get("type")),
        event_name=_text(said.get("event")),
        verdict=MappingVerdict.REJECTED,
        requests=requests,
    )
    if isinstance(decision, Mapped):
        return replace(
            preview,
            verdict=MappingVerdict.MAPPED,
            operations=decision.operations,
            warnings=tuple(advice_on(warning) for warning in decision.warnings),
        )
    if isinstance(decision, Dropped):
        return replace(
            preview,
            verdict=MappingVerdict.DROPPED,
            reason=ADVICE[decision.reason.value],
            ways_out=_ways_out(each.raw, settings, now),
        )
    if isinstance(decision, Malformed):
        return replace(
            preview,
            reason=ADVICE[RejectionCode.INVALID_MESSAGE.value],
            field=decision.field,
            detail=decision.detail,
        )
    return replace(preview, reason=ADVICE[RejectionCode.INTERNAL_ERROR.value])


def _operation(number: int, operation: Operation, requests: tuple[int, ...]) -> MessagePreview:
    return MessagePreview(
        number=number,
        message_id=operation.message_id,
        type=kind_of(operation),
        event_name=operation.metric if isinstance(operation, CreateEvent) else None,
        verdict=MappingVerdict.MAPPED,
        operations=(operation,),
        requests=requests,
    )


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _ways_out(raw: Json, settings: Settings, now: datetime) -> tuple[WayOut, ...]:
    """Other values of settings. Each of them by itself would let the message through."""
    return tuple(
        WayOut(offer.setting, {"true": True, "false": False}.get(offer.value, offer.value))
        for offer in offers(raw, settings, now)
    )


def _request(
    number: int,
    step: Step,
    dry_run: DryRun,
    owners: Sequence[_Decided],
    origins: dict[int, Origins],
) -> RequestPreview:
    request = step.request
    written = request.body()
    body = json.loads(written) if written else None
    places = item_places(request)
    items: list[tuple[str, tuple[int, ...]]] = []
    sources: dict[Path, set[Source]] = {}
    for position, (item, place) in enumerate(zip(request.items, places, strict=True)):
        behind = [owners[each] for each in (*item.covers, *item.joins) if each < len(owners)]
        items.append((pointer(place), tuple(sorted({each.number for each in behind}))))
        if not any(each.number in origins for each in behind):
            continue
        for where, operation, inner in landings(request, body, dry_run, position, place):
            owner = owners[operation]
            keys, settings = origins[owner.number].of((operation - owner.begins, *inner))
            found = sources.setdefault(where, set())
            found.update(Source(key, owner.number) for key in keys)
            found.update(Source(setting) for setting in settings)
    return RequestPreview(
        number=number,
        endpoint=request.endpoint.name,
        title=request.endpoint.title,
        method=request.endpoint.method,
        path=step.path,
        body=body,
        items=tuple(items),
        messages=tuple(sorted({message for _, messages in items for message in messages})),
        traces=tuple(
            Trace(pointer(where), tuple(sorted(found, key=_order)))
            for where, found in sorted(sources.items(), key=lambda pair: pointer(pair[0]))
            if found
        ),
        after=step.after,
        note=step.note,
    )


def _order(source: Source) -> tuple[int, str]:
    """Sorts keys by message, and settings last."""
    return (source.message or 1 << 62, source.path)
