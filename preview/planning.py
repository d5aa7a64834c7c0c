"""The requests for some operations, as one delivery would send them to a Klaviyo that is well.

What needs an answer first is planned with a stand-in for what the answer will say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from klaviyo_client import planner
from klaviyo_client.endpoints import BULK_IMPORT_PROFILES, UPSERT_PROFILE
from klaviyo_client.planner import Request
from klaviyo_mapping.operations import AddToList, CheckImport, Operation

PROFILE_ID = "<the id in the answer to request {}>"
JOB_ID = "<the id in the answer to request {}>"

LATER = "About a minute later, by way of the retry queue."


@dataclass(frozen=True, slots=True)
class Step:
    """A request, and what it waits for: the answer to the step of that number, from 1."""

    request: Request
    after: int | None = None
    note: str | None = None


def plan(operations: Sequence[Operation]) -> tuple[list[Step], list[Operation]]:
    """The steps in their order, and the operations that their positions are about.

    These are those given, list steps with their profile ids, and then the looks at import jobs.
    """
    known = list(operations)
    done: set[int] = set()
    steps: list[Step] = []
    ids: dict[str, int] = {}
    for requests in planner.plan_profiles(known, range(len(known))):
        for request in requests:
            steps.append(Step(request))
            number = len(steps)
            for item in request.items:
                done.update(item.covers)
                for position in item.joins:
                    join = known[position]
                    if request.endpoint is UPSERT_PROFILE and isinstance(join, AddToList):
                        profile_id = PROFILE_ID.format(number)
                        ids[profile_id] = number
                        known[position] = replace(join, profile_id=profile_id)
                    else:
                        done.add(position)
    pending = [position for position in range(len(known)) if position not in done]
    for request in planner.plan_steps(known, pending):
        joins = [known[item.covers[0]] for item in request.items]
        after = max(
            (
                ids[join.profile_id]
                for join in joins
                if isinstance(join, AddToList) and join.profile_id
            ),
            default=None,
        )
        steps.append(Step(request, after))
    for number, step in enumerate(list(steps), start=1):
        if step.request.endpoint is BULK_IMPORT_PROFILES:
            known.append(CheckImport(None, JOB_ID.format(number)))
            [check] = planner.plan_steps(known, [len(known) - 1])
            steps.append(Step(check, number, LATER))
    return steps, known
