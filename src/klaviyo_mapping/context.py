"""What the mapping reads of a message's `context`.

Fields: https://segment.com/docs/connections/spec/common/#context.
"""

from klaviyo_mapping.keys import Precedence, as_object, first
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import JsonObject

CONTEXT = Precedence(
    {name: (name,) for name in ("traits", "personas", "library", "location", "timezone")}
)
LIBRARY = Precedence({"name": ("name",)})


def context_object(message: Message, name: str) -> JsonObject | None:
    """An object under `context`, by one of the names of `CONTEXT`; None when it is none."""
    return first(message.context, CONTEXT.keys_in(message.context)[name], as_object)


def is_from_engage(message: Message) -> bool:
    """Whether Engage sent the message: it says so in `context.personas`."""
    return context_object(message, "personas") is not None


def is_from_analytics_js(message: Message) -> bool:
    """Whether the message comes from Segment's library for browsers."""
    library = context_object(message, "library") or {}
    return any(library[key] == "analytics.js" for key in LIBRARY.keys_in(library)["name"])
