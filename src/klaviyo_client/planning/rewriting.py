"""Every kind of operation as requests: what can be written at all, and an item written again."""

from collections.abc import Sequence

from msgspec.structs import replace

from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    Subject,
)
from klaviyo_client.people.sequence import acts_of, waits_for
from klaviyo_client.planning.consent import (
    plan_introductions,
    plan_subscriptions,
    plan_unsubscriptions,
    subscription_item,
    unsubscription_item,
)
from klaviyo_client.planning.consent_lookups import plan_standing_lookups
from klaviyo_client.planning.lists import plan_list_lookups
from klaviyo_client.planning.lookups import plan_member_lookups, plan_profile_lookups
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import UNPLANNABLE, Item, Request
from klaviyo_client.planning.steps import plan_merges, plan_removals, plan_steps
from klaviyo_client.planning.upserts import plan_profiles, profile_item
from operations import (
    Operation,
    UpsertProfile,
    kind_of,
)


def can_be_planned(operation: Operation) -> bool:
    """Whether the operation can be written at all, by itself and as one of many."""
    operations, progress = [operation], Progress([operation])
    try:
        acts_of(operations, [0])
        waits_for(operation)
        requests = [
            *(request for round_ in plan_profiles(operations, [0]) for request in round_),
            *plan_steps(progress, [0]),
            *plan_list_lookups(progress, [0]),
            *plan_profile_lookups(progress, [0]),
            *plan_member_lookups(progress, [0]),
            *plan_standing_lookups(progress, [0]),
            *plan_removals(progress, [0]),
            *plan_merges(progress, [0]),
        ]
        progress.judged.add(0)
        requests += plan_introductions(progress, [0])
        progress.introduced.add(0)
        requests += plan_unsubscriptions(progress, [0])
        requests += plan_subscriptions(progress, [0])
        for request in requests:
            request.path, request.body()
        if isinstance(operation, UpsertProfile):
            profile_item(BULK_IMPORT_PROFILES, [operation, operation], (0, 1))
    except UNPLANNABLE:
        return False
    return True


def rebuilt(request: Request, operations: Sequence[Operation], item: Item) -> Item:
    """The item written again, after its operations have changed."""
    endpoint, subject = request.endpoint, request.endpoint.subject
    if subject is Subject.PROFILES:
        return profile_item(endpoint, operations, item.covers, item.joins)
    if subject is Subject.SUBSCRIPTIONS:
        return subscription_item(operations, item.covers)
    if subject is Subject.UNSUBSCRIPTIONS and not request.list_ids:
        return unsubscription_item(operations, item.covers)
    operation = operations[item.covers[0]]
    if subject is not Subject.EVENTS:
        raise TypeError(f"{kind_of(operation)} has no other form")
    return replace(item, body=endpoint.write_item(operation))
