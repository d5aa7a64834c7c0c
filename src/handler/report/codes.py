"""The codes of answers, dead letters and logs that are the handlers' own."""

from enum import StrEnum

from operations.explained import Explained


class RejectionCode(Explained):
    """Why something is in the dead-letter queue."""

    INVALID_MESSAGE = (
        "invalid_message",
        "It is not a valid Segment message.",
        "Correct the field at its source. A redrive does not change the message: "
        "`klaviyo-destination dlq edit --stack NAME --reason invalid_message`"
        " corrects it and sends it again.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        "A fault in this destination: the mapping failed on the message.",
        "Please report it. The message is kept in the dead-letter queue.",
    )
    REFUSED = (
        "refused",
        "Klaviyo refuses it.",
        "Read Klaviyo's own words, correct it at its source, then redrive.",
    )
    RETRIES_EXHAUSTED = (
        "retries_exhausted",
        "Every retry failed until RETRY_HOURS had passed.",
        "See that Klaviyo answers again, then redrive.",
    )
    UNREADABLE = (
        "unreadable",
        "Something on the retry queue that was not put there by this destination.",
        "Find out what writes to the queue. If nothing needs it, delete it.",
    )
    TOO_LARGE = (
        "too_large",
        "It has more than 1 MB even when compressed, which no queue accepts.",
        "Send less in one message. Only its message id was kept.",
    )


class DeferralCode(StrEnum):
    """Why the webhook put a message on the retry queue before it became operations."""

    NOT_MAPPED_YET = "not_mapped_yet"


class TroubleCode(StrEnum):
    """Why a whole call was answered with a 503: a failure of this destination."""

    CREDENTIALS_UNAVAILABLE = "credentials_unavailable"
    QUEUE_UNAVAILABLE = "queue_unavailable"
    INTERNAL_ERROR = "internal_error"
