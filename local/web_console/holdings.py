"""What the stand-in Klaviyo holds, as the page shows it: the newest first."""

from typing import Any

from local.klaviyo_stand_in import Account
from local.klaviyo_stand_in.records.profiles import Profile
from local.web_console.abridging import abridged

SHOWN = 50
"""Of each kind."""


def holdings(account: Account) -> dict[str, Any]:
    """Profiles, events and lists, how many there are, and how many profiles were deleted."""
    with account.standing_still():
        profiles = {profile.id: profile for profile in account.profiles}
        events, lists = account.events, list(account.lists.values())
        return {
            "counts": {"profiles": len(profiles), "events": len(events), "lists": len(lists)},
            "deleted": len(account.deleted),
            "profiles": [
                _profile(profile, account)
                for profile in sorted(profiles.values(), key=_updated, reverse=True)[:SHOWN]
            ],
            "events": [
                {
                    "metric": event.metric,
                    "who": _name(profiles.get(event.profile_id)),
                    "time": event.time,
                    "value": event.value,
                    "currency": event.value_currency,
                    "times_sent": event.sent,
                    "unique_id": event.unique_id,
                    "properties": abridged(event.properties),
                }
                for event in events[: -SHOWN - 1 : -1]
            ],
            "lists": [
                {
                    "id": each.id,
                    "name": each.name,
                    "asks_first": each.opt_in_process == "double_opt_in",
                    "members": [_name(profiles.get(one)) for one in sorted(each.members)][:SHOWN],
                    "asked": [_name(profiles.get(one)) for one in sorted(each.pending)][:SHOWN],
                    "counts": {"members": len(each.members), "asked": len(each.pending)},
                }
                for each in lists
            ],
        }


def _updated(profile: Profile) -> tuple[float, str]:
    return profile.updated.timestamp(), profile.id


def _name(profile: Profile | None) -> str:
    if profile is None:
        return "?"
    return profile.email or next(iter(profile.identifiers.values()), profile.id)


def _profile(profile: Profile, account: Account) -> dict[str, Any]:
    names = (profile.attributes.get("first_name"), profile.attributes.get("last_name"))
    return {
        "who": _name(profile),
        "name": " ".join(str(name) for name in names if name),
        "updated": profile.updated.timestamp(),
        "lists": [each.name for each in account.lists.values() if profile.id in each.members],
        "asked": [each.name for each in account.lists.values() if profile.id in each.pending],
        "consents": dict(profile.consents),
        "attributes": abridged(
            {
                **profile.identifiers,
                **profile.attributes,
                **({"location": profile.location} if profile.location else {}),
                **({"properties": profile.properties} if profile.properties else {}),
            }
        ),
    }
