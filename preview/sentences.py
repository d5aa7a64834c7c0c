"""Operations and their changes as phrases that follow "it would"."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from operations import Json

LONGEST_NAME = 60

KINDS: Mapping[str, Callable[[Any], str]] = {
    "upsert_profile": lambda _: "create or update the profile",
    "create_event": lambda event: f"record the event {_named(event.metric)}",
    "add_to_list": lambda step: f"put the person on the list {_list(step)}",
    "remove_from_list": lambda step: f"take the person off the list {_list(step)}",
    "subscribe": lambda step: (
        f"record the consent to {_channels(step)}"
        if step.is_consent
        else f"ask the person to join the list {_list(step)}"
    ),
    "unsubscribe": lambda step: f"withdraw the consent to {_channels(step)}",
    "delete_profile": lambda _: "delete the profile for good",
    "merge_profiles": lambda _: "merge the two profiles for good",
}
"""What each kind of operation does."""


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    """The differences between two operations' fields, as phrases."""
    for name in before:
        if name in after and before[name] != after[name]:
            value = after[name]
            yield f"change {_named(name)}{f' to {_named(value)}' if isinstance(value, str) else ''}"
    yield from (f"set {_named(name)}" for name in sorted(after.keys() - before.keys()))
    yield from (f"leave out {_named(name)}" for name in sorted(before.keys() - after.keys()))


MOST_PHRASES = 3


def listed(phrases: Sequence[str]) -> str:
    """`a, b and c`; further ones are counted."""
    shown = list(phrases[:MOST_PHRASES])
    if len(phrases) > MOST_PHRASES:
        more = len(phrases) - MOST_PHRASES
        shown.append(f"{more} more change{'' if more == 1 else 's'}")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _named(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _list(step: Any) -> str:
    return _named(step.list_id or f"“{step.list_name}”")


def _channels(step: Any) -> str:
    found = []
    if step.email is not None:
        found.append("e-mail")
    if step.phone_number is not None:
        found.append("SMS")
    words = " and ".join(found) or "marketing"
    to = f" on the list {_list(step)}" if step.list_id or getattr(step, "list_name", None) else ""
    return f"{words}{to}"
