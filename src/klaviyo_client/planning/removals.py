"""What profile ids are enough for: leaving lists, being merged, and being deleted. Pure."""

from collections.abc import Iterable

from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import MERGE_PROFILES, REMOVE_FROM_LIST, REQUEST_DELETION
from klaviyo_client.planning.progress import Known
from klaviyo_client.planning.requests import Item, Request, member_requests
from operations import DeleteProfile, MergeProfiles, RemoveFromList


def plan_removals(known: Known, pending: Iterable[int]) -> list[Request]:
    """Who leaves which list, a thousand a request, as far as the profile ids are known."""
    members: dict[str, dict[str, list[int]]] = {}
    for position in pending:
        operation = known.operations[position]
        if not isinstance(operation, RemoveFromList):
            continue
        if operation.profile_id is not None and operation.list_id is not None:
            of_list = members.setdefault(operation.list_id, {})
            of_list.setdefault(operation.profile_id, []).append(position)
    return list(member_requests(REMOVE_FROM_LIST, members))


def plan_merges(known: Known, pending: Iterable[int]) -> list[Request]:
    """One request for each two profiles that are known and to be one."""
    pairs: dict[tuple[str, str], list[int]] = {}
    for position in pending:
        if not isinstance(known.operations[position], MergeProfiles):
            continue
        profile_ids = known.profile_ids.get(position)
        source_id = known.previous_ids.get(position)
        if profile_ids and source_id is not None and profile_ids[0] != source_id:
            pairs.setdefault((profile_ids[0], source_id), []).append(position)
    return [
        Request(MERGE_PROFILES, (Item(bodies.merge(*pair), tuple(positions)),))
        for pair, positions in pairs.items()
    ]


def plan_deletions(known: Known, pending: Iterable[int]) -> list[Request]:
    """One request for each profile that was found: several may have one external id."""
    profiles: dict[str, list[int]] = {}
    for position in pending:
        if isinstance(known.operations[position], DeleteProfile):
            for profile_id in known.profile_ids.get(position, ()):
                profiles.setdefault(profile_id, []).append(position)
    return [
        Request(REQUEST_DELETION, (Item(bodies.deletion(profile_id), tuple(positions)),))
        for profile_id, positions in profiles.items()
    ]
