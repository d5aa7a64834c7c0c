"""The list that an identify puts its person on, and whether Klaviyo asks the person first."""

from klaviyo_mapping.integration import confirm_optin_of, list_id_of
from klaviyo_mapping.message import Message
from klaviyo_mapping.operations import AddToList, Identity, Subscribe
from klaviyo_mapping.settings import Settings


def join_list(
    message: Message, identity: Identity, settings: Settings
) -> Subscribe | AddToList | None:
    """The list step of an identify; None without a list id or without an e-mail address."""
    list_id = list_id_of(message) or settings.list_id
    if list_id is None or identity.email is None:
        return None
    confirm_optin = confirm_optin_of(message)
    if settings.confirm_optin if confirm_optin is None else confirm_optin:
        source = settings.consent_source
        return Subscribe(message.message_id, identity.email, list_id, custom_source=source)
    return AddToList(message.message_id, identity, list_id)
