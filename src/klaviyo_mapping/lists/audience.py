"""Engage audiences as Klaviyo lists: a person who enters joins the list, and one who exits leaves
it.

https://segment.com/docs/engage/audiences/send-audience-data/ says what Engage sends.
"""

from datetime import datetime

from klaviyo_mapping.segment.keys import Precedence, as_object, first, normalise
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import as_identifier
from klaviyo_mapping.segment.times import time_of
from klaviyo_mapping.settings.integration import as_boolean, as_list_id
from klaviyo_mapping.settings.settings import Settings
from operations import AddToList, Identity, Json, JsonObject, RemoveFromList

PERSONAS = Precedence(
    {
        "class": ("computation_class",),
        "key": ("computation_key",),
        "settings": ("audience_settings",),
        "external_id": ("external_audience_id",),
    }
)
AUDIENCE_SETTINGS = Precedence({"list_id": ("listId",)})

CLASSES = frozenset({"audience", "journey_step"})
OPT_IN_PROCESSES = {"account": None, "single": "single_opt_in", "double": "double_opt_in"}
"""Klaviyo's names for the settings; the account's default is left out."""


def audience_step(
    message: Message, identity: Identity, settings: Settings, now: datetime
) -> AddToList | RemoveFromList | None:
    """What an audience's message does to the audience's list.

    None for any other message, and for an audience that has no list. An audience is known by its
    computation class and by the boolean under its key, since events can be renamed. Without that
    key somebody enters.
    """
    personas = as_object(message.context.personas)
    if personas is None or settings.audience_lists is None:
        return None
    keys = PERSONAS.keys_in(personas)
    if not is_audience(personas):
        return None
    key = first(personas, keys["key"], as_identifier)
    if key is None:
        return None
    is_member = _is_member(message, key)
    if is_member is None:
        return None
    named = first(personas, keys["settings"], as_object) or {}
    list_id = (
        first(named, AUDIENCE_SETTINGS.keys_in(named)["list_id"], as_list_id)
        or first(personas, keys["external_id"], as_list_id)
        or _list_in_table(key, settings)
    )
    list_name = key if list_id is None and settings.audience_lists == "auto" else None
    if list_id is None and list_name is None:
        return None
    time = time_of(message, now)
    if not is_member:
        return RemoveFromList(message.message_id, identity, list_id, list_name=list_name, time=time)
    opt_in_process = None if list_name is None else OPT_IN_PROCESSES[settings.list_opt_in]
    return AddToList(
        message.message_id,
        identity,
        list_id,
        list_name=list_name,
        time=time,
        opt_in_process=opt_in_process,
    )


def is_audience(personas: JsonObject) -> bool:
    """Whether `context.personas` is that of an audience, or of a step of a journey."""
    return first(personas, PERSONAS.keys_in(personas)["class"], _as_word) in CLASSES


def _is_member(message: Message, key: str) -> bool | None:
    """Whether the message says that its person belongs to the audience; None when it is unclear."""
    document = message.traits if message.type == "identify" else message.properties
    wanted = normalise(key)
    spellings = [each for each in document if normalise(each) == wanted]
    if not spellings:
        return True
    spellings.sort(key=lambda each: each != key)  # the exact one first
    return first(document, spellings, as_boolean)


def _list_in_table(key: str, settings: Settings) -> str | None:
    """The audience's list in `audience_lists`, in any spelling of the key; the exact one wins."""
    table = settings.audience_lists
    if table is None or table == "auto":
        return None
    if key in table:
        return table[key]
    wanted = normalise(key)
    return next((list_id for each, list_id in table.items() if normalise(each) == wanted), None)


def _as_word(value: Json) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None
