"""The webhook in Segment as it should be, what it is, and what is to be changed.

What the customer has chosen beyond what the destination needs stays: a narrower trigger, another
batch size, further headers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cli.segment.public_api import WEBHOOKS_ACTIONS, Json, SegmentApi
from cli.troubles import Misuse
from klaviyo_mapping.settings.settings import Settings

BATCH_SIZE, MOST_IN_A_BATCH = 1_000, 4_000
"""https://segment.com/docs/connections/destinations/catalog/actions-webhook/"""

MASKED = "(a secret)"

_TYPE = re.compile(r"""\btype\s*=\s*["'](\w+)["']""")


@dataclass(frozen=True, slots=True)
class Desired:
    """What Segment has to know. `batch_size` is `None` to keep one that is there."""

    name: str
    url: str
    types: tuple[str, ...]
    shared_secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    batch_size: int | None = None

    @property
    def trigger(self) -> str:
        """The trigger in Segment's own words."""
        return " or ".join(f'type = "{each}"' for each in self.types)


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """One request to come: the fields before and after. Secrets are masked."""

    what: str
    action: str
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(slots=True)
class Plan:
    """What is there, and what is to be sent. Of what is new, the ids are `None`.

    `others` are the source's destinations that look like another stack of this product.
    """

    source: Json
    destination_id: str | None
    subscription_id: str | None
    destination: dict[str, Any]
    subscription: dict[str, Any]
    changes: list[ConnectionChange]
    others: list[str]


def types_of(settings: Settings) -> tuple[str, ...]:
    """The types of messages that the settings map; others are dropped at the customer's expense."""
    types = ["identify", "track"]
    if settings.forward_deletions:
        types.append("delete")
    if settings.forward_aliases:
        types.append("alias")
    return (*types, *settings.forward_types)


def lacking(trigger: str, types: Sequence[str]) -> list[str]:
    """The types that the trigger lets through nowhere. Of one that names no type, none."""
    named = set(_TYPE.findall(trigger))
    return [each for each in types if each not in named] if named else []


def find_source(api: SegmentApi, wanted: str) -> Json:
    """The source of this slug, name or id. Raises `Misuse` with those that there are."""
    sources = api.sources()
    found = [
        each
        for each in sources
        if wanted in (each["id"], each["slug"])
        or wanted.lower() == str(each.get("name", "")).lower()
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{each['slug']} ({each['id']})" for each in found or sources[:20])
    if not found:
        raise Misuse(f"--source: there is no source {wanted}; there are {listed or 'none'}")
    raise Misuse(f"--source: {wanted} matches several sources; give the id of one: {listed}")


def webhooks(api: SegmentApi, source_id: str | None, url: str) -> list[tuple[Json, list[Json]]]:
    """The Webhooks (Actions) with their mappings; first those that post to the URL."""
    found = [
        (each, api.subscriptions(each["id"]))
        for each in api.destinations(source_id)
        if each["metadata"]["id"] == WEBHOOKS_ACTIONS
    ]
    return sorted(found, key=lambda pair: not any(posts_to(each, url) for each in pair[1]))


def posts_to(subscription: Json, url: str) -> bool:
    """Whether a mapping posts to the URL."""
    return bool((subscription.get("settings") or {}).get("url") == url)


def others(found: Sequence[tuple[Json, list[Json]]], source_id: str, url: str) -> list[str]:
    """The names of the source's enabled webhooks that post to the same path at another host.

    That is what another stack looks like. Klaviyo would get every message of the source from both.
    """
    return [
        destination.get("name") or destination["id"]
        for destination, mappings in found
        if destination["sourceId"] == source_id
        and destination["enabled"]
        and any(each["enabled"] and _is_another(each, url) for each in mappings)
    ]


def _is_another(mapping: Json, url: str) -> bool:
    here = urlsplit(url)
    try:
        there = urlsplit(str((mapping.get("settings") or {}).get("url")))
    except ValueError:  # what somebody has entered is no URL, such as https://[HOST]/
        return False
    return there.path == here.path and there.netloc != here.netloc


def plan(api: SegmentApi, source: Json, desired: Desired) -> Plan:
    """What is to be done. Reads only."""
    found = webhooks(api, source["id"], desired.url)
    destination, subscription = _present(found, desired)
    wanted = _destination(destination, desired)
    mapping = _subscription(subscription, desired)
    changes = []
    if change := _change("destination", destination, wanted):
        changes.append(change)
    if change := _change("mapping", subscription, mapping):
        changes.append(change)
    # The mapping that is changed may still post to the stack's former host.
    rest = [(each, [one for one in there if one is not subscription]) for each, there in found]
    return Plan(
        source,
        None if destination is None else destination["id"],
        None if subscription is None else subscription["id"],
        wanted,
        mapping,
        changes,
        others(rest, source["id"], desired.url),
    )


def apply(api: SegmentApi, made: Plan) -> None:
    """Carry the plan out."""
    changed = {each.what for each in made.changes}
    if made.destination_id is None:
        created = api.create_destination(
            made.source["id"], made.destination["name"], made.destination["settings"]
        )
        made.destination_id = created["id"]
    elif "destination" in changed:
        api.update_destination(made.destination_id, made.destination)
    if made.subscription_id is None:
        api.create_subscription(str(made.destination_id), made.subscription)
    elif "mapping" in changed:
        api.update_subscription(str(made.destination_id), made.subscription_id, made.subscription)


def _present(
    found: Sequence[tuple[Json, list[Json]]], desired: Desired
) -> tuple[Json | None, Json | None]:
    """The destination that is ours by its URL, else by its name; and its mapping."""
    for destination, subscriptions in found:
        ours = [each for each in subscriptions if posts_to(each, desired.url)]
        if ours:
            return destination, ours[0]
        if destination.get("name") == desired.name:
            return destination, subscriptions[0] if len(subscriptions) == 1 else None
    return None, None


def _destination(present: Json | None, desired: Desired) -> dict[str, Any]:
    settings = dict(present["settings"]) if present else {}
    return {
        "name": present.get("name") or desired.name if present else desired.name,
        "enabled": True,
        "settings": {**settings, "sharedSecret": desired.shared_secret},
    }


def _subscription(present: Json | None, desired: Desired) -> dict[str, Any]:
    settings = dict(present.get("settings") or {}) if present else {}
    trigger = present["trigger"] if present else ""
    headers = dict(settings.get("headers") or {})
    if desired.token is not None:
        headers = {name: text for name, text in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = f"Bearer {desired.token}"
    settings |= {
        "url": desired.url,
        "method": settings.get("method") or "POST",
        "data": settings.get("data") or {"@path": "$."},
        "enable_batching": True,
        "batch_size": desired.batch_size or _size(settings.get("batch_size")) or BATCH_SIZE,
    }
    if headers:
        settings["headers"] = headers
    is_enough = trigger and not lacking(trigger, desired.types)
    return {
        "name": present.get("name") or "Send" if present else "Send",
        "trigger": trigger if is_enough else desired.trigger,
        "enabled": True,
        "settings": settings,
    }


def _size(value: Any) -> int | None:
    """A batch size that may stay. Segment's own page stores it as a text."""
    number = int(value) if str(value).isdecimal() else 0
    return number if 1 < number <= MOST_IN_A_BATCH else None


def _change(what: str, before: Json | None, after: Mapping[str, Any]) -> ConnectionChange | None:
    old, new = _flat(before or {}), _flat(after)
    fields = {
        name: _shown(name, old.get(name), value)
        for name, value in new.items()
        if not _is_equal(old.get(name), value)
    }
    if not fields:
        return None
    return ConnectionChange(what, "create" if before is None else "update", fields)


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    settings = fields.get("settings") or {}
    headers = settings.get("headers") or {}
    return {
        **{name: fields.get(name) for name in ("name", "trigger", "enabled") if name in fields},
        **{name: value for name, value in settings.items() if name != "headers"},
        **{f"header {name}": text for name, text in headers.items()},
    }


def _is_equal(old: Any, new: Any) -> bool:
    return bool(old == new or (isinstance(new, int) and str(old) == str(new)))


def _shown(name: str, old: Any, new: Any) -> tuple[Any, Any]:
    if name in ("sharedSecret", "header Authorization"):
        return (None if old is None else MASKED, MASKED)
    return old, new


def steps(desired: Desired) -> list[str]:
    """The same by hand, in Segment's own pages."""
    made = [
        f'Add the destination "Webhooks (Actions)" to the source; name it "{desired.name}".',
        "Settings: enter the shared secret, and enable the destination.",
        'Mappings: add "Send", with the trigger ' + desired.trigger,
        f"URL {desired.url}, method POST, data $. (the default).",
        f"Batching enabled, size {desired.batch_size or BATCH_SIZE}.",
    ]
    if desired.token is not None:
        made.append("Headers: Authorization with Bearer and the webhook token.")
    return [*made, "Enable the mapping."]


AFTERWARDS = (
    'Look at "Event Delivery" of the destination in a few minutes: it shows 200s.',
    "Engage audiences and computed traits: connect the destination to the space in Engage, too.",
)
"""What the Public API cannot do or show."""
