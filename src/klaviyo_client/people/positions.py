"""Which operations of a batch could come too late, and in which order upserts are sent. Pure."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from klaviyo_client.people.newest import keys_of, said_at
from klaviyo_client.people.stakes import Stake, stake_of, subscriber
from operations import (
    DeleteProfile,
    MergeProfiles,
    Operation,
    UpsertProfile,
    is_withdrawal_from_all,
    leaves_list,
)
from operations.instants import NEVER

SLICE = 500
"""Operations that are checked at once, where there is time for one part after the other."""


def stakes_of(
    operations: Sequence[Operation], now: float, known: Mapping[int, Stake | None] = {}
) -> dict[int, Stake]:
    """What could come too late, by position; what has no time cannot be compared.

    `known` are stakes by the `id` of their operation.
    """
    found: dict[int, Stake] = {}
    for position, operation in enumerate(operations):
        at = id(operation)
        stake = known[at] if at in known else stake_of(operation)
        if stake is not None and stake.sets and said_at(operation, now) != NEVER:
            found[position] = stake
    return found


def slices(
    operations: Sequence[Operation], stakes: Mapping[int, Stake]
) -> Iterator[dict[int, Stake]]:
    """The stakes part by part, so that some are checked where there is no time for all: first those
    of people who withdraw a consent.

    What unsubscribes one person from one list stays together: the claim of the first would have the
    next one wait, as if the first were sent, and only of one batch do they become one request.
    """
    if len(stakes) <= SLICE:
        yield dict(stakes)
        return
    withdrawing = {
        key
        for position, stake in stakes.items()
        if is_withdrawal_from_all(operations[position])
        for key in keys_of(stake)
    }
    first = [
        position for position, stake in stakes.items() if not withdrawing.isdisjoint(keys_of(stake))
    ]
    rest = stakes.keys() - first
    for part in (first, [position for position in stakes if position in rest]):
        for chosen in _parts(operations, part):
            yield {position: stakes[position] for position in chosen}


def _parts(operations: Sequence[Operation], positions: Iterable[int]) -> Iterator[list[int]]:
    """The positions in parts of `SLICE`, or what does not fit into a part as one."""
    groups: dict[Hashable, list[int]] = {}
    for position in positions:
        operation = operations[position]
        group = (subscriber(operation), operation.list_id) if leaves_list(operation) else position
        groups.setdefault(group, []).append(position)
    part: list[int] = []
    for of_group in groups.values():
        if part and len(part) + len(of_group) > SLICE:
            yield sorted(part)
            part = []
        part += of_group
    if part:
        yield sorted(part)


def in_time(operations: Sequence[Operation], now: float) -> list[int]:
    """The positions, those of upserts by the times of their messages: of one person's the later
    one is sent last, whatever becomes of it. None passes a deletion or a merge."""
    positions: list[int] = []
    timed: list[tuple[float, int]] = []
    places: list[int] = []

    def arrange() -> None:
        for place, (_, position) in zip(places, sorted(timed), strict=True):
            positions[place] = position
        timed.clear()
        places.clear()

    for position, operation in enumerate(operations):
        if isinstance(operation, DeleteProfile | MergeProfiles):
            arrange()
        elif isinstance(operation, UpsertProfile) and (said := said_at(operation, now)) != NEVER:
            timed.append((said, position))
            places.append(len(positions))
        positions.append(position)
    arrange()
    return positions
