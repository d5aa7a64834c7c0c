"""Options of a message that cannot be read, so that the settings decide instead.

Null and blank text count as absent.
"""

from collections.abc import Callable, Iterator, Sequence

from klaviyo_mapping.decision.reasons import MappingWarning, Warned
from klaviyo_mapping.lists.audience import AUDIENCE_SETTINGS, PERSONAS, is_audience
from klaviyo_mapping.lists.consent import CONSENT, is_consent_event, reader_of_channels
from klaviyo_mapping.profile.edits import EDITS, are_names
from klaviyo_mapping.segment.keys import Shape, as_object, first
from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.segment.text import is_blank
from klaviyo_mapping.settings.integration import OPTIONS, as_boolean, as_list_id, options_of
from klaviyo_mapping.settings.settings import Settings
from operations import Json, JsonObject

Read = Callable[[Json], object]
"""Gives None for what it cannot read."""


def ignored_options(message: Message, settings: Settings) -> tuple[Warned, ...]:
    """A warning for each option that would have counted, had it been possible to read it."""
    options: list[Option] = []
    is_identify = message.type == "identify"
    if settings.consent_events and not is_identify and is_consent_event(message, settings):
        options += _of_consent(message, settings)
    else:
        if is_identify and message.integrations:
            options += _of_identify(message)
        if settings.audience_lists is not None:
            options += _of_audience(message)
    if not options:
        return ()
    return tuple(
        Warned(MappingWarning.OPTION_IGNORED, name)
        for name, document, keys, read in options
        if keys and _is_unread([document[key] for key in keys], read)
    )


Option = tuple[str, JsonObject, Shape, Read]
"""An option's name, where it may stand, under which keys, and what reads it."""


def _of_identify(message: Message) -> Iterator[Option]:
    options = options_of(message)
    if options:
        keys = OPTIONS.keys_in(options)
        yield "integrations.Klaviyo.listId", options, keys["list_id"], as_list_id
        yield "integrations.Klaviyo.confirmOptin", options, keys["confirm_optin"], as_boolean
        keys = EDITS.keys_in(options)
        yield "integrations.Klaviyo.fieldsToUnset", options, keys["unset"], are_names
        yield "integrations.Klaviyo.fieldsToAppend", options, keys["append"], are_names
        yield "integrations.Klaviyo.fieldsToUnappend", options, keys["unappend"], are_names


def _of_consent(message: Message, settings: Settings) -> Iterator[Option]:
    options = options_of(message)
    list_id = OPTIONS.keys_in(options)["list_id"]
    yield "integrations.Klaviyo.listId", options, list_id, as_list_id
    sent = message.properties
    keys = CONSENT.keys_in(sent)
    yield "properties.channels", sent, keys["channels"], reader_of_channels(message, settings)
    yield "properties.list_id", sent, keys["list_id"], as_list_id
    yield "properties.all_lists", sent, keys["all_lists"], as_boolean
    yield "properties.historical_import", sent, keys["historical_import"], as_boolean


def _of_audience(message: Message) -> Iterator[Option]:
    personas = as_object(message.context.personas)
    if personas is None or not is_audience(personas):
        return
    keys = PERSONAS.keys_in(personas)
    named = first(personas, keys["settings"], as_object) or {}
    list_id = AUDIENCE_SETTINGS.keys_in(named)["list_id"]
    yield "context.personas.audience_settings.listId", named, list_id, as_list_id
    yield "context.personas.external_audience_id", personas, keys["external_id"], as_list_id


def _is_unread(values: Sequence[Json], read: Read) -> bool:
    """Whether values were sent and none of them can be read."""
    sent = [each for each in values if each is not None and not is_blank(each)]
    return bool(sent) and all(read(each) is None for each in sent)
