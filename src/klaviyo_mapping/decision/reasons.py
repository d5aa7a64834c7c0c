"""Why a message is dropped: the stable codes of answers, logs, metrics and the documentation."""

from msgspec import Struct

from operations.explained import Explained


class DropReason(Explained):
    """Why a well-formed message becomes nothing in Klaviyo, in the order of the checks."""

    UNSUPPORTED_TYPE = (
        "unsupported_type",
        "Only identify and track are taken, unless a setting asks for this type as well:"
        " delete with FORWARD_DELETIONS, alias with FORWARD_ALIASES, group, page and screen"
        " with FORWARD_TYPES.",
        "Nothing, if it is not for Klaviyo. Otherwise set what it needs.",
    )
    INTEGRATION_DISABLED = (
        "integration_disabled",
        "The message itself says that it is not for Klaviyo (integrations.Klaviyo is false).",
        "Take integrations.Klaviyo: false out of the message where it is sent.",
    )
    MISSING_EVENT_NAME = (
        "missing_event_name",
        "It is a track without the name of its event.",
        'Give the event a name where it is sent: "event": "Product Viewed".',
    )
    EVENT_NAME_TOO_LONG = (
        "event_name_too_long",
        "The event's name has 128 characters or more, and Klaviyo takes fewer.",
        "Shorten the name where it is sent. What varies belongs in the properties.",
    )
    DENIED_BY_RULES = (
        "denied_by_rules",
        "Your own rules (RULES) leave this event out.",
        "Nothing, if that is meant. Otherwise take it out of the rules' deny, or add it to allow.",
    )
    MISSING_USER_ID = (
        "missing_user_id",
        "It has no userId.",
        "Send a userId, or let anonymous visitors through with FALLBACK_ON_ANONYMOUS_ID.",
    )
    MISSING_PREVIOUS_ID = (
        "missing_previous_id",
        "It is an alias without a previousId.",
        "Send the previousId: the id under which the person was known before.",
    )
    MISSING_EMAIL = (
        "missing_email",
        "No e-mail address was found for this person.",
        "Send one as traits.email (identify), properties.email (track), or turn ENFORCE_EMAIL off.",
    )
    INVALID_EMAIL = (
        "invalid_email",
        "What was found in the place of the e-mail address is not an address.",
        "Correct the address at its source, or turn ENFORCE_EMAIL off.",
    )
    EXTERNAL_ID_TOO_LONG = (
        "external_id_too_long",
        "The user id has more than 255 characters, and nothing else says who this is.",
        "Shorten the id where it is sent, or send an e-mail address as well.",
    )
    MISSING_IDENTIFIER = (
        "missing_identifier",
        "Nothing in the message names the profile.",
        "Send an e-mail address, a user id or a telephone number.",
    )
    NOTHING_TO_MERGE = (
        "nothing_to_merge",
        "There are not two profiles to merge: the alias's ids are the same, or Klaviyo"
        " lacks one of the profiles.",
        "Nothing, unless another id was meant.",
    )


class MappingWarning(Explained):
    """A fault that did not stop the message, and should be fixed where it is sent."""

    PRODUCT_WITHOUT_ID = (
        "product_without_id",
        "A product of the order has neither id nor SKU, so its event is named by its position.",
        "Send a product_id or a sku with every product.",
    )
    PRODUCT_NOT_AN_OBJECT = (
        "product_not_an_object",
        "An entry of the order's products is no object, and was left out.",
        "Send every product as an object with its id, name, price and quantity.",
    )
    PRODUCTS_BEYOND_LIMIT = (
        "products_beyond_limit",
        "The event has more than 1,000 products. The first 1,000 are read; the others stay in it.",
        "Send an order of so many products in several events.",
    )
    PRODUCTS_NOT_A_LIST = (
        "products_not_a_list",
        "The products cannot be read as a list, so they stay among the properties as they came.",
        "Send products as a list of objects, each with its id, name, price and quantity.",
    )
    CHANNEL_LEFT_OUT = (
        "channel_left_out",
        "A channel of the consent is unknown, or has no address or number that Klaviyo can take.",
        "Send an e-mail address for email, and a telephone number with its country for sms.",
    )
    CONSENTED_AT_MISSING = (
        "consented_at_missing",
        "It is a consent from earlier (historical_import) without a time that can be read.",
        "Send properties.consented_at in ISO 8601, such as 2026-10-28T13:32:00Z.",
    )
    TOO_MANY_PROPERTIES = (
        "too_many_properties",
        "The event has more than 400 properties, and Klaviyo says that it takes no more.",
        "Send fewer properties. Nothing is left out here, so Klaviyo may refuse the event.",
    )
    OPTION_IGNORED = (
        "option_ignored",
        "An option of the message cannot be read, so it counts as absent.",
        "Send a list id of letters, digits, _ and -, true or false, or a list of names.",
    )


class Warned(Struct, frozen=True):
    """A warning of one message; `field` names the option that it is about, if it is about one."""

    code: MappingWarning
    field: str | None = None

    @property
    def text(self) -> str:
        """As answers say it: `option_ignored: integrations.Klaviyo.listId`."""
        return self.code.value if self.field is None else f"{self.code.value}: {self.field}"
