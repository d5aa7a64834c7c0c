"""The stand-in's own endpoints under `/stand-in/`, without counts, limits and weather."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from local.klaviyo_stand_in.api import resources
from local.klaviyo_stand_in.protocol.exchange import Json, Request, Response
from local.klaviyo_stand_in.protocol.problems import Problem, Refusal, not_found
from local.klaviyo_stand_in.weather import Weather

if TYPE_CHECKING:
    from local.klaviyo_stand_in.account import Account

PREFIX = "/stand-in/"

DEFAULT_LIMIT = 100
"""How many entries of each kind the state shows by default."""


def answer(account: "Account", request: Request) -> Response:
    """The answer to a control request. A 400 says what is wrong with it."""
    control = CONTROLS.get((request.method, request.path.removeprefix(PREFIX)))
    try:
        if control is None:
            raise not_found("Not found.")
        try:
            return Response.of(200, control(account, request))
        except (ValueError, TypeError, KeyError) as error:
            raise Refusal(400, Problem(f"{type(error).__name__}: {error}")) from error
    except Refusal as refusal:
        return refusal.response()


def state(account: "Account", request: Request) -> Json:
    """Profiles, events, lists and jobs, at most `limit` of each, and their numbers."""
    limit = int(request.parameters().get("limit", DEFAULT_LIMIT))
    profiles, lists, jobs = account.profiles, account.lists, account.jobs
    return {
        "counts": {
            "profiles": len(profiles),
            "events_sent": account.events_sent,
            "events_recorded": account.events_recorded,
            "lists": len(lists),
            "jobs": len(jobs),
        },
        "profiles": [
            resources.profile(each, request.origin, None, consents=True)
            for each in islice(profiles, limit)
        ],
        "events": [asdict(each) for each in account.events[:limit]],
        "lists": [
            {
                "id": each.id,
                "name": each.name,
                "opt_in_process": each.opt_in_process,
                "members": sorted(each.members)[:limit],
                "pending": sorted(each.pending)[:limit],
            }
            for each in islice(lists.values(), limit)
        ],
        "jobs": [
            resources.job(each, account.now, request.origin, None)
            for each in islice(jobs.values(), limit)
        ],
    }


def requests(account: "Account", _: Request) -> Json:
    """The number of requests by endpoint and status, and of accepted items by endpoint."""
    return account.summary()


def consents(account: "Account", _: Request) -> Json:
    """Whose consent was widened, or withdrawn further than asked, as far as the account can tell:
    only the caller knows whether a reversal has a later consent behind it."""
    return {
        "reversals": [
            {
                "email": _address(account, each.profile_id),
                "consent": each.consent,
                "list_id": each.list_id,
                "time": each.time.isoformat(),
            }
            for each in account.reversals
        ],
        "withdrawn_everywhere": [_address(account, each) for each in account.withdrawn_everywhere],
    }


def _address(account: "Account", profile_id: str) -> str | None:
    found = account.profiles.get(profile_id)
    return None if found is None else found.email


def opt_out(account: "Account", request: Request) -> Json:
    """Do what happens inside Klaviyo: unsubscribe an `email`, from a `list_id` or from everything;
    or suppress it for a `reason`."""
    document: Mapping[str, Any] = json.loads(request.body)
    if "reason" in document:
        account.suppress(str(document["email"]), str(document["reason"]))
    else:
        account.unsubscribe(str(document["email"]), document.get("list_id"))
    return {}


def set_weather(account: "Account", request: Request) -> Json:
    """Replace the weather by one `Weather` as JSON, or a list of them; `{}` is fine weather."""
    document = json.loads(request.body or b"{}")
    entries = document if isinstance(document, list) else [document]
    weather = [Weather.from_json(entry) for entry in entries]
    account.set_weather(*weather)
    return {"weather": len(weather)}


def reset(account: "Account", _: Request) -> Json:
    """Forget everything."""
    account.reset()
    return {}


def add_list(account: "Account", request: Request) -> Json:
    """Add a list: `id`, `name` and `opt_in_process` (`double_opt_in` unless given)."""
    document: Mapping[str, Any] = json.loads(request.body)
    process = document.get("opt_in_process", "double_opt_in")
    if process not in ("single_opt_in", "double_opt_in"):
        raise ValueError("opt_in_process: expected single_opt_in or double_opt_in")
    added = account.add_list(str(document["id"]), str(document["name"]), process)
    return {"id": added.id, "name": added.name, "opt_in_process": added.opt_in_process}


CONTROLS: Mapping[tuple[str, str], Callable[["Account", Request], Json]] = {
    ("GET", "state"): state,
    ("GET", "requests"): requests,
    ("GET", "consents"): consents,
    ("POST", "opt-outs"): opt_out,
    ("POST", "weather"): set_weather,
    ("POST", "reset"): reset,
    ("POST", "lists"): add_list,
}
