"""Segment messages to Klaviyo operations: pure functions, no clock, no I/O, no environment."""

from klaviyo_mapping.mapper import map_message
from klaviyo_mapping.message import MESSAGE_SCHEMA, Message, canonical
from klaviyo_mapping.reasons import DropReason, MappingWarning, Warned
from klaviyo_mapping.result import Dropped, Mapped
from klaviyo_mapping.settings import SettingError, Settings

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
