"""Which operations of a batch could come too late, and in which order upserts are sent. Pure."""

from collections.abc import Sequence

from klaviyo_client.people.newest import said_at
from klaviyo_client.people.stakes import Stake, stake_of
from operations import DeleteProfile, MergeProfiles, Operation, UpsertProfile
from operations.instants import NEVER


def stakes_of(operations: Sequence[Operation], now: float) -> dict[int, Stake]:
    """What could come too late, by position; what has no time cannot be compared."""
    return {
        position: stake
        for position, operation in enumerate(operations)
        if (stake := stake_of(operation)) is not None
        and stake.sets
        and said_at(operation, now) != NEVER
    }


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
