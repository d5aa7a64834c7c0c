"""What became of an operation. The type says what to do next."""

from enum import StrEnum

from msgspec import Struct


class RetryReason(StrEnum):
    """Why an operation must be sent again later."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    OUT_OF_TIME = "out_of_time"
    CIRCUIT_OPEN = "circuit_open"
    PAUSED = "paused"
    WAITS_FOR_PROFILE = "waits_for_profile"
    IMPORT_PENDING = "import_pending"
    IMPORT_ERRORS_MISSING = "import_errors_missing"
    UNEXPECTED_ANSWER = "unexpected_answer"
    UNEXPECTED_FAILURE = "unexpected_failure"


class DeliveryWarning(StrEnum):
    """What was left undone of an operation, by Klaviyo or on purpose; the rest of it is done."""

    CHANNEL_LEFT_OUT = "channel_left_out"
    OPTED_OUT = "opted_out"
    NOT_ON_LIST = "not_on_list"
    NOTHING_TO_MERGE = "nothing_to_merge"


class Delivered(Struct, frozen=True):
    """Klaviyo accepted it. `profile_id` is Klaviyo's id where the answer names one."""

    profile_id: str | None = None


class Retryable(Struct, frozen=True):
    """Not accepted for a reason that passes, or that is ours to repair. Send it again.

    `delay` is the time that Klaviyo named, in seconds. `tried` is false when the operation was
    never sent, so that waiting behind a pause does not count as an attempt.
    """

    reason: RetryReason
    delay: float | None = None
    status: int | None = None
    tried: bool = True


class Refused(Struct, frozen=True):
    """Klaviyo will never accept it as it is.

    `status` is that of the answer which says so; an import job's refusals are read with a 200.
    `detail` is Klaviyo's own text and may quote personal data: it belongs in the dead-letter
    queue, and in logs only after `redaction.redact`.
    """

    status: int
    code: str
    detail: str
    pointer: str | None = None


Outcome = Delivered | Retryable | Refused


UNTRIED = Retryable(RetryReason.OUT_OF_TIME, tried=False)
"""The time was up before its turn came."""


def waiting_for(profile: Retryable) -> Retryable:
    """The outcome of a step that must not overtake the upsert of its profile.

    It shares the upsert's delay and attempts, so that both come back at the same time.
    """
    return Retryable(
        RetryReason.WAITS_FOR_PROFILE, profile.delay, profile.status, tried=profile.tried
    )
