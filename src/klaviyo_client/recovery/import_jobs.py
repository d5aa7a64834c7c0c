"""What a bulk import job reports once it has checked its profiles. Pure.

https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_job and
https://developers.klaviyo.com/en/reference/get_errors_for_bulk_import_profiles_job
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.api.answers import Answer, ApiError, api_error, refusal, resources
from klaviyo_client.api.outcomes import Delivered, Outcome, Refused, Retryable, RetryReason
from operations import CheckImport, Identity, UpsertProfile

PENDING_DELAY = 60.0
"""Seconds until an unfinished job is checked again."""

WITH_LISTS = "?include=lists"
"""The query with which a job names the lists that its profiles join, if it does not anyway."""

FIRST_PAGE = "?page%5Bsize%5D=100"

_IDENTIFIERS = frozenset({"email", "external_id", "phone_number", "_kx"})


def job_id(answer: Answer) -> str:
    """The id of the job that an import request has started; an answer without is no success."""
    [(found, _)] = resources(answer)
    return found


def verdict(answer: Answer) -> Outcome | None:
    """What the job's state means; `None` when it has ended with errors that have to be read."""
    status = _attributes(answer).get("status")
    if status == "complete":
        return Delivered() if failed_count(answer) == 0 else None
    if status == "cancelled":
        return Refused(answer.status, "import_cancelled", "Klaviyo cancelled the import job")
    return Retryable(RetryReason.IMPORT_PENDING, PENDING_DELAY, answer.status)


def failed_count(answer: Answer) -> int | None:
    """How many profiles the job has refused; `None` when the answer does not say."""
    number = _attributes(answer).get("failed_count")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def list_ids(answer: Answer) -> tuple[str, ...] | None:
    """The lists that the job's profiles join; `None` when the answer does not say."""
    data = _object(answer.document.get("data"))
    lists = _object(_object(data.get("relationships")).get("lists")).get("data")
    if not isinstance(lists, list):
        return None
    ids = [_object(entry).get("id") for entry in lists]
    return tuple(found for found in ids if isinstance(found, str))


class Failure(Struct, frozen=True):
    """A profile that a job has refused: the upsert that would repeat it, under the id of the first
    message that it came from, and the ids of the `further` ones.

    `key` tells it from the job's other failures, however often they are read.
    """

    key: str
    upsert: UpsertProfile
    refusals: tuple[Refused, ...]
    further: tuple[str | None, ...] = ()


def failures(answer: Answer, check: CheckImport) -> list[Failure]:
    """The refused profiles on this page. Several errors of one profile are one failure."""
    listed = answer.document.get("data")
    found: dict[str, Failure] = {}
    for number, entry in enumerate(listed if isinstance(listed, list) else ()):
        attributes = _object(_object(entry).get("attributes"))
        error = api_error(attributes)
        key = str(_object(entry).get("id", number)) if error.item is None else f"#{error.item}"
        refused = refusal(answer.status, error)
        if key in found:
            known = found[key]
            found[key] = replace(known, refusals=(*known.refusals, refused))
            continue
        first, *further = _message_ids(error, check)
        upsert = _upsert(attributes.get("original_payload"), first, _time(error, check))
        found[key] = Failure(key, upsert, (refused,), tuple(further))
    return list(found.values())


def _message_ids(error: ApiError, check: CheckImport) -> list[str | None]:
    """The messages that the refused profile came from; one that is unknown, if need be."""
    position = error.item
    if position is None or position >= len(check.message_ids):
        return [None]
    further = check.merged.get(str(position))
    return [check.message_ids[position], *(further if isinstance(further, list | tuple) else ())]


def _time(error: ApiError, check: CheckImport) -> str | None:
    """When that was said, so that it does not come after what was said later."""
    position = error.item
    return None if position is None or position >= len(check.times) else check.times[position]


def _upsert(payload: object, message_id: str | None, time: str | None) -> UpsertProfile:
    """The profile of an error's `original_payload`, whether or not it shows the outer layers.

    We never send a `null` attribute in a job, so one that Klaviyo shows was not there; sent again,
    it would clear something.
    """
    profile = _object(payload)
    profile = _object(profile.get("data", profile))
    attributes = dict(_object(profile.get("attributes", profile)))
    given = {name: attributes.pop(name, None) for name in _IDENTIFIERS}
    identity = Identity.from_attributes(
        {name: value for name, value in given.items() if isinstance(value, str)}
    )
    properties = dict(_object(attributes.pop("properties", None)))
    patch = _object(_object(profile.get("meta")).get("patch_properties"))
    phone = identity.phone_number
    return UpsertProfile(
        message_id=message_id,
        identity=identity,
        attributes=_without_nulls(attributes),
        properties=properties,
        phone_as_sent={} if phone is None else {"phone": phone},
        append=dict(_object(patch.get("append"))),
        unappend=dict(_object(patch.get("unappend"))),
        unset=_names(patch.get("unset")),
        time=time,
    )


def _names(unset: object) -> tuple[str, ...]:
    """The custom properties that a profile was to lose, one or several."""
    listed = unset if isinstance(unset, list) else [unset]
    return tuple(name for name in listed if isinstance(name, str))


def _without_nulls(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in attributes.items()
        if value is not None
    }


def _attributes(answer: Answer) -> Mapping[str, Any]:
    return _object(_object(answer.document.get("data")).get("attributes"))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
