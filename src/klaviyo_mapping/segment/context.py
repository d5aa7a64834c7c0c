"""What the mapping makes of a message's `context`."""

from klaviyo_mapping.segment.keys import Precedence
from klaviyo_mapping.segment.message import Message
from operations import Json

LIBRARY = Precedence({"name": ("name",)})


def traits_in_context(message: Message) -> dict[str, Json]:
    """The traits that a track carries in its context."""
    traits = message.context.traits
    return traits if isinstance(traits, dict) else {}


def is_from_engage(message: Message) -> bool:
    """Whether Engage sent the message: it says so in `context.personas`."""
    return isinstance(message.context.personas, dict)


def is_from_analytics_js(message: Message) -> bool:
    """Whether the message comes from Segment's library for browsers."""
    library = message.context.library
    return isinstance(library, dict) and any(
        library[key] == "analytics.js" for key in LIBRARY.keys_in(library)["name"]
    )
