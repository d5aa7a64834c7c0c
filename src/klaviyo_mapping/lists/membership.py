"""The list that an identify puts its person on, and whether Klaviyo asks the person first."""

from klaviyo_mapping.segment.message import Message
from klaviyo_mapping.settings.integration import confirm_optin_of, list_id_of
from klaviyo_mapping.settings.settings import Settings
from operations import AddToList, Identity, Subscribe


def join_list(
    message: Message, identity: Identity, settings: Settings, time: str | None
) -> Subscribe | AddToList | None:
    """The list step of an identify; None without a list id or without an e-mail address.

    An identify is not a consent: the subscription leaves out people who have opted out. `time` is
    that of the message.
    """
    list_id = list_id_of(message) or settings.list_id
    if list_id is None or identity.email is None:
        return None
    confirm_optin = confirm_optin_of(message)
    if settings.confirm_optin if confirm_optin is None else confirm_optin:
        return Subscribe(
            message.message_id,
            identity.email,
            list_id,
            custom_source=settings.consent_source,
            time=time,
        )
    return AddToList(message.message_id, identity, list_id, time=time)
