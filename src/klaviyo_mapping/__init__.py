"""Segment messages to Klaviyo operations: pure functions, no clock, no I/O, no environment."""

from klaviyo_mapping.decision.reasons import DropReason, MappingWarning, Warned
from klaviyo_mapping.decision.result import Dropped, Mapped
from klaviyo_mapping.mapper import map_message
from klaviyo_mapping.segment.message import MESSAGE_SCHEMA, Message, canonical
from klaviyo_mapping.settings.declaration import SettingError
from klaviyo_mapping.settings.settings import Settings

__all__ = [
    "MESSAGE_SCHEMA",
    "DropReason",
    "Dropped",
    "Mapped",
    "MappingWarning",
    "Message",
    "SettingError",
    "Settings",
    "Warned",
    "canonical",
    "map_message",
]
