"""The outcomes of a delivery, by message and operation, as the ledger stores them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from handler.books.decided import Decided
from handler.decision import Decision
from handler.queue.backoff import Pace
from handler.queue.envelope import Entry
from handler.queue.routing import Routing, rejected_reason
from handler.queue.storing import Stored
from handler.report.codes import DeferralCode, TroubleCode
from klaviyo_client.api.outcomes import UNTRIED, Delivered, Retryable
from klaviyo_client.api.redaction import redact_code, redact_pointer
from klaviyo_client.results import Delivery, Result
from klaviyo_mapping import Dropped, Mapped
from ledger.fates import Outcome, State
from ledger.operation_names import WHOLE, name_of
from ledger.stories import WORST_FIRST
from operations import CheckImport, JsonObject

ByMessage = dict[str, dict[str, Outcome]]
"""Outcomes by the message's id and the operation's name."""

NOT_MAPPED_YET = {WHOLE: Outcome(State.WAITING, DeferralCode.NOT_MAPPED_YET.value)}

DELIVERED = Outcome(State.DELIVERED)

LEFT_TO_SEGMENT = Outcome(State.WAITING, TroubleCode.QUEUE_UNAVAILABLE.value)

IMPORT_REFUSED = "import_refused"
"""Why a profile that was delivered waits again: its import job has refused it as it was."""


def of_delivery(
    entries: Sequence[Entry],
    delivery: Delivery,
    routing: Routing,
    *,
    now: float,
    pace: Pace,
    missing: frozenset[str | None],
) -> ByMessage:
    """The outcomes of the entries, and of the profiles of import jobs that they checked.

    An entry that is on no queue, because the queue was unavailable, is left out: it comes again.
    """
    placed = _placed(routing)
    found: ByMessage = {}
    for entry, result in zip(entries, delivery.results, strict=True):
        outcome = _outcome(result, placed.get(id(result.operation)))
        if outcome.state is State.DELIVERED or not _is_lost(entry, missing):
            _add(found, result, outcome)
    if None in missing:  # what stands for no SQS message of its own
        return found
    again = Outcome(State.WAITING, IMPORT_REFUSED, until=now + pace.follow_up)
    for operation in delivery.follow_ups:
        _add(found, Result(operation, Delivered()), again)
    for failure in delivery.import_failures:
        _add(found, failure, _outcome(failure, placed.get(id(failure.operation))))
    return found


def is_all_delivered(delivery: Delivery, stored: Stored) -> bool:
    """Whether Klaviyo has accepted everything as it was, which is the usual case."""
    return (
        not stored.missing
        and not delivery.import_failures
        and all(isinstance(each, CheckImport) for each in delivery.follow_ups)
        and all(
            isinstance(result.outcome, Delivered) and not result.warnings
            for result in delivery.results
        )
    )


def if_delivered(messages: Iterable[Decided]) -> ByMessage:
    """What `of_delivery` says of the operations of these messages then."""
    found: ByMessage = {}
    for message in messages:
        if message.message_id is not None and isinstance(message.decision, Mapped):
            outcomes = found.setdefault(message.message_id, {})
            outcomes.update(dict.fromkeys(map(name_of, message.decision.operations), DELIVERED))
    return found


def of_decision(decision: Decision) -> dict[str, Outcome]:
    """The outcome of a message that has no operations."""
    if isinstance(decision, Dropped):
        return {WHOLE: Outcome(State.DROPPED, decision.reason.value)}
    if isinstance(decision, Mapped):
        return {}
    return {WHOLE: dead(rejected_reason(decision))}


def dead(reason: JsonObject) -> Outcome:
    """A dead letter's reason, without Klaviyo's texts: these may quote the message."""
    code, pointer = reason.get("klaviyo_code"), reason.get("pointer")
    return Outcome(
        State.DEAD_LETTERED,
        reason.get("code"),
        about=reason.get("field") or reason.get("last"),
        status=reason.get("status"),
        code=redact_code(code) if code else None,
        pointer=redact_pointer(pointer) if pointer else None,
    )


def waiting(entries: Iterable[Entry], until: float) -> ByMessage:
    """Operations that wait for others to fill a request."""
    found: ByMessage = {}
    for entry in entries:
        if entry.operation is not None and entry.operation.message_id is not None:
            outcomes = found.setdefault(entry.operation.message_id, {})
            outcomes[name_of(entry.operation)] = Outcome(
                State.WAITING, UNTRIED.reason.value, until=until
            )
    return found


def _placed(routing: Routing) -> Mapping[int, Entry]:
    """The entry as which each operation was queued, by the operation's `id`."""
    entries = [*routing.dead, *(each for found in routing.waiting.values() for each in found)]
    return {id(entry.operation): entry for entry in entries}


def _outcome(result: Result, entry: Entry | None) -> Outcome:
    warnings = tuple(warning.value for warning in result.warnings)
    outcome = result.outcome
    if isinstance(outcome, Delivered):
        return Outcome(State.DELIVERED, warnings=warnings) if warnings else DELIVERED
    if entry is not None and entry.reason is not None:
        return dead(entry.reason)
    if isinstance(outcome, Retryable):
        until = None if entry is None else entry.not_before
        return Outcome(State.WAITING, outcome.reason.value, status=outcome.status, until=until)
    return Outcome(State.DEAD_LETTERED, outcome.code, status=outcome.status)


def _is_lost(entry: Entry, missing: frozenset[str | None]) -> bool:
    return entry.record in missing or None in missing


def _add(found: ByMessage, result: Result, outcome: Outcome) -> None:
    """Of two outcomes with the same name the worse one is kept: a message of which a part failed
    must not count as delivered."""
    message_id, name = result.operation.message_id, name_of(result.operation)
    if message_id is None:
        return
    known = found.setdefault(message_id, {}).get(name)
    if known is None or known.state not in WORST_FIRST[: WORST_FIRST.index(outcome.state)]:
        found[message_id][name] = outcome
