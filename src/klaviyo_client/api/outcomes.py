"""What became of an operation. The type says what to do next."""

from enum import StrEnum

from msgspec import Struct

from operations.explained import Explained


class RetryReason(Explained):
    """Why an operation must be sent again later."""

    THROTTLED = (
        "throttled",
        "Klaviyo throttles (its rate limit is reached).",
        "Nothing to do: it is retried. If it lasts, let Segment send larger batches.",
    )
    UNAVAILABLE = (
        "unavailable",
        "Klaviyo has a failure at the moment.",
        "Nothing to do: it is retried.",
    )
    TIMEOUT = (
        "timeout",
        "Klaviyo did not answer in time.",
        "Nothing to do: it is retried.",
    )
    CONNECTION_FAILED = (
        "connection_failed",
        "Klaviyo could not be reached, or the connection broke.",
        "Nothing to do: it is retried. If it lasts, check the function's network.",
    )
    UNAUTHORIZED = (
        "unauthorized",
        "Klaviyo does not know the private key.",
        "Put a valid key into the secret; until then everything waits.",
    )
    FORBIDDEN = (
        "forbidden",
        "The private key may not do this.",
        "Give the key its scopes in Klaviyo; until then everything waits.",
    )
    OUT_OF_TIME = (
        "out_of_time",
        "The time of this call was up before it was sent.",
        "Nothing to do: it is retried.",
    )
    LEDGER_LATE = (
        "ledger_late",
        "The ledger did not answer in time, so its order could not be checked or recorded.",
        "Nothing: it is retried. If it lasts, see the alarm on LedgerFailures.",
    )
    CIRCUIT_OPEN = (
        "circuit_open",
        "Klaviyo failed a moment ago, so nothing is sent for a few seconds.",
        "Nothing to do: it is retried.",
    )
    PAUSED = (
        "paused",
        "The stack is paused, so nothing is delivered and everything waits.",
        "Run `klaviyo-destination resume --stack NAME` when the reason has passed.",
    )
    WAITS_FOR_PROFILE = (
        "waits_for_profile",
        "It waits for an earlier change of the same person.",
        "Nothing to do: it follows as soon as that one is through.",
    )
    PERSON_BUSY = (
        "person_busy",
        "Another function is sending something about the same person.",
        "Nothing to do: it follows in a few seconds.",
    )
    CONSENT_TOO_SOON = (
        "consent_too_soon",
        "A consent of the same person was changed a short time ago.",
        "Nothing to do: it follows within half an hour.",
    )
    IMPORT_PENDING = (
        "import_pending",
        "Klaviyo is still working on a bulk import.",
        "Nothing to do: it is checked again in a minute.",
    )
    IMPORT_ERRORS_MISSING = (
        "import_errors_missing",
        "A bulk import refused more profiles than Klaviyo has named so far.",
        "Nothing to do: its errors are read again. If they stay incomplete, the dead-letter queue"
        " names the job and how many are missing.",
    )
    UNEXPECTED_ANSWER = (
        "unexpected_answer",
        "The answer was not as Klaviyo documents it: a proxy, a sign-in page or another"
        " host may have given it.",
        "If it lasts, see what stands between the functions and Klaviyo, and the API's revision.",
    )
    UNEXPECTED_FAILURE = (
        "unexpected_failure",
        "A fault in this destination while it was sent.",
        "Report it, with the line of the log. It is retried without the operations around it.",
    )


class DeliveryWarning(StrEnum):
    """What was left out of an operation, by Klaviyo or on purpose; the rest was delivered."""

    CHANNEL_LEFT_OUT = "channel_left_out"
    OPTED_OUT = "opted_out"
    NOT_ON_LIST = "not_on_list"
    NOTHING_TO_MERGE = "nothing_to_merge"
    SUPERSEDED = "superseded"
    OLDER_PARTS_LEFT_OUT = "older_parts_left_out"
    ORDER_NOT_CHECKED = "order_not_checked"


class Delivered(Struct, frozen=True):
    """Klaviyo accepted it. `profile_id` is Klaviyo's id where the answer names one."""

    profile_id: str | None = None


class Retryable(Struct, frozen=True):
    """Not accepted, for a reason that passes or that the operator can fix. Send it again.

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
