"""Edits of custom properties that an identify asks for in `integrations.Klaviyo`.

    {"Klaviyo": {"fieldsToAppend": ["badges"], "fieldsToUnappend": ["interests"],
                 "fieldsToUnset": ["trial_ends"]}}

Each holds names of custom properties.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from klaviyo_mapping.segment.keys import Precedence, first, normalise
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.settings.integration import options_of
from operations import Json, UpsertProfile

EDITS = Precedence(
    {
        "unset": ("fieldsToUnset",),
        "append": ("fieldsToAppend",),
        "unappend": ("fieldsToUnappend",),
    }
)


def edited(upsert: UpsertProfile, message: Message) -> UpsertProfile:
    """The upsert with the edits that the message asks for, or as it is.

    What is appended and unappended are the traits of the names given, matched like any key; traits
    that fill an attribute or an identifier are none of them. A trait that is edited is no longer
    set. One that is null appends nothing.
    """
    options = options_of(message)
    if not options:
        return upsert
    keys = EDITS.keys_in(options)
    unset, append, unappend = (
        first(options, keys[edit], _as_names) or () for edit in ("unset", "append", "unappend")
    )
    if not (unset or append or unappend):
        return upsert
    properties = dict(upsert.properties)
    removed = {**dict.fromkeys(unset), **_taken(unset, properties)}
    appended, unappended = _taken(append, properties), _taken(unappend, properties)
    return replace(
        upsert,
        properties=properties,
        unset=tuple(removed),
        append={key: value for key, value in appended.items() if value is not None},
        unappend={key: value for key, value in unappended.items() if value is not None},
    )


def _taken(names: Sequence[str], properties: dict[str, Json]) -> dict[str, Json]:
    """Those of the properties that the names mean, taken out of them."""
    wanted = set(map(normalise, names))
    keys = [key for key in properties if normalise(key) in wanted]
    return {key: properties.pop(key) for key in keys}


def are_names(value: Json) -> bool | None:
    """True for a name or a list of names; None for anything else."""
    listed = value if isinstance(value, list) else [value]
    return all(isinstance(each, str) for each in listed) or None


def _as_names(value: Json) -> Sequence[str] | None:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        return None
    return [each.strip() for each in listed if isinstance(each, str) and each.strip()]
