"""A 2xx that left something out: what is sent again, and what gets a warning.

Klaviyo names what it left out in the header `X-Klaviyo-Partial-Failure`, and not whose it was.
"""

from msgspec.structs import replace

from klaviyo_client.api.answers import Answer
from klaviyo_client.api.endpoints import CONSENTS, Subject
from klaviyo_client.api.outcomes import DeliveryWarning, Outcome, Refused
from klaviyo_client.planning.progress import Progress
from klaviyo_client.planning.requests import Item, Request
from klaviyo_client.recovery.repairs import in_another_form


def record_partly(
    progress: Progress, request: Request, answer: Answer, outcome: Outcome
) -> list[Request]:
    """Record what was taken; returns what has to follow.

    Profiles that may lack something are sent once more with that as a custom property. Consents
    that may not have been recorded are warned of. An event needs nothing: its profile's upsert
    meets the same.
    """
    if request.endpoint.subject in CONSENTS:
        _warn(progress, request, answer)
    again = _properties_in_their_place(progress, request, answer)
    covered = {item.covers for item in again}
    taken = tuple(item for item in request.items if item.covers not in covered)
    progress.record(replace(request, items=taken), outcome)
    return [replace(request, items=tuple(again))] if again else []


def _properties_in_their_place(progress: Progress, request: Request, answer: Answer) -> list[Item]:
    if request.endpoint.subject is not Subject.PROFILES:
        return []
    refusals = [
        Refused(answer.status, "partial_failure", "", f"/data/attributes/{name}")
        for name in answer.left_out
    ]
    return [
        item
        for given in request.items
        for again in in_another_form(progress, request, given, refusals)
        for item in again.items
    ]


def _warn(progress: Progress, request: Request, answer: Answer) -> None:
    for item in request.items:
        for position in item.covers:
            operation = progress.operations[position]
            if any(getattr(operation, name, None) is not None for name in answer.left_out):
                progress.warn(position, DeliveryWarning.CHANNEL_LEFT_OUT)
