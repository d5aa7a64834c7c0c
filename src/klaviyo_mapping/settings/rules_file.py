"""The text of a rules file (TOML), checked: every table and key, and that nothing contradicts.

    [types]                              # identify, track, delete, alias, group, page, screen
    deny = ["delete"]

    [events]                             # by name; "*" stands for any characters
    allow = ["Order *", "Signed Up"]     # only these
    deny = ["Order Debugged"]            # but not these

    [rename]                             # events, before anything else reads their names
    "Purchase Made" = "Order Completed"

    [traits]                             # of an identify, and those in a track's context
    leave_out = ["ssn", "internal_*"]
    hash = ["national_id"]               # SHA-256

    [traits.rename]                      # before anything else reads their names
    "planName" = "plan"

    [properties]                         # of a track, likewise
    leave_out = ["margin", "products.cost"]

Each table and key may be missing. Nothing else may stand there.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from klaviyo_mapping.segment.keys import normalise
from klaviyo_mapping.segment.message import FORWARDABLE, LONGEST_EVENT_NAME
from klaviyo_mapping.settings.rules import Fields, Patterns, Rules

TYPES = ("identify", "track", "delete", "alias", *FORWARDABLE)


class RulesError(ValueError):
    """Rules that cannot be read: `where` names the table and key, `expected` what they may hold."""

    def __init__(self, where: str, expected: str) -> None:
        super().__init__(f"{where}: expected {expected}")
        self.where = where
        self.expected = expected


def read_rules(text: str) -> Rules:
    """The rules of a TOML text. Raises `RulesError`."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError("rules", f"TOML, which it is not: {error}") from None
    chosen: dict[str, Any] = {}
    for table, content in document.items():
        if table not in TABLES:
            raise RulesError(f"[{table}]", f"one of {_listed(TABLES)}, and nothing else")
        if not isinstance(content, dict):
            raise RulesError(f"[{table}]", "a table")
        chosen.update(TABLES[table](table, content))
    rules = Rules(**chosen)
    for old in document.get("rename", ()):
        if not rules.sends(old):
            raise RulesError(f'[rename] "{old}"', "an event that [events] lets through")
    return rules


def _types(table: str, content: Mapping[str, Any]) -> dict[str, Any]:
    lists = _lists(table, content, "allow", "deny")
    for key, types in lists.items():
        if not set(types) <= set(TYPES):
            raise RulesError(f"[{table}] {key}", f"some of {_listed(TYPES)}")
    _refuse_both(table, lists, "allow", "deny")
    return {f"{key}_types": frozenset(types) for key, types in lists.items()}


def _events(table: str, content: Mapping[str, Any]) -> dict[str, Any]:
    lists = _lists(table, content, "allow", "deny")
    _refuse_both(table, lists, "allow", "deny")
    return {f"{key}_events": Patterns.of(names) for key, names in lists.items()}


def _rename(table: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"renames": _renames(table, content, "an event")}


def _renames(table: str, content: Mapping[str, Any], what: str) -> dict[str, str]:
    """New names by the old ones, as `normalise` writes them."""
    renames: dict[str, str] = {}
    for old, new in content.items():
        where = f'[{table}] "{old}"'
        if "*" in old or not normalise(old):
            raise RulesError(where, f"the whole name of {what}: there is no * in a rename")
        if not isinstance(new, str) or not normalise(new) or len(new) > LONGEST_EVENT_NAME:
            raise RulesError(where, f"a text of at most {LONGEST_EVENT_NAME} characters")
        if normalise(old) in renames:
            raise RulesError(where, "each name once, whatever its spelling")
        renames[normalise(old)] = new.strip()
    return renames


def _fields(table: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Names; `products.cost` is the field `cost` of the object, or of each one, in `products`."""
    named = dict(content)
    renames = named.pop("rename", {})
    if not isinstance(renames, dict):
        raise RulesError(f"[{table}] rename", f"a table [{table}.rename]")
    lists = _lists(table, named, "leave_out", "hash", also="rename")
    _refuse_both(table, lists, "leave_out", "hash")
    inside: dict[str, dict[str, list[str]]] = {}
    for key, names in lists.items():
        for name in names:
            owner, dot, inner = name.partition(".")
            if not dot:
                continue
            if "*" in owner or not normalise(owner) or not inner.strip():
                raise RulesError(f"[{table}] {key}", f'"{name}" with a whole name before the dot')
            inside.setdefault(normalise(owner), {}).setdefault(key, []).append(inner)
    fields = {owner: Fields(**_patterns(of_owner)) for owner, of_owner in inside.items()}
    found = Fields(
        **_patterns(lists),
        inside=fields,
        renames=_renames(
            f"{table}.rename", renames, "a trait" if table == "traits" else "a property"
        ),
    )
    for old in renames:
        if old in found.leave_out:
            where = f'[{table}.rename] "{old}"'
            raise RulesError(where, f"a name that [{table}] leave_out lets through")
    return {table: found}


def _patterns(lists: Mapping[str, list[str]]) -> dict[str, Any]:
    return {key: Patterns.of(names) for key, names in lists.items()}


TABLES: Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    "types": _types,
    "events": _events,
    "rename": _rename,
    "traits": _fields,
    "properties": _fields,
}
"""The tables of a rules file; each gives fields of `Rules`."""


def _lists(
    table: str, content: Mapping[str, Any], *keys: str, also: str | None = None
) -> dict[str, list[str]]:
    """The table's keys, each of which holds a list of names. The table may have `also` one more."""
    for key, names in content.items():
        if key not in keys:
            expected = _listed((*keys, also) if also else keys)
            raise RulesError(f"[{table}] {key}", f"{expected}, and nothing else")
        if not isinstance(names, list) or not all(
            isinstance(name, str) and name.strip() for name in names
        ):
            raise RulesError(f"[{table}] {key}", 'a list of texts such as ["One", "Another"]')
        if not names:
            raise RulesError(
                f"[{table}] {key}", "at least one name; omit the key if there are none"
            )
    return {key: [name.strip() for name in names] for key, names in content.items()}


def _refuse_both(table: str, lists: Mapping[str, list[str]], one: str, other: str) -> None:
    """Raise `RulesError` for a name in both lists, which is a contradiction."""
    known = {normalise(name) for name in lists.get(one, ())}
    for name in lists.get(other, ()):
        if normalise(name) in known:
            raise RulesError(f"[{table}] {other}", f'"{name}" in {one} or in {other}, not in both')


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
