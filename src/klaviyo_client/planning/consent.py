"""Subscriptions and unsubscriptions as the fewest jobs that say the same. Pure."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import SUBSCRIBE_PROFILES, UNSUBSCRIBE_PROFILES
from klaviyo_client.planning.lookups import CHANNELS
from klaviyo_client.planning.progress import Known
from klaviyo_client.planning.requests import Item, Request, chunks
from klaviyo_client.planning.upserts import single_upsert
from operations import (
    Operation,
    Subscribe,
    Unsubscribe,
    channels_of,
    kind_of,
    with_channels,
)
from operations.channels import identifier_of


def needs_introduction(operation: Operation) -> bool:
    """Whether Klaviyo forgets the operation if it does not know the person.

    Recorded live: a subscription without a list and without `historical_import`, of an unknown
    address, is answered with 202 and forgotten. A withdrawal from everything must leave a trace.
    """
    if isinstance(operation, Unsubscribe):
        return operation.list_id is None
    return (
        isinstance(operation, Subscribe)
        and operation.list_id is None
        and not operation.historical_import
    )


def plan_introductions(known: Known, pending: Iterable[int]) -> list[Request]:
    """Upserts of those whom Klaviyo must know first. Singly: a job comes too late."""
    operations = known.operations
    persons: dict[Hashable, list[int]] = {}
    for position in pending:
        operation = operations[position]
        if (
            needs_introduction(operation)
            and position in known.judged
            and position not in known.introduced
        ):
            persons.setdefault(_subscriber(operation), []).append(position)
    return [single_upsert(operations, (), tuple(positions)) for positions in persons.values()]


def plan_subscriptions(known: Known, pending: Iterable[int]) -> list[Request]:
    """Jobs by list, source and kind of import; each profile stands once in a job.

    Only those of which it is known who has opted out. Where two say different things about one
    profile, they go in different jobs.
    """
    operations = known.operations
    jobs: dict[Hashable, list[dict[Hashable, _Subscriber]]] = {}
    for position in pending:
        operation = operations[position]
        if not isinstance(operation, Subscribe) or position not in known.judged:
            continue
        if needs_introduction(operation) and position not in known.introduced:
            continue
        job = (operation.list_id, operation.historical_import, operation.custom_source)
        _place(operations, position, jobs.setdefault(job, []))
    requests = []
    for layers in jobs.values():
        for persons in layers:
            items = [
                Item(bodies.subscription_item(each.whole), tuple(each.positions))
                for each in persons.values()
            ]
            first = next(iter(persons.values())).whole
            settings = bodies.subscription_settings(first)
            list_ids = () if first.list_id is None else (first.list_id,)
            requests += [
                Request(SUBSCRIBE_PROFILES, chunk, list_ids=list_ids, settings=settings)
                for chunk in chunks(items, SUBSCRIBE_PROFILES)
            ]
    return requests


def subscription_item(operations: Sequence[Operation], positions: tuple[int, ...]) -> Item:
    """The subscriptions of one profile, which agree with each other, as one item."""
    whole = operations[positions[0]]
    for position in positions[1:]:
        further = operations[position]
        if isinstance(whole, Subscribe) and isinstance(further, Subscribe):
            whole = _joint(whole, further)
    if not isinstance(whole, Subscribe):
        raise TypeError(f"{kind_of(whole)} is no subscription")
    return Item(bodies.subscription_item(whole), positions)


def plan_unsubscriptions(known: Known, pending: Iterable[int]) -> list[Request]:
    """Jobs by list. From a list only who is on it: Klaviyo takes consent everywhere from others."""
    operations = known.operations
    everywhere: dict[Hashable, list[int]] = {}
    lists: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for position in pending:
        operation = operations[position]
        if not isinstance(operation, Unsubscribe):
            continue
        if operation.email is None and operation.phone_number is None:
            raise ValueError("neither an e-mail address nor a phone number")
        if operation.list_id is None:
            if position not in known.judged or position not in known.introduced:
                continue
            key = (_lower(operation.email), operation.phone_number, channels_of(operation))
            everywhere.setdefault(key, []).append(position)
            continue
        for channel in CHANNELS:
            profile_id = known.members.get((position, channel))
            if profile_id is not None:
                of_list = lists.setdefault(operation.list_id, {})
                of_list.setdefault(profile_id, []).append((position, channel))
    items = [unsubscription_item(operations, tuple(each)) for each in everywhere.values()]
    requests = [
        Request(UNSUBSCRIBE_PROFILES, chunk) for chunk in chunks(items, UNSUBSCRIBE_PROFILES)
    ]
    for list_id, members in lists.items():
        items = [_member_item(operations, places) for places in members.values()]
        requests += [
            Request(UNSUBSCRIBE_PROFILES, chunk, list_ids=(list_id,))
            for chunk in chunks(items, UNSUBSCRIBE_PROFILES)
        ]
    return requests


def unsubscription_item(operations: Sequence[Operation], positions: tuple[int, ...]) -> Item:
    """Unsubscriptions that say the same as one item."""
    operation = operations[positions[0]]
    if not isinstance(operation, Unsubscribe):
        raise TypeError(f"{kind_of(operation)} is no unsubscription")
    return Item(bodies.unsubscription_item(operation), positions)


def _member_item(operations: Sequence[Operation], places: Sequence[tuple[int, str]]) -> Item:
    """One member with all the channels to be ended: a second item would find no member any more."""
    found: dict[str, str] = {}
    channels: dict[str, None] = {}
    for position, field in places:
        operation = operations[position]
        if isinstance(operation, Unsubscribe):
            found[field] = getattr(operation, field)
            of_field = (
                each for each in channels_of(operation) if identifier_of(each) in (field, None)
            )
            channels.update(dict.fromkeys(of_field))
    whole = Unsubscribe(None, found.get("email"), None, found.get("phone_number"))
    positions = tuple(dict.fromkeys(position for position, _ in places))
    return Item(bodies.unsubscription_item(with_channels(whole, tuple(channels))), positions)


def _place(
    operations: Sequence[Operation], position: int, layers: list[dict[Hashable, "_Subscriber"]]
) -> None:
    """Put a subscription beside those of its person, or into the first job that lacks them."""
    operation = operations[position]
    key = _subscriber(operation)
    if not isinstance(operation, Subscribe):
        return
    for persons in layers:
        known = persons.get(key)
        if known is None:
            persons[key] = _Subscriber(operation, [position])
            return
        if _agree(known.whole, operation):
            known.whole = _joint(known.whole, operation)
            known.positions.append(position)
            return
    layers.append({key: _Subscriber(operation, [position])})


@dataclass(slots=True)
class _Subscriber:
    """Subscriptions of one profile in one job, which are together the `whole`."""

    whole: Subscribe
    positions: list[int]


def _subscriber(operation: Operation) -> Hashable:
    """The person of the consent."""
    if not isinstance(operation, Subscribe | Unsubscribe):
        raise TypeError(f"{kind_of(operation)} is no consent")
    return _lower(operation.email) or operation.phone_number


def _lower(email: str | None) -> str | None:
    return None if email is None else email.lower()


def _agree(one: Operation, other: Operation) -> bool:
    return (
        isinstance(one, Subscribe)
        and isinstance(other, Subscribe)
        and one.consented_at == other.consented_at
        and (one.phone_number or other.phone_number) == (other.phone_number or one.phone_number)
    )


def _joint(one: Subscribe, other: Subscribe) -> Subscribe:
    channels = dict.fromkeys((*channels_of(one), *channels_of(other)))
    both = replace(
        one,
        email=other.email or one.email,
        phone_number=other.phone_number or one.phone_number,
    )
    return with_channels(both, tuple(channels))
