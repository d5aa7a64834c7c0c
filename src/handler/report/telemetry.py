"""Logs and metrics of both functions, by Powertools: JSON lines and CloudWatch's embedded metrics.

Nothing personal is ever written: message ids, counts, reason codes, Klaviyo's error codes and
pointers, and its error texts with everything masked that came from the message. Exceptions are
written as their type and where they happened, since their texts may quote data.
"""

import traceback
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from handler.report.message_ids import shown_id

NAMESPACE = "KlaviyoDestination"
SERVICE = "klaviyo-destination"
"""The dimension `service` of every metric, where nobody names another one."""

IDS_A_LINE = 500
"""Message ids in one log line, so that a line stays well under CloudWatch's 256 KB."""


class Metric(StrEnum):
    """Every metric, in the unit that its comment names."""

    RECEIVED = "MessagesReceived"  # messages that passed the door
    DELIVERED = "MessagesDelivered"  # messages that Klaviyo has accepted, at once or before
    REPEATED = "MessagesRepeated"  # of these, known to be delivered before, so not sent again
    QUEUED = "MessagesQueued"  # messages of which something waits in the retry queue
    DROPPED = "MessagesDropped"  # messages dropped on purpose; by reason as well
    REJECTED = "MessagesRejected"  # messages that went to the dead-letter queue at once
    SIGNATURE_FAILURES = "SignatureFailures"  # requests with a wrong signature or token
    FAILED_REQUESTS = "WebhookFailures"  # requests that were answered with a 503
    RETRY_FAILURES = "RetryFailures"  # SQS messages that failed for our own reasons
    OPERATIONS_QUEUED = "OperationsQueued"  # operations put on the retry queue for the first time
    OPERATIONS_REDRIVEN = "OperationsRedriven"  # operations back from the dead-letter queue
    OPERATIONS_MERGED = "OperationsMerged"  # copies of operations that were left out of a batch
    OPERATIONS_RETRIED = "OperationsRetried"  # operations of the retry queue whose time had come
    RETRY_DELIVERED = "OperationsDeliveredLater"  # of these, accepted by Klaviyo
    RETRY_REQUEUED = "OperationsRequeued"  # of these, put back on the retry queue
    RETRY_DEAD_LETTERED = "OperationsDeadLetteredLater"  # of these, put on the dead-letter queue
    DEAD_LETTERED = "OperationsDeadLettered"  # entries put on the dead-letter queue, from anywhere
    REFUSED = "OperationsRefused"  # operations that Klaviyo refused for good
    WARNED = "OperationsWarned"  # operations of which a part was left undone; by warning too
    THROTTLED = "OperationsThrottled"  # operations that met a rate limit
    UNAUTHORIZED = "OperationsUnauthorized"  # operations answered with 401 or 403
    KLAVIYO_REQUESTS = "KlaviyoRequests"  # HTTP requests sent to Klaviyo
    IMPORT_FAILURES = "ImportFailures"  # profiles that an import job refused afterwards
    LEDGER_FAILURES = "LedgerFailures"  # items that the ledger could not read or write
    RETRY_AGE = "RetryAge"  # seconds from the first failure to the delivery, the longest


class Telemetry:
    """One per function. Counts are gathered until `flush`.

    `service` tells deployments in one account apart.
    """

    def __init__(self, service: str = SERVICE) -> None:
        self._service = service
        self._logger = Logger(service=service, utc=True)
        self._metrics = Metrics(namespace=NAMESPACE, service=service)
        self._counted = False

    def begin(self, request_id: str | None) -> None:
        """Every line until the next call carries this request id."""
        self._logger.append_keys(request_id=request_id)

    def count(self, metric: Metric, number: float, *, seconds: bool = False) -> None:
        """Add to a metric; a zero is not written."""
        if number:
            unit = MetricUnit.Seconds if seconds else MetricUnit.Count
            self._metrics.add_metric(name=metric.value, unit=unit, value=number)
            self._counted = True

    def count_reason(self, metric: Metric, reason: str, number: int) -> None:
        """The same metric again, by reason."""
        with single_metric(
            name=metric.value, unit=MetricUnit.Count, value=number, namespace=NAMESPACE
        ) as single:
            single.add_dimension(name="service", value=self._service)
            single.add_dimension(name="reason", value=reason)

    def info(self, text: str, **fields: object) -> None:
        """Log what happened as it should."""
        self._logger.info(text, extra=fields)

    def warning(self, text: str, **fields: object) -> None:
        """Log a problem that somebody may have to handle."""
        self._logger.warning(text, extra=fields)

    def messages(self, outcome: str, reason: str | None, ids: Iterable[str | None]) -> None:
        """Log the fate that these messages share, so that each can be found by its id."""
        known = iter([shown_id(message_id) for message_id in ids if message_id is not None])
        while chunk := list(islice(known, IDS_A_LINE)):
            self._logger.info(
                "messages", extra={"outcome": outcome, "reason": reason, "message_ids": chunk}
            )

    def failure(self, text: str, error: BaseException) -> None:
        """Log an exception by its type and the places it went through, without its text."""
        self._logger.error(text, extra={"error": type(error).__name__, "where": _places(error)})

    def flush(self) -> None:
        """Write the metrics that were gathered."""
        if self._counted:
            self._metrics.flush_metrics()
            self._counted = False


def _places(error: BaseException) -> Sequence[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
