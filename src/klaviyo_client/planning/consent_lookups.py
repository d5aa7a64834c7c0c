"""What Klaviyo knows about people's consents, and what is left to send of a consent then. Pure.

A subscription removes earlier opt-outs at Klaviyo, so nobody is subscribed before it is known
whether there is one: https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from math import floor
from typing import Any, NamedTuple

from msgspec.structs import replace

from klaviyo_client.api.consent_state import Standing
from klaviyo_client.api.endpoints import GET_PROFILES, MAX_QUERY_BYTES
from klaviyo_client.api.outcomes import Delivered, DeliveryWarning, Retryable, RetryReason
from klaviyo_client.api.queries import asked_for, comparable
from klaviyo_client.planning.progress import Changes, Known
from klaviyo_client.planning.requests import Item, Request, chunks
from operations import (
    Operation,
    Subscribe,
    Unsubscribe,
    channels_of,
    consent_time,
    with_channels,
)
from operations.channels import identifier_of
from operations.instants import instant

IDENTIFIERS = ("email", "phone_number")

EMAIL_MARKETING = "email.marketing"

NOT_SAID = Retryable(RetryReason.UNEXPECTED_ANSWER)
"""Klaviyo knows the person, and its answer does not say whether they have opted out."""


class Withdrawn(NamedTuple):
    """When a withdrawal was said that we have sent, and until when Klaviyo's date of a withdrawal
    is that of ours (Unix seconds). What is dated later, the person has done in Klaviyo."""

    said: float
    until: float


WithdrawnByUs = Callable[[str, str], Withdrawn | None]
"""The last withdrawal of a channel by its identifier that we ourselves have sent."""


def needs_standing(operation: Operation) -> bool:
    """Whether Klaviyo must be asked about the operation's person before it is sent.

    For a withdrawal from everything, whether it knows the person at all: of somebody whom it does
    not know it would keep no withdrawal, and an older consent that comes later would find none.
    """
    return isinstance(operation, Subscribe) or (
        isinstance(operation, Unsubscribe) and operation.list_id is None
    )


def addresses_to_ask(known: Known, pending: Iterable[int]) -> frozenset[str]:
    """The addresses whose consents an upsert's answer should tell, which saves a look-up."""
    return frozenset(
        operation.email.lower()
        for position in pending
        if isinstance(operation := known.operations[position], Subscribe)
        and not operation.is_consent
        and operation.email is not None
        and position not in known.judged
    )


def plan_standing_lookups(known: Known, pending: Iterable[int]) -> list[Request]:
    """Requests for the consents of those about whom nothing is known yet, a hundred at a time."""
    operations = known.operations
    wanted: dict[str, dict[Hashable, list[int]]] = {}
    for position in pending:
        operation = operations[position]
        if position in known.judged or not isinstance(operation, Subscribe | Unsubscribe):
            continue
        if needs_standing(operation):
            for field, value in _keys(operation):
                if (field, value) not in known.standings:
                    wanted.setdefault(field, {}).setdefault(value, []).append(position)
    return [
        Request(GET_PROFILES, chunk, field=field, with_consents=True)
        for field, values in wanted.items()
        for chunk in chunks(
            (
                Item(asked_for(field, getattr(operations[each[0]], field)), tuple(each))
                for each in values.values()
            ),
            GET_PROFILES,
            MAX_QUERY_BYTES,
        )
    ]


def judge(known: Known, pending: Iterable[int], withdrawn_by_us: WithdrawnByUs) -> Changes:
    """Decide on those whose consents are known by now: what is left of a subscription, and by which
    identifiers a withdrawal of everything reaches its person."""
    changes = Changes()
    for position in pending:
        operation = known.operations[position]
        if position in known.judged or not isinstance(operation, Subscribe | Unsubscribe):
            continue
        is_of_nobody = operation.email is None and operation.phone_number is None
        if is_of_nobody or not needs_standing(operation):
            continue
        keys = _keys(operation)
        if not all(key in known.standings for key in keys):
            continue
        changes.judged.add(position)
        standings = {field: known.standings[field, value] for field, value in keys}
        if any(standings.values()):
            changes.introduced.add(position)
        if isinstance(operation, Subscribe):
            _judge_subscription(changes, position, operation, standings, withdrawn_by_us)
        elif _lacks_identifier(operation):
            changes.operations[position] = _reaching(operation, standings)
    return changes


def _judge_subscription(
    changes: Changes,
    position: int,
    operation: Subscribe,
    standings: Mapping[str, Standing | None],
    withdrawn_by_us: WithdrawnByUs,
) -> None:
    kept: list[str] = []
    is_done = not operation.is_consent
    for channel in channels_of(operation):
        field = _field(operation, channel)
        standing = standings.get(field)
        if standing is not None and not (standing.says_consents or operation.is_consent):
            changes.outcomes[position] = NOT_SAID
            return
        ours = withdrawn_by_us(channel, comparable(field, getattr(operation, field)))
        if standing is not None and _stands_against(standing, channel, operation, ours):
            changes.warn(position, DeliveryWarning.OPTED_OUT)
        else:
            kept.append(channel)
            is_done &= standing is not None and standing.is_subscribed(channel)
    if not kept or is_done:
        changes.outcomes[position] = Delivered()
    elif len(kept) < len(channels_of(operation)):
        changes.operations[position] = with_channels(operation, tuple(kept))


def _stands_against(
    standing: Standing, channel: str, operation: Subscribe, ours: Withdrawn | None
) -> bool:
    """Whether an opt-out forbids the subscription. Any does, unless the person has said yes."""
    if not operation.is_consent:
        has_left = _has_left(standing, channel, operation.list_id)
        return has_left or standing.has_opted_out(channel)
    said = instant(consent_time(operation))
    return _withdrawn_since(standing, channel, operation.list_id, said, ours)


def _withdrawn_since(
    standing: Standing,
    channel: str,
    list_id: str | None,
    said: float | None,
    ours: Withdrawn | None,
) -> bool:
    """Whether the person has withdrawn the consent after giving it.

    Where either time is unknown, the person's word counts. So it does where the withdrawal is one
    that we have sent, `ours`, and that was said before: Klaviyo dates it by when it came.
    Klaviyo's times may end at the second: what was said within that second is not later.
    """
    if said is None:
        return False
    since = said if ours is None or ours.said > said else max(said, ours.until)
    times = [standing.opted_out_at(channel)]
    if _has_left(standing, channel, list_id):
        times.append(standing.left.get(list_id or ""))
    return any(time is not None and time >= floor(since) for time in times)


def _has_left(standing: Standing, channel: str, list_id: str | None) -> bool:
    return channel == EMAIL_MARKETING and list_id is not None and list_id in standing.left


def _reaching(operation: Unsubscribe, known: Mapping[str, Standing | None]) -> Unsubscribe:
    """The withdrawal with the identifiers that the person has and the message did not name."""
    found: dict[str, Any] = {}
    for standing in known.values():
        for field in IDENTIFIERS:
            value = None if standing is None else getattr(standing, field)
            if value is not None and getattr(operation, field) is None:
                found.setdefault(field, value)
    return replace(operation, **found)


def _lacks_identifier(operation: Unsubscribe) -> bool:
    """Whether the person may have an identifier that the withdrawal needs and does not name."""
    if not operation.channels:
        return False
    needed = {identifier_of(channel) for channel in operation.channels}
    return any(field in needed and getattr(operation, field) is None for field in IDENTIFIERS)


def _keys(operation: Subscribe | Unsubscribe) -> list[tuple[str, str]]:
    """The identifiers that the operation's channels go by, as Klaviyo compares them.

    Raises `ValueError` for an operation that has none, as someone may write into a queue by hand.
    """
    if operation.email is None and operation.phone_number is None:
        raise ValueError("neither an e-mail address nor a phone number")
    if isinstance(operation, Unsubscribe):
        fields = {field for field in IDENTIFIERS if getattr(operation, field) is not None}
    else:
        fields = {_field(operation, channel) for channel in channels_of(operation)}
    return [(field, comparable(field, getattr(operation, field))) for field in sorted(fields)]


def _field(operation: Subscribe | Unsubscribe, channel: str) -> str:
    """The identifier that a channel of the operation goes by."""
    needed = identifier_of(channel)
    if needed is not None and getattr(operation, needed) is not None:
        return needed
    return "email" if operation.email is not None else "phone_number"
