"""Carries out an import job, profile by profile, and notes refusals."""

from typing import Any
from uuid import uuid4

from local.klaviyo_stand_in.protocol.problems import Problem
from local.klaviyo_stand_in.records import phones
from local.klaviyo_stand_in.records.account_data import AccountData
from local.klaviyo_stand_in.records.jobs import ImportFailure, ImportJob
from local.klaviyo_stand_in.records.profiles import Duplicate


def carry_out(job: ImportJob, state: AccountData) -> None:
    """Import the job's profiles. The failures' pointers refer to the job's request."""
    for position, profile in enumerate(job.profiles):
        problem = _import(job, profile, f"/data/attributes/profiles/data/{position}", state)
        if problem is not None:
            job.failures.append(ImportFailure(str(uuid4()), problem, profile))
    job.profiles = ()
    job.done = True


def _import(
    job: ImportJob, profile: dict[str, Any], pointer: str, state: AccountData
) -> Problem | None:
    attributes = profile["attributes"]
    phone = attributes.get("phone_number")
    detail = phones.refusal(phone, state.policy) if phone else None
    if detail is not None:
        return Problem(detail, f"{pointer}/attributes/phone_number")
    if profile.get("id") and state.profiles.get(profile["id"]) is None:
        return Problem("Profile not found.", f"{pointer}/id", "not_found", "Not found.")
    if job.fails is not None and job.fails(attributes):
        return Problem("Invalid input.", f"{pointer}/attributes")
    if state.drops(profile):
        return None
    try:
        owner, _ = state.profiles.upsert(profile, job.completed, strict=True)
    except Duplicate:
        return Problem(
            "A profile already exists with one of these identifiers.",
            f"{pointer}/attributes",
            "duplicate_profile",
            "Conflict.",
        )
    for list_id in job.list_ids:
        if list_id in state.lists:
            state.lists[list_id].members.add(owner.id)
    return None
