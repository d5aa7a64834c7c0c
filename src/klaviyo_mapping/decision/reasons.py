"""Why a message is dropped: the stable codes of answers, logs, metrics and the documentation."""

from enum import StrEnum

from msgspec import Struct


class DropReason(StrEnum):
    """Why a well-formed message becomes nothing in Klaviyo, in the order of the checks."""

    UNSUPPORTED_TYPE = "unsupported_type"
    INTEGRATION_DISABLED = "integration_disabled"
    MISSING_EVENT_NAME = "missing_event_name"
    EVENT_NAME_TOO_LONG = "event_name_too_long"
    DENIED_BY_RULES = "denied_by_rules"
    MISSING_USER_ID = "missing_user_id"
    MISSING_PREVIOUS_ID = "missing_previous_id"
    MISSING_EMAIL = "missing_email"
    INVALID_EMAIL = "invalid_email"
    EXTERNAL_ID_TOO_LONG = "external_id_too_long"
    MISSING_IDENTIFIER = "missing_identifier"
    NOTHING_TO_MERGE = "nothing_to_merge"


class MappingWarning(StrEnum):
    """What a message got by with, though it should be repaired where it is sent."""

    PRODUCT_WITHOUT_ID = "product_without_id"
    PRODUCT_NOT_AN_OBJECT = "product_not_an_object"
    PRODUCTS_BEYOND_LIMIT = "products_beyond_limit"
    PRODUCTS_NOT_A_LIST = "products_not_a_list"
    CHANNEL_LEFT_OUT = "channel_left_out"
    CONSENTED_AT_MISSING = "consented_at_missing"
    TOO_MANY_PROPERTIES = "too_many_properties"
    OPTION_IGNORED = "option_ignored"


class Warned(Struct, frozen=True):
    """A warning of one message; `field` names the option that it is about, if it is about one."""

    code: MappingWarning
    field: str | None = None

    @property
    def text(self) -> str:
        """As answers say it: `option_ignored: integrations.Klaviyo.listId`."""
        return self.code.value if self.field is None else f"{self.code.value}: {self.field}"
