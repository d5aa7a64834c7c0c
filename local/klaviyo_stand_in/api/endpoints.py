"""What each endpoint does with a valid request: one function for each operation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from local.klaviyo_stand_in.api import filters, resources
from local.klaviyo_stand_in.api.call import Call
from local.klaviyo_stand_in.protocol.exchange import Response
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal, not_found
from local.klaviyo_stand_in.records.consents import ConsentJob
from local.klaviyo_stand_in.records.jobs import KEPT, ImportJob
from local.klaviyo_stand_in.records.profiles import Duplicate, Profile

ACCEPTED = Response(202)
NO_CONTENT = Response(204)

TEXT = ("equals", "any")

PROFILE_FILTERS: Mapping[str, Sequence[str]] = {
    "id": TEXT,
    "email": TEXT,
    "phone_number": TEXT,
    "external_id": TEXT,
    "_kx": ("equals",),
    "created": ("greater-than", "less-than"),
    "updated": ("greater-than", "less-than"),
}

MEMBER_FILTERS: Mapping[str, Sequence[str]] = {
    "email": TEXT,
    "phone_number": TEXT,
    "_kx": ("equals",),
}

LIST_FILTERS: Mapping[str, Sequence[str]] = {
    "id": TEXT,
    "name": TEXT,
    "created": ("greater-than",),
    "updated": ("greater-than",),
}


def create_event(call: Call) -> Response:
    attributes = call.document["data"]["attributes"]
    profile = attributes["profile"]["data"]
    _require_profiles(call, [(profile, "/data/attributes/profile/data")])
    call.state.record(profile, [call.document["data"]], call.now, backfill=False)
    return ACCEPTED


def bulk_create_events(call: Call) -> Response:
    entries = call.document["data"]["attributes"]["events-bulk-create"]["data"]
    place = "/data/attributes/events-bulk-create/data"
    _require_profiles(
        call,
        (
            (entry["attributes"]["profile"]["data"], f"{place}/{position}/attributes/profile/data")
            for position, entry in enumerate(entries)
        ),
    )
    for entry in entries:
        attributes = entry["attributes"]
        call.state.record(
            attributes["profile"]["data"],
            attributes["events"]["data"],
            call.now,
            backfill=bool(attributes.get("backfill")),
        )
    return ACCEPTED


def create_or_update_profile(call: Call) -> Response:
    resource = call.document["data"]
    _require_profiles(call, [(resource, "/data")])
    try:
        profile, created = call.state.profiles.upsert(resource, call.now, clears=True, strict=True)
    except Duplicate as duplicate:
        raise Refusal(
            409,
            Problem(
                "A profile already exists with one of these identifiers.",
                "/data/attributes",
                "duplicate_profile",
                "Conflict.",
                meta={"duplicate_profile_id": duplicate.profile_id},
            ),
        ) from None
    return call.one(
        201 if created else 200,
        resources.profile(profile, call.origin, call.fields("profile"), _wants_consents(call)),
    )


def bulk_import_profiles(call: Call) -> Response:
    data = call.document["data"]
    lists = data.get("relationships", {}).get("lists", {}).get("data", ())
    for position, entry in enumerate(lists):
        _require_list(call, entry["id"], f"/data/relationships/lists/data/{position}/id")
    job = ImportJob(
        id=uuid4().hex,
        created=call.now,
        duration=timedelta(seconds=call.state.policy.import_seconds),
        list_ids=[entry["id"] for entry in lists],
        profiles=data["attributes"]["profiles"]["data"],
        fails=call.fails,
    )
    call.state.add_job(job)
    return call.one(202, _job(call, job))


def get_bulk_import_profiles_job(call: Call) -> Response:
    job = _require_job(call)
    if "include" not in call.parameters:
        return call.one(200, _job(call, job))
    fields, lists = call.fields("list"), call.state.lists
    included = [
        resources.mailing_list(lists[list_id], call.origin, fields)
        for list_id in job.list_ids
        if list_id in lists
    ]
    return call.one(200, _job(call, job), included)


def get_errors_for_bulk_import_profiles_job(call: Call) -> Response:
    failures = _require_job(call).failures[call.missing_errors :]
    page, following = call.page(failures, default=20, most=100)
    fields = call.fields("import-error")
    return call.many([resources.import_error(failure, fields) for failure in page], following)


def bulk_subscribe_profiles(call: Call) -> Response:
    list_id = _list_of_relationship(call)
    attributes = call.document["data"]["attributes"]
    profiles = attributes["profiles"]["data"]
    place = "/data/attributes/profiles/data"
    _require_profiles(call, ((each, f"{place}/{n}") for n, each in enumerate(profiles)))
    historical = bool(attributes.get("historical_import"))
    _change_consents(call, ConsentJob(call.now, profiles, list_id, True, historical))
    return ACCEPTED


def bulk_unsubscribe_profiles(call: Call) -> Response:
    list_id = _list_of_relationship(call)
    profiles = call.document["data"]["attributes"]["profiles"]["data"]
    _change_consents(call, ConsentJob(call.now, profiles, list_id, False))
    return ACCEPTED


def _change_consents(call: Call, job: ConsentJob) -> None:
    due = call.now + timedelta(seconds=call.state.policy.consent_seconds)
    call.state.change_consent(replace(job, due=due))
    call.state.carry_out_consents(call.now)


def add_profiles_to_list(call: Call) -> Response:
    found = _require_members(call)
    call.state.lists[call.target].members.update(profile.id for profile in found)
    return NO_CONTENT


def remove_profiles_from_list(call: Call) -> Response:
    found = _require_members(call)
    call.state.lists[call.target].members.difference_update(profile.id for profile in found)
    return NO_CONTENT


def get_profiles(call: Call) -> Response:
    text = call.parameters.get("filter")
    found = (
        list(call.state.profiles)
        if text is None
        else _filtered(call, filters.read(text, PROFILE_FILTERS))
    )
    page, following = call.page(found, default=20, most=100)
    fields, consents = call.fields("profile"), _wants_consents(call)
    return call.many(
        [resources.profile(each, call.origin, fields, consents) for each in page], following
    )


def get_profiles_for_list(call: Call) -> Response:
    """https://developers.klaviyo.com/en/reference/get_profiles_for_list"""
    _require_list(call, call.target, "/data/")
    members = call.state.lists[call.target].members
    text = call.parameters.get("filter")
    found = (
        list(call.state.profiles)
        if text is None
        else _filtered(call, filters.read(text, MEMBER_FILTERS))
    )
    page, following = call.page(
        [each for each in found if each.id in members], default=20, most=100
    )
    fields, consents = call.fields("profile"), _wants_consents(call)
    return call.many(
        [resources.profile(each, call.origin, fields, consents) for each in page], following
    )


def get_lists(call: Call) -> Response:
    text = call.parameters.get("filter")
    chosen = None if text is None else filters.read(text, LIST_FILTERS)
    found = [
        each
        for each in call.state.lists.values()
        if chosen is None or chosen.admits(getattr(each, chosen.field))
    ]
    page, following = call.page(found, default=10, most=10)
    fields = call.fields("list")
    return call.many(
        [resources.mailing_list(each, call.origin, fields) for each in page], following
    )


def create_list(call: Call) -> Response:
    attributes = call.document["data"]["attributes"]
    list_id = call.state.new_list_id()
    process = attributes.get("opt_in_process") or call.state.policy.default_opt_in
    call.state.add_list(list_id, attributes["name"], process, call.now)
    created = call.state.lists[list_id]
    return call.one(201, resources.mailing_list(created, call.origin, call.fields("list")))


def request_profile_deletion(call: Call) -> Response:
    profile = call.document["data"]["attributes"]["profile"]["data"]
    for found in call.state.profiles.matching(profile):
        call.state.delete(found)
    return ACCEPTED


def merge_profiles(call: Call) -> Response:
    data = call.document["data"]
    [entry] = data["relationships"]["profiles"]["data"]
    destination = _require_profile(call, data["id"], "/data/id")
    source = _require_profile(call, entry["id"], "/data/relationships/profiles/data/0/id")
    if source is destination:
        raise Refusal(400, Problem("A profile cannot be merged into itself.", "/data/id"))
    call.state.merge(source, destination, call.now)
    return call.one(202, resources.profile(destination, call.origin, fields=()))


def get_accounts(call: Call) -> Response:
    found = resources.account("STNDIN", call.origin, call.fields("account"))
    return call.many([found], None)


def _filtered(call: Call, chosen: filters.Filter) -> list[Profile]:
    profiles = call.state.profiles
    if chosen.bound is not None:
        return [each for each in profiles if chosen.admits(getattr(each, chosen.field))]
    if chosen.field == "id":
        looked_up = [each for value in chosen.values if (each := profiles.get(value)) is not None]
    else:
        looked_up = [
            each for value in chosen.values for each in profiles.all_by(chosen.field, value)
        ]
    return list({each.id: each for each in looked_up}.values())


def _wants_consents(call: Call) -> bool:
    return "subscriptions" in call.parameters.get("additional-fields[profile]", "").split(",")


def _job(call: Call, job: ImportJob) -> Mapping[str, Any]:
    fields = call.fields("profile-bulk-import-job")
    return resources.job(job, call.now, call.origin, fields)


def _require_job(call: Call) -> ImportJob:
    job = call.state.jobs.get(call.target)
    if job is None or call.now > job.created + KEPT:
        raise not_found(f"Profile bulk import job with id {call.target} not found.")
    return job


def _require_list(call: Call, list_id: str, pointer: str) -> None:
    if list_id not in call.state.lists:
        raise not_found(f"A list with id {list_id} does not exist.", pointer)


def _list_of_relationship(call: Call) -> str | None:
    relationship = call.document["data"].get("relationships", {}).get("list", {}).get("data")
    if relationship is None:
        return None
    list_id: str = relationship["id"]
    _require_list(call, list_id, "/data/relationships/list/data/id")
    return list_id


def _require_profile(call: Call, profile_id: str, pointer: str) -> Profile:
    found = call.state.profiles.get(profile_id)
    if found is None:
        raise not_found(f"A profile with id {profile_id} does not exist.", pointer)
    return found


def _require_profiles(call: Call, placed: Iterable[tuple[Mapping[str, Any], str]]) -> None:
    missing = [
        Problem(f"A profile with id {profile['id']} does not exist.", f"{pointer}/id",
                "not_found", "Not found.")
        for profile, pointer in placed
        if profile.get("id") and call.state.profiles.get(profile["id"]) is None
    ]  # fmt: skip
    if missing:
        raise Refusal(404, *missing)


def _require_members(call: Call) -> list[Profile]:
    _require_list(call, call.target, "/data/")
    entries = call.document["data"]
    _require_profiles(call, ((entry, f"/data/{n}") for n, entry in enumerate(entries)))
    found = (call.state.profiles.get(entry["id"]) for entry in entries)
    return [profile for profile in found if profile is not None]
