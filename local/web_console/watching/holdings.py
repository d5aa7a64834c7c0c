"""The stand-in Klaviyo's data for the page: the newest first, a page at a time."""

from collections.abc import Iterable, Sequence
from typing import Any

from local.klaviyo_stand_in import Account
from local.klaviyo_stand_in.records.profiles import Profile
from local.web_console.watching.abridging import abridged

PEOPLE = 50
"""How many addresses are suggested for a person."""

NAMED = 20
"""How many members of a list are named."""


def counts(account: Account) -> dict[str, int]:
    """The number of each kind, and of deleted profiles."""
    with account.standing_still():
        return {
            "profiles": len(account.profiles),
            "events": account.events_recorded,
            "lists": len(account.lists),
            "deleted": len(account.deleted),
        }


def people(account: Account) -> list[str]:
    """Addresses of some people, those of the oldest profiles first."""
    with account.standing_still():
        addresses = (profile.email for profile in account.profiles)
        return [address for address, _ in zip(filter(None, addresses), range(PEOPLE), strict=False)]


def holdings(account: Account, kind: str, text: str, first: int, number: int) -> dict[str, Any]:
    """`number` profiles, events or lists that contain the text, after the `first` ones.

    The text is searched in names, addresses and ids, in any case. The result has their total number
    too. Raises `ValueError` for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}")
    wanted = text.strip().casefold()
    with account.standing_still():
        found = KINDS[kind](account, wanted)
        shown = found[first : first + number]
        return {"entries": [AS_JSON[kind](each, account) for each in shown], "number": len(found)}


def _holds(wanted: str, texts: Iterable[Any]) -> bool:
    return not wanted or any(wanted in str(text).casefold() for text in texts if text)


def _profiles(account: Account, wanted: str) -> Sequence[Any]:
    found = [
        profile
        for profile in account.profiles
        if _holds(wanted, (profile.id, *profile.identifiers.values(), *_names(profile)))
    ]
    return sorted(found, key=lambda each: (each.updated.timestamp(), each.id), reverse=True)


def _events(account: Account, wanted: str) -> Sequence[Any]:
    def texts(event: Any) -> Iterable[Any]:
        return event.metric, event.unique_id, _name(account.profiles.get(event.profile_id))

    return [event for event in account.events[::-1] if not wanted or _holds(wanted, texts(event))]


def _lists(account: Account, wanted: str) -> Sequence[Any]:
    return [each for each in account.lists.values() if _holds(wanted, (each.id, each.name))]


KINDS = {"profiles": _profiles, "events": _events, "lists": _lists}


def _names(profile: Profile) -> tuple[Any, Any]:
    return profile.attributes.get("first_name"), profile.attributes.get("last_name")


def _name(profile: Profile | None) -> str:
    if profile is None:
        return "?"
    return profile.email or next(iter(profile.identifiers.values()), profile.id)


def _profile(profile: Profile, account: Account) -> dict[str, Any]:
    return {
        "who": _name(profile),
        "name": " ".join(str(name) for name in _names(profile) if name),
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


def _event(event: Any, account: Account) -> dict[str, Any]:
    return {
        "metric": event.metric,
        "who": _name(account.profiles.get(event.profile_id)),
        "time": event.time,
        "value": event.value,
        "currency": event.value_currency,
        "times_sent": event.sent,
        "unique_id": event.unique_id,
        "properties": abridged(event.properties),
    }


def _list(each: Any, account: Account) -> dict[str, Any]:
    def named(ids: Iterable[str]) -> list[str]:
        return [_name(account.profiles.get(one)) for one in sorted(ids)[:NAMED]]

    return {
        "id": each.id,
        "name": each.name,
        "asks_first": each.opt_in_process == "double_opt_in",
        "members": named(each.members),
        "asked": named(each.pending),
        "counts": {"members": len(each.members), "asked": len(each.pending)},
    }


AS_JSON = {"profiles": _profile, "events": _event, "lists": _list}
