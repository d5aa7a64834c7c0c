"""What each reason means, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from handler.report.codes import RejectionCode
from klaviyo_client.api.outcomes import RetryReason
from klaviyo_mapping import DropReason, MappingWarning, Warned


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason's stable code, its meaning, and the remedy."""

    code: str
    meaning: str
    remedy: str


_TEXTS: Mapping[StrEnum, tuple[str, str]] = {
    DropReason.UNSUPPORTED_TYPE: (
        "Only identify and track are taken, unless a setting asks for this type as well: delete"
        " with FORWARD_DELETIONS, alias with FORWARD_ALIASES, group, page and screen with"
        " FORWARD_TYPES.",
        "Nothing, if it is not for Klaviyo. Otherwise set what it needs.",
    ),
    DropReason.INTEGRATION_DISABLED: (
        "The message itself says that it is not for Klaviyo (integrations.Klaviyo is false).",
        "Take integrations.Klaviyo: false out of the message where it is sent.",
    ),
    DropReason.MISSING_EVENT_NAME: (
        "It is a track without the name of its event.",
        'Give the event a name where it is sent: "event": "Product Viewed".',
    ),
    DropReason.EVENT_NAME_TOO_LONG: (
        "The event's name has 128 characters or more, and Klaviyo takes fewer.",
        "Shorten the name where it is sent. What varies belongs in the properties.",
    ),
    DropReason.DENIED_BY_RULES: (
        "Your own rules (RULES) leave this event out.",
        "Nothing, if that is meant. Otherwise take it out of the rules' deny, or add it to allow.",
    ),
    DropReason.MISSING_USER_ID: (
        "It has no userId.",
        "Send a userId, or let anonymous visitors through with FALLBACK_ON_ANONYMOUS_ID.",
    ),
    DropReason.MISSING_PREVIOUS_ID: (
        "It is an alias without a previousId.",
        "Send the previousId: the id under which the person was known before.",
    ),
    DropReason.MISSING_EMAIL: (
        "No e-mail address was found for this person.",
        "Send one as traits.email (identify), properties.email (track), or turn ENFORCE_EMAIL off.",
    ),
    DropReason.INVALID_EMAIL: (
        "What was found in the place of the e-mail address is not an address.",
        "Correct the address at its source, or turn ENFORCE_EMAIL off.",
    ),
    DropReason.EXTERNAL_ID_TOO_LONG: (
        "The user id has more than 255 characters, and nothing else says who this is.",
        "Shorten the id where it is sent, or send an e-mail address as well.",
    ),
    DropReason.MISSING_IDENTIFIER: (
        "Nothing in the message names the profile.",
        "Send an e-mail address, a user id or a telephone number.",
    ),
    DropReason.NOTHING_TO_MERGE: (
        "There are not two profiles to merge: the alias's ids are the same, or Klaviyo lacks one of"
        " the profiles.",
        "Nothing, unless another id was meant.",
    ),
    MappingWarning.PRODUCT_WITHOUT_ID: (
        "A product of the order has neither id nor SKU, so its event is named by its position.",
        "Send a product_id or a sku with every product.",
    ),
    MappingWarning.PRODUCT_NOT_AN_OBJECT: (
        "An entry of the order's products is no object, and was left out.",
        "Send every product as an object with its id, name, price and quantity.",
    ),
    MappingWarning.PRODUCTS_NOT_A_LIST: (
        "The products cannot be read as a list, so they stay among the properties as they came.",
        "Send products as a list of objects, each with its id, name, price and quantity.",
    ),
    MappingWarning.PRODUCTS_BEYOND_LIMIT: (
        "The event has more than 1,000 products. The first 1,000 are read; the others stay in it.",
        "Send an order of so many products in several events.",
    ),
    MappingWarning.CHANNEL_LEFT_OUT: (
        "A channel of the consent has no address or number that Klaviyo can take.",
        "Send an e-mail address for email, and a telephone number with its country for sms.",
    ),
    MappingWarning.CONSENTED_AT_MISSING: (
        "It is a consent from earlier (historical_import) without a time that can be read.",
        "Send properties.consented_at in ISO 8601, such as 2026-10-28T13:32:00Z.",
    ),
    MappingWarning.TOO_MANY_PROPERTIES: (
        "The event has more than 400 properties, and Klaviyo says that it takes no more.",
        "Send fewer properties. Nothing is left out here, so Klaviyo may refuse the event.",
    ),
    MappingWarning.OPTION_IGNORED: (
        "An option of the message cannot be read, so the setting decides.",
        "Send a list id of letters, digits, _ and -, true or false, or a list of names.",
    ),
    RejectionCode.INVALID_MESSAGE: (
        "It is not a valid Segment message.",
        "Correct the field at its source. A redrive does not change the message: export it from the"
        " dead-letter queue, correct it, and send it again.",
    ),
    RejectionCode.INTERNAL_ERROR: (
        "A fault in this destination: the mapping failed on the message.",
        "Please report it. The message is kept in the dead-letter queue.",
    ),
    RejectionCode.REFUSED: (
        "Klaviyo refuses it.",
        "Read Klaviyo's own words, correct it at its source, then redrive.",
    ),
    RejectionCode.RETRIES_EXHAUSTED: (
        "Every retry failed until RETRY_HOURS had passed.",
        "See that Klaviyo answers again, then redrive.",
    ),
    RejectionCode.TOO_LARGE: (
        "It has more than 1 MB even when compressed, which no queue accepts.",
        "Send less in one message. Only its message id was kept.",
    ),
    RejectionCode.UNREADABLE: (
        "Something on the retry queue that was not put there by this destination.",
        "Find out what writes to the queue. If nothing needs it, delete it.",
    ),
    RetryReason.THROTTLED: (
        "Klaviyo throttles (its rate limit is reached).",
        "Nothing: it is retried. If it lasts, let Segment send larger batches.",
    ),
    RetryReason.UNAVAILABLE: (
        "Klaviyo has a failure at the moment.",
        "Nothing: it is retried.",
    ),
    RetryReason.TIMEOUT: (
        "Klaviyo did not answer in time.",
        "Nothing: it is retried.",
    ),
    RetryReason.CONNECTION_FAILED: (
        "Klaviyo could not be reached, or the connection broke.",
        "Nothing: it is retried. If it lasts, check the function's network.",
    ),
    RetryReason.UNAUTHORIZED: (
        "Klaviyo does not know the private key.",
        "Put a valid key into the secret; until then everything waits.",
    ),
    RetryReason.FORBIDDEN: (
        "The private key may not do this.",
        "Give the key its scopes in Klaviyo; until then everything waits.",
    ),
    RetryReason.OUT_OF_TIME: (
        "The time of this call was up before it was sent.",
        "Nothing: it is retried.",
    ),
    RetryReason.CIRCUIT_OPEN: (
        "Klaviyo failed a moment ago, so nothing is sent for a few seconds.",
        "Nothing: it is retried.",
    ),
    RetryReason.WAITS_FOR_PROFILE: (
        "It waits for an earlier change of the same person.",
        "Nothing: it follows as soon as that one is through.",
    ),
    RetryReason.PERSON_BUSY: (
        "Another function is sending something about the same person.",
        "Nothing: it follows in a few seconds.",
    ),
    RetryReason.CONSENT_TOO_SOON: (
        "A consent of the same person was changed a short time ago.",
        "Nothing: it follows within half an hour.",
    ),
    RetryReason.UNEXPECTED_FAILURE: (
        "A fault in this destination while it was sent.",
        "Report it, with the line of the log. It is retried without the operations around it.",
    ),
    RetryReason.IMPORT_PENDING: (
        "Klaviyo is still working on a bulk import.",
        "Nothing: it is checked again in a minute.",
    ),
    RetryReason.IMPORT_ERRORS_MISSING: (
        "A bulk import refused more profiles than Klaviyo has named so far.",
        "Nothing: its errors are read again. If they stay incomplete, the dead-letter queue names "
        "the job and how many are missing.",
    ),
    RetryReason.UNEXPECTED_ANSWER: (
        "The answer was not as Klaviyo documents it: a proxy, a sign-in page or another host may "
        "have given it.",
        "If it lasts, see what stands between the functions and Klaviyo, and the API's revision.",
    ),
}

ADVICE: Mapping[str, Advice] = {
    reason.value: Advice(reason.value, meaning, remedy)
    for reason, (meaning, remedy) in _TEXTS.items()
}
"""By code: why a message is dropped, rejected, queued, or delivered with a warning."""


def advice_on(warned: Warned) -> Advice:
    """A warning's advice; its meaning begins with the option that the warning is about."""
    advice = ADVICE[warned.code.value]
    if warned.field is None:
        return advice
    return replace(advice, meaning=f"{warned.field}: {advice.meaning}")


TITLES: Mapping[str, str] = {
    "create_event": "Record an event",
    "bulk_create_events": "Record events in bulk",
    "create_or_update_profile": "Create or update a profile",
    "bulk_import_profiles": "Create or update profiles in bulk",
    "get_bulk_import_profiles_job": "Check whether the bulk import is done",
    "get_errors_for_bulk_import_profiles_job": "Read what the bulk import refused",
    "bulk_subscribe_profiles": "Subscribe, by the opt-in process of the list or the account",
    "bulk_unsubscribe_profiles": "Withdraw the consent to marketing",
    "add_profiles_to_list": "Add to a list at once",
    "remove_profiles_from_list": "Remove from a list; consent is unchanged",
    "request_profile_deletion": "Delete the profile for good",
    "merge_profiles": "Merge one profile into another for good",
    "get_profiles": "Look up whose profile it is",
    "get_profiles_for_list": "See who is on the list",
    "get_lists": "Find a list by its name",
    "create_list": "Create a list",
}
"""By the name of Klaviyo's operation: what a request to it does."""
