"""Views of pages and screens as events, under the names that Segment gives them for destinations.

https://github.com/segmentio/facade/blob/master/lib/page.js and `screen.js`.
"""

from msgspec.structs import replace

from klaviyo_mapping.segment.keys import Precedence
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier

NOUNS = {"page": "Page", "screen": "Screen"}
"""What is viewed, by the type of the message."""

NAMES = Precedence({"category": ("category",), "name": ("name",)})


def as_event(message: Message) -> Message:
    """The message of a view with the name of its event.

    That is "Viewed <category> <name> Page", without the one that is absent; "Loaded a Page" where
    both are. They stand among the properties as well, unless these have some of their own.
    """
    noun = NOUNS[message.type]
    given = {"category": as_identifier(message.category), "name": as_identifier(message.name)}
    words = " ".join(text.strip() for text in given.values() if text is not None)
    there = NAMES.keys_in(message.properties)
    missing = {name: text for name, text in given.items() if text and not there[name]}
    return replace(
        message,
        event_name=f"Viewed {words} {noun}" if words else f"Loaded a {noun}",
        properties={**message.properties, **missing},
    )
