"""The codes of answers, dead letters and logs that are the handlers' own."""

from enum import StrEnum


class RejectionCode(StrEnum):
    """Why something is in the dead-letter queue."""

    INVALID_MESSAGE = "invalid_message"
    INTERNAL_ERROR = "internal_error"
    REFUSED = "refused"
    RETRIES_EXHAUSTED = "retries_exhausted"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


class DeferralCode(StrEnum):
    """Why the webhook put a message on the retry queue before it became operations."""

    NOT_MAPPED_YET = "not_mapped_yet"


class TroubleCode(StrEnum):
    """Why a whole call was answered with a 503: trouble of our own."""

    CREDENTIALS_UNAVAILABLE = "credentials_unavailable"
    QUEUE_UNAVAILABLE = "queue_unavailable"
    INTERNAL_ERROR = "internal_error"
