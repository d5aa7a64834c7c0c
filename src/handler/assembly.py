"""Puts a function together from its environment, once for each process.

Each function loads only its own modules: the other's would take 2 % of a cold start.
"""

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from handler.aws.credentials import CredentialStore
from handler.aws.environment import Environment
from handler.aws.secret import fetch_secret
from handler.pause import Pause
from handler.queue.backoff import delay_seconds
from handler.queue.queues import Queue
from handler.queue.sqs import Sqs
from handler.report.telemetry import SERVICE, Telemetry
from klaviyo_client.delivery import Klaviyo
from klaviyo_client.people.newest import ONCE_SECONDS

if TYPE_CHECKING:
    from handler.books.opening import Books
    from handler.intake import Intake
    from handler.redelivery import Redelivery

CHANCE = random.SystemRandom().random
"""Randomness of the operating system. A generator in memory would give the same numbers in every
copy that SnapStart makes of the process."""

PROBE_SECONDS = 0.75
"""Seconds that a webhook call may spend on a probe of whether Klaviyo is back."""

REMEMBER_SECONDS = 30.0
"""Seconds that a failed upsert may take through the queue. Later upserts of its person wait for
it."""

PATIENCE_SECONDS = 5.0
"""Seconds that the retry function waits out a pause that Klaviyo names, instead of requeueing."""


def webhook(variables: Mapping[str, str], *, once_seconds: float = ONCE_SECONDS) -> "Intake":
    """The webhook function. Raises `SettingError` for a variable that cannot be read.

    A consent that was changed is left as it is for `once_seconds`.
    """
    from handler.intake import Intake

    environment = Environment.read(variables)
    telemetry = _telemetry(variables)
    sqs = Sqs()
    return Intake(
        settings=environment.settings,
        credentials=CredentialStore(environment, fetch_secret, time.monotonic),
        klaviyo=Pause()
        if environment.is_paused
        else Klaviyo(
            environment.klaviyo_api_url,
            probe_seconds=PROBE_SECONDS,
            remember_seconds=REMEMBER_SECONDS,
            once_seconds=once_seconds,
            latest_retry=lambda named: delay_seconds(1, named, chance=1.0),
        ),
        retry_queue=Queue(environment.retry_queue_url, sqs),
        dead_letter_queue=Queue(environment.dead_letter_queue_url, sqs),
        retry_seconds=environment.retry_seconds,
        telemetry=telemetry,
        now=_now,
        chance=CHANCE,
        books=_books(environment, "webhook", telemetry, once_seconds),
    )


def retry(variables: Mapping[str, str], *, once_seconds: float = ONCE_SECONDS) -> "Redelivery":
    """The retry function; as `webhook`."""
    from handler.redelivery import Redelivery

    environment = Environment.read(variables)
    telemetry = _telemetry(variables)
    sqs = Sqs()
    return Redelivery(
        settings=environment.settings,
        credentials=CredentialStore(environment, fetch_secret, time.monotonic),
        klaviyo=Klaviyo(
            environment.klaviyo_api_url,
            patience=PATIENCE_SECONDS,
            share=1 / environment.retry_concurrency,
            once_seconds=once_seconds,
        ),
        retry_queue=Queue(environment.retry_queue_url, sqs),
        dead_letter_queue=Queue(environment.dead_letter_queue_url, sqs),
        retry_seconds=environment.retry_seconds,
        telemetry=telemetry,
        now=_now,
        chance=CHANCE,
        books=_books(environment, "retry", telemetry, once_seconds),
        is_paused=environment.is_paused,
    )


def _books(
    environment: Environment,
    function: str,
    telemetry: Telemetry,
    once_seconds: float,
) -> "Books | None":
    """Loaded only where there is a ledger."""
    if environment.ledger_table is None:
        return None
    from handler.aws.dynamodb import DynamoDb
    from handler.books import recording  # noqa: F401 - at start, not within the first call
    from handler.books.last_word import LastWord, Lateness
    from handler.books.opening import Books
    from ledger.allowance import PATIENT_SECONDS
    from ledger.table import Table

    table = Table(environment.ledger_table, DynamoDb().call, environment.ledger_seconds)
    if function == "webhook":
        last_word, seconds = LastWord(table, once_seconds=once_seconds), None
    else:
        last_word = LastWord(table, once_seconds=once_seconds, lateness=Lateness())
        seconds = PATIENT_SECONDS
    return Books(table, function, telemetry, last_word, seconds)


def _telemetry(variables: Mapping[str, str]) -> Telemetry:
    """Named by Powertools' own variable, which the template sets to the stack's name."""
    return Telemetry(variables.get("POWERTOOLS_SERVICE_NAME", "").strip() or SERVICE)


def _now() -> datetime:
    return datetime.now(UTC)
