"""The options that a message carries for this destination, in `integrations.Klaviyo`."""

from klaviyo_mapping.segment.keys import Precedence, as_object, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.settings.readers import LIST_ID
from operations import Json, JsonObject

INTEGRATIONS = Precedence({"Klaviyo": ("Klaviyo",)})
OPTIONS = Precedence({"list_id": ("listId",), "confirm_optin": ("confirmOptin",)})

_BOOLEANS = {"true": True, "false": False}


def is_disabled(message: Message) -> bool:
    """Whether the sender turned Klaviyo off for this message, by name and with `false`."""
    integrations = message.integrations
    if not integrations:
        return False
    return any(integrations[key] is False for key in INTEGRATIONS.keys_in(integrations)["Klaviyo"])


def list_id_of(message: Message) -> str | None:
    """The list that the message names."""
    options = options_of(message)
    return first(options, OPTIONS.keys_in(options)["list_id"], as_list_id) if options else None


def confirm_optin_of(message: Message) -> bool | None:
    """Whether the message demands that the person confirm; `None` if it does not say."""
    options = options_of(message)
    return first(options, OPTIONS.keys_in(options)["confirm_optin"], as_boolean)


def options_of(message: Message) -> JsonObject:
    """What stands under `integrations.Klaviyo`; nothing when that is no object."""
    integrations = message.integrations
    if not integrations:
        return {}
    keys = INTEGRATIONS.keys_in(integrations)["Klaviyo"]
    return (first(integrations, keys, as_object) or {}) if keys else {}


def as_list_id(value: Json) -> str | None:
    """The text of a list id, trimmed; it becomes a part of URLs."""
    text = value.strip() if isinstance(value, str) else ""
    return text if LIST_ID.fullmatch(text) else None


def as_boolean(value: Json) -> bool | None:
    """A boolean, or the word for one."""
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower())
    return value if isinstance(value, bool) else None
