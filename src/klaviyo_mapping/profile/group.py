"""A group as custom properties of its member: Klaviyo knows no companies.

https://segment.com/docs/connections/spec/group/
"""

from datetime import datetime

from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.segment.times import time_of
from operations import Identity, UpsertProfile

PREFIX = "group_"
GROUP_ID = "group_id"


def upsert_of_group(message: Message, identity: Identity, now: datetime) -> UpsertProfile:
    """The traits as `group_<trait>`, in their own spelling, and the id as `group_id`.

    They describe the group, so none of them fills an attribute or names the person.
    """
    properties = {f"{PREFIX}{name}": value for name, value in message.traits.items()}
    group_id = as_identifier(message.group_id)
    if group_id is not None:
        properties[GROUP_ID] = group_id
    return UpsertProfile(
        message.message_id, identity, properties=properties, time=time_of(message, now)
    )
